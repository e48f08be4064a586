// @ts-check
/**
 * The bookmarks as a report: one HTML file with the picture, time, numbers, note and link of each. Notes and titles come from
 * outside: they are written as text, and the file may load nothing and run nothing.
 */

import { linkTo } from "../controls/copy_link.mjs";
import { formatTime } from "../player/clock.mjs";
import { formatNumber } from "../ui/numbers.mjs";
import { escaped } from "./offline_page.mjs";

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE = `
body { max-width: 1100px; margin: 24px auto; padding: 0 16px; color: #23252a; background: #fff; font: 14px/20px system-ui, sans-serif; }
h1 { font-size: 20px; } h2 { margin: 32px 0 4px; font-size: 16px; }
img { display: block; max-width: 100%; margin: 8px 0; border: 1px solid #d9dad5; }
.note { margin: 4px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 12px 2px 0; border-bottom: 1px solid #e5e5e2; text-align: right; } th:first-child { text-align: left; }
.muted { color: #5c6068; font-size: 13px; }
@media print { article { break-inside: avoid; } }`;

/**
 * @typedef {{frame: number, seconds: number, note: string, picture: string, link: string, rows: Row[]}} Finding picture: a
 *   data: address; link: "" for none
 * @typedef {{measure: string, unit: string, values: [string, number | null | undefined][]}} Row values: by configuration
 */

/**
 * The file. Pure.
 * @param {{title: string, about: string[], findings: Finding[]}} report
 * @returns {string}
 */
export function reportText({ title, about, findings }) {
  const count = findings.length === 1 ? "1 bookmark" : `${findings.length} bookmarks`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}: ${count}</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="muted">${escaped([count, ...about].join(" · "))}</p>
${findings.map(findingText).join("\n")}
</body>
</html>
`;
}

/** @param {Finding} finding */
function findingText({ frame, seconds, note, picture, link, rows }) {
  const where = `frame ${frame} · ${formatTime(seconds)}`;
  return `<article>
<h2>${escaped(where[0].toUpperCase() + where.slice(1))}</h2>
${note ? `<p class="note">${escaped(note)}</p>\n` : ""}<img src="${escaped(picture)}" alt="${escaped(`the panes at ${where}`)}">
${tableText(rows)}${link ? `<p><a href="${escaped(link)}">Open this view</a></p>\n` : ""}</article>`;
}

/** @param {Row[]} rows */
function tableText(rows) {
  const names = [...new Set(rows.flatMap(({ values }) => values.map(([name]) => name)))];
  if (names.length === 0) return "";
  const head = ["", ...names].map((name) => `<th>${escaped(name)}</th>`).join("");
  const lines = rows.map(({ measure, unit, values }) => {
    const byName = new Map(values);
    return `<tr><th>${escaped(measure)}</th>${names.map((name) => `<td>${escaped(formatNumber(byName.get(name) ?? NaN, unit))}</td>`).join("")}</tr>`;
  });
  return `<table>\n<tr>${head}</tr>\n${lines.join("\n")}\n</table>\n`;
}

/**
 * What the plots show of one frame. Pure.
 * @param {import("../plots/curves.mjs").SentChart[]} charts @param {number} frame @returns {Row[]}
 */
export function rowsOf(charts, frame) {
  return charts.map(({ title, unit, series }) => ({
    measure: `${title}${unit && ` (${unit})`}`,
    unit,
    values: series.map(({ letter, name, fullName = name, values }) => [`${letter} ${fullName}`.trim(), values[frame]]),
  }));
}

/**
 * @param {import("../player/context.mjs").Context} context
 * @param {{snapshot: import("./snapshot.mjs").Snapshot, signal: AbortSignal, onProgress: (done: number, count: number) => void}} options
 * @returns {Promise<Blob>}
 */
export async function makeReport(context, { snapshot, signal, onProgress }) {
  const { data, notes, frames, clip } = context;
  const marked = [...notes].filter(([frame]) => frame >= clip.firstReady && frame < clip.nReady);
  /** @type {Finding[]} */
  const findings = [];
  for (const [frame, note] of marked) {
    onProgress(findings.length, marked.length);
    const pictures = await frames.loadExact(frame);
    signal.throwIfAborted();
    if (!snapshot.isCurrent) throw new Error("the view changed its size meanwhile; save again");
    snapshot.draw(frame, pictures);
    findings.push({
      frame,
      seconds: data.ptsSeconds[frame] ?? NaN,
      note,
      picture: snapshot.canvas.toDataURL("image/png"),
      link: data.isFile ? "" : linkTo(context, frame).href,
      rows: rowsOf(data.charts, frame),
    });
  }
  const text = reportText({ title: data.title, about: data.about ?? [], findings });
  return new Blob([text], { type: "text/html" });
}
