// @ts-check
/** The flatness of patches that this browser keeps, as a column of the overview and of its CSV. Pure, but for `attach`. */

import { flatnessOf, patchesOf, unitOf } from "../space/patches.mjs";
import { formatNumber, withUnit } from "../ui/numbers.mjs";

/**
 * @typedef {import("./cells.mjs").Cell} Cell
 * @typedef {import("../space/patches.mjs").Patch} Patch
 * @typedef {import("../space/patches.mjs").Summary & {isShared?: boolean}} Summary isShared: over the patches of the clip's other rows
 * @typedef {{target: string, clips: {key: string}[], configurations: {spelling: string}[]}} Named
 */

/** Gives the cells what is kept of their clips; returns the unit, empty if nothing is. @param {Named} data @param {Cell[]} cells @returns {"cm" | "%" | ""} */
export function attach({ target, clips, configurations }, cells) {
  if (target !== "depth") return "";
  const patches = clips.map(({ key }) => patchesOf(key));
  const unit = unitOf(patches.flat());
  const nameOf = (/** @type {Cell} */ { configuration }) =>
    fullSpelling(configurations[configuration].spelling, target);
  /** @type {Map<number, Set<string>>} */
  const names = new Map();
  for (const cell of cells) names.set(cell.clip, (names.get(cell.clip) ?? new Set()).add(nameOf(cell)));
  const compared = patches.map((own, clip) => comparable(own, [...(names.get(clip) ?? [])]));
  for (const cell of cells) {
    const { patches: kept, isShared } = compared[cell.clip];
    const summary = flatnessOf(kept, nameOf(cell), unit);
    cell.patches = summary && { ...summary, isShared };
    cell.flatness = isShared ? (summary?.mean ?? null) : null; // which sorts nothing
  }
  return cells.some(({ patches: own }) => own) ? unit : "";
}

/**
 * The patches of a clip over which its configurations can be compared: those that measure each one that any patch measures. Where
 * there are none, all of them, not shared. Pure.
 * @param {Patch[]} patches @param {string[]} names of the configurations @returns {{patches: Patch[], isShared: boolean}}
 */
export function comparable(patches, names) {
  /** @type {Map<string, Patch>} */
  const boxes = new Map();
  for (const patch of patches) {
    const place = [patch.frame, ...patch.box].join();
    boxes.set(place, { ...patch, depths: { ...boxes.get(place)?.depths, ...patch.depths } });
  }
  const whole = [...boxes.values()];
  const measured = names.filter((name) => whole.some(({ depths }) => Object.hasOwn(depths, name)));
  const shared = whole.filter(({ depths }) => measured.every((name) => Object.hasOwn(depths, name)));
  return shared.length ? { patches: shared, isShared: true } : { patches: whole, isShared: false };
}

/** `zoo/method/path` of a spelling that leaves out direct paths. @param {string} spelling @param {string} target */
function fullSpelling(spelling, target) {
  return spelling.split("/").length === 2 ? `${spelling}/rgb-${target}` : spelling;
}

/** What stands beside the value: `2 patches, truth 0.4 cm`. @param {Summary} summary @param {string} unit */
export function asideText({ count, truth, isShared = true }, unit) {
  const patches = `${count} ${isShared ? "" : "other "}${count === 1 ? "patch" : "patches"}`;
  return truth === null ? patches : `${patches}, truth ${withUnit(truth, unit)}`;
}

/** How far the value can be trusted. @param {Summary} summary @param {string} unit */
export function noiseText({ count, least, most, rounding, isShared = true }, unit) {
  const other = isShared ? "" : "not sorted: the clip's configurations were measured on different patches; ";
  const spread = count > 1 ? `from ${formatNumber(least, unit)} to ${withUnit(most, unit)} over the patches; ` : "";
  return `${other}${spread}the rounding of the stored depth alone gives up to ${withUnit(rounding, unit)}`;
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
  // Thousands of rows: the page's keys begin the file's, and all have one length or few.
  const known = new Map(
    cells.map(({ clip, configuration, patches }) => [
      `${clips[clip].key} ${fullSpelling(configurations[configuration].spelling, target)}`,
      patches,
    ]),
  );
  const lengths = [...new Set(clips.map(({ key }) => key.length))];
  const lines = rows.map((row) => {
    const fields = fieldsOf(row);
    const places = lengths.map((length) => `${fields[clipAt]?.slice(0, length)} ${fields[nameAt]}`);
    const own = places.map((place) => known.get(place)).find(Boolean);
    const shared = own?.isShared === false ? "no" : "yes";
    const values = own ? [own.mean, own.rounding, own.truth ?? "", own.count, shared] : ["", "", "", 0, ""];
    return [row, ...values].join(",");
  });
  // With the byte order mark of the server's files, without which spreadsheets misread the letters.
  return `\ufeff${[[head.replace(/^\ufeff/, ""), ...columns, "flatness: patches", "flatness: same patches"].join(","), ...lines].join("\r\n")}\r\n`;
}

/** @param {string} row of a table by RFC 4180 */
function fieldsOf(row) {
  const fields = row.match(/(?<=^|,)(?:"(?:[^"]|"")*"|[^",]*)/g) ?? [];
  return fields.map((field) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));
}
