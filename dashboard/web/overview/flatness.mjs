// @ts-check
/** The flatness of patches that this browser keeps, as a column of the overview and of its CSV. Pure, but for `attach`. */

import { flatnessOf, patchesOf, unitOf } from "../space/patches.mjs";
import { formatNumber, withUnit } from "../ui/numbers.mjs";

/**
 * @typedef {import("./cells.mjs").Cell} Cell
 * @typedef {import("../space/patches.mjs").Summary} Summary
 * @typedef {{target: string, clips: {key: string}[], configurations: {spelling: string}[]}} Named
 */

/** Gives the cells what is kept of their clips; returns the unit, empty if nothing is. @param {Named} data @param {Cell[]} cells @returns {"cm" | "%" | ""} */
export function attach({ target, clips, configurations }, cells) {
  if (target !== "depth") return "";
  const patches = clips.map(({ key }) => patchesOf(key));
  const unit = unitOf(patches.flat());
  for (const cell of cells) {
    const name = fullSpelling(configurations[cell.configuration].spelling, target);
    cell.patches = flatnessOf(patches[cell.clip], name, unit);
    cell.flatness = cell.patches?.mean ?? null;
  }
  return cells.some(({ patches: own }) => own) ? unit : "";
}

/** `zoo/method/path` of a spelling that leaves out direct paths. @param {string} spelling @param {string} target */
function fullSpelling(spelling, target) {
  return spelling.split("/").length === 2 ? `${spelling}/rgb-${target}` : spelling;
}

/** What stands beside the value: `2 patches, truth 0.4 cm`. @param {Summary} summary @param {string} unit */
export function asideText({ count, truth }, unit) {
  const patches = `${count} ${count === 1 ? "patch" : "patches"}`;
  return truth === null ? patches : `${patches}, truth ${withUnit(truth, unit)}`;
}

/** How far the value can be trusted. @param {Summary} summary @param {string} unit */
export function noiseText({ count, least, most, rounding }, unit) {
  const spread = count > 1 ? `from ${formatNumber(least, unit)} to ${withUnit(most, unit)} over the patches; ` : "";
  return `${spread}the rounding of the stored depth alone gives up to ${withUnit(rounding, unit)}`;
}

/**
 * A table of the server with columns of what this browser knows, found by clip and configuration.
 * @param {string} csv whose first row has titles @param {Named} data @param {Cell[]} cells @param {string} unit
 */
export function withFlatness(csv, { target, clips, configurations }, cells, unit) {
  const [head = "", ...rows] = csv.match(/(?:"(?:[^"]|"")*"|[^"\r\n])+/g) ?? [];
  const titles = fieldsOf(head.replace(/^\ufeff/, ""));
  const [clipAt, nameAt] = [titles.indexOf("clip key"), titles.indexOf("configuration")];
  const columns = ["flatness, RMS", "flatness by rounding alone", "flatness of the ground truth"].map(
    (title) => `"${title} (${unit})"`,
  );
  const lines = rows.map((row) => {
    const fields = fieldsOf(row);
    const own = cells.find(
      ({ clip, configuration }) =>
        fields[clipAt]?.startsWith(clips[clip].key) &&
        fields[nameAt] === fullSpelling(configurations[configuration].spelling, target),
    )?.patches;
    const values = own ? [own.mean, own.rounding, own.truth ?? "", own.count] : ["", "", "", 0];
    return [row, ...values].join(",");
  });
  // With the byte order mark of the server's files, without which spreadsheets misread the letters.
  return `\ufeff${[[head.replace(/^\ufeff/, ""), ...columns, "flatness: patches"].join(","), ...lines].join("\r\n")}\r\n`;
}

/** @param {string} row of a table by RFC 4180 */
function fieldsOf(row) {
  const fields = row.match(/(?<=^|,)(?:"(?:[^"]|"")*"|[^",]*)/g) ?? [];
  return fields.map((field) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));
}
