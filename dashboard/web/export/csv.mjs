// @ts-check
/** The plotted series as a CSV table: one row per frame, units in the header. Pure. */

import { byFrame } from "../plots/curves.mjs";

/**
 * @param {{ptsSeconds: number[], charts: import("../plots/curves.mjs").SentChart[]}} data
 * @param {{first: number, last: number, notes?: ReadonlyMap<number, string>,
 *   more?: {name: string, values: ArrayLike<number | string>}[], clip?: string}} options frames, both included; notes: bookmarks;
 *   more: columns; clip: its title, in a column of its own, since tables are put together
 * @returns {string}
 */
export function seriesCsv({ ptsSeconds, charts }, { first, last, notes = new Map(), more = [], clip = "" }) {
  const columns = [...plottedColumns(charts, ptsSeconds.length), ...more];
  const header = ["frame", "time (s)", ...columns.map(({ name }) => name)];
  if (notes.size) header.push("bookmark", "note");
  if (clip) header.push("clip");
  const lines = [header.map(textCell).join(",")];
  for (let frame = first; frame <= last; frame += 1) {
    const cells = [String(frame), numberCell(ptsSeconds[frame])];
    for (const { values } of columns) cells.push(cell(values[frame]));
    if (notes.size) cells.push(notes.has(frame) ? "1" : "", textCell(notes.get(frame) ?? ""));
    if (clip) cells.push(textCell(clip));
    lines.push(cells.join(","));
  }
  return `${lines.join("\r\n")}\r\n`; // RFC 4180
}

/**
 * Every series that the plots show, named with its unit.
 * @param {import("../plots/curves.mjs").SentChart[]} charts @param {number} nFrames
 */
function plottedColumns(charts, nFrames) {
  return charts.flatMap(({ title, unit, series }) =>
    series.map(({ letter, name, fullName = name, values }) => ({
      name: `${title}, ${[letter, fullName].filter(Boolean).join(" ")}${unit && ` (${unit})`}`,
      values: byFrame(values, nFrames),
    })),
  );
}

/**
 * Columns of equal length as a table.
 * @param {{name: string, values: ArrayLike<number | string>}[]} columns
 */
export function tableCsv(columns) {
  const n = Math.max(0, ...columns.map(({ values }) => values.length));
  const rows = Array.from({ length: n }, (_, at) => columns.map(({ values }) => cell(values[at])).join(","));
  return `${[columns.map(({ name }) => textCell(name)).join(","), ...rows].join("\r\n")}\r\n`;
}

/** @param {number | string | undefined} value */
function cell(value) {
  return typeof value === "string" ? textCell(value) : numberCell(value);
}

/** @param {number | undefined} value */
function numberCell(value) {
  return Number.isFinite(value) ? String(value) : "";
}

/** Text as text: a spreadsheet would run what begins like a formula. @param {string} text */
function textCell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
