// @ts-check
/**
 * Patches of walls whose flatness was measured in space and kept as a note of a frame: numbers beside the note, stored in this
 * browser by clip, for the Overview. A patch counts as long as its note stands.
 */

import { MAX_NOTE_LETTERS, recall, recallNotes, remember } from "../controls/notes.mjs";

const STORED_AS = "crosscheck.patches.";
const MAX_PATCHES = 500;
/** Depths of a patch: ground truth and configurations. */
const MAX_DEPTHS = 20;
/** The name of the ground truth among the depths of a patch. */
export const TRUTH = "truth";

/**
 * @typedef {{rms: number, depth: number, rounding: number, isMetric: boolean}} Flatness of one depth: RMS distance from the plane
 *   through it, and the depth of its middle, in the unit of the depth; rounding: what the rounding of the stored depth alone
 *   gives, a share of the depth; isMetric: whether the unit is m
 * @typedef {{frame: number, box: number[], note: string, depths: Record<string, Flatness>}} Patch box: left, top, width, height, in
 *   pixels of the clip; depths: by `zoo/method/path`, or TRUTH
 * @typedef {{count: number, mean: number, least: number, most: number, rounding: number, truth: number | null}} Summary of
 *   patches, all in one unit; truth: mean flatness of the ground truth on those of them where it is known
 */

/** Reads stored patches, which any script of the site could have written; invalid ones are left out. Pure. @param {string | null} text @returns {Patch[]} */
export function readPatches(text) {
  let found;
  try {
    found = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  if (!Array.isArray(found)) return [];
  return found.slice(0, MAX_PATCHES).filter(isPatch);
}

/** @param {any} one @returns {one is Patch} */
function isPatch(one) {
  const isWhole = (/** @type {unknown} */ value) => Number.isInteger(value) && Number(value) >= 0;
  const depths = one?.depths && typeof one.depths === "object" ? Object.entries(one.depths) : [];
  return (
    isWhole(one?.frame) &&
    Array.isArray(one.box) &&
    one.box.length === 4 &&
    one.box.every(isWhole) &&
    typeof one.note === "string" &&
    one.note.length <= MAX_NOTE_LETTERS &&
    depths.length > 0 &&
    depths.length <= MAX_DEPTHS &&
    depths.every(([, depth]) => isFlatness(depth))
  );
}

/** @param {any} depth */
function isFlatness(depth) {
  const isSize = (/** @type {unknown} */ value) => Number.isFinite(value) && Number(value) >= 0;
  const { rms, depth: middle, rounding, isMetric } = depth ?? {};
  return isSize(rms) && isSize(rounding) && isSize(middle) && middle > 0 && typeof isMetric === "boolean";
}

/** Adds a patch: of one box of a frame, the last measurement of each depth counts. Pure. @param {Patch[]} patches @param {Patch} patch @returns {Patch[]} */
export function withPatch(patches, patch) {
  const isSame = (/** @type {Patch} */ { frame, box }) =>
    frame === patch.frame && box.every((side, at) => side === patch.box[at]);
  const others = patches.map((one) => {
    const left = Object.entries(one.depths).filter(([name]) => !isSame(one) || !(name in patch.depths));
    return { ...one, depths: Object.fromEntries(left) };
  });
  return [...others.filter(({ depths }) => Object.keys(depths).length > 0), patch].slice(-MAX_PATCHES);
}

/** The patches whose note stands. Pure. @param {Patch[]} patches @param {ReadonlyMap<number, string>} notes */
export function noted(patches, notes) {
  return patches.filter(({ frame, note }) => notes.get(frame)?.includes(note));
}

/** @param {string} clip its key @param {Patch} patch */
export function keepPatch(clip, patch) {
  const name = STORED_AS + clip;
  remember(name, JSON.stringify(withPatch(readPatches(recall(name)), patch)));
}

/** The patches of clips whose keys begin so, whose notes stand. @param {string} start @returns {Patch[]} */
export function patchesOf(start) {
  return clipsWithPatches()
    .filter((clip) => clip.startsWith(start))
    .flatMap((clip) => noted(readPatches(recall(STORED_AS + clip)), recallNotes(clip, Infinity)));
}

/** @returns {string[]} keys of clips */
function clipsWithPatches() {
  try {
    const names = Object.keys(window.localStorage);
    return names.filter((name) => name.startsWith(STORED_AS)).map((name) => name.slice(STORED_AS.length));
  } catch {
    return []; // storage is forbidden here
  }
}

/**
 * The flatness of a configuration over patches; null: none measures it. Pure.
 * @param {Patch[]} patches @param {string} name `zoo/method/path` @param {"cm" | "%"} unit cm: only if all are in metres
 * @returns {Summary | null}
 */
export function flatnessOf(patches, name, unit) {
  const measured = patches.filter(({ depths }) => Object.hasOwn(depths, name));
  if (measured.length === 0) return null;
  const scaled = (/** @type {number} */ size, /** @type {Flatness} */ { depth }) =>
    unit === "cm" ? 100 * size : (100 * size) / depth;
  const sizeOf = (/** @type {Flatness} */ one) => scaled(one.rms, one);
  const own = measured.map(({ depths }) => depths[name]);
  const sizes = own.map(sizeOf);
  const roundings = own.map((one) => scaled(one.rounding * one.depth, one));
  const truths = measured.flatMap(({ depths }) => (Object.hasOwn(depths, TRUTH) ? [sizeOf(depths[TRUTH])] : []));
  return {
    count: sizes.length,
    mean: mean(sizes),
    least: Math.min(...sizes),
    most: Math.max(...sizes),
    rounding: mean(roundings),
    truth: truths.length ? mean(truths) : null,
  };
}

/** cm where every depth of every patch is in metres, else %. Pure. @param {Patch[]} patches @returns {"cm" | "%"} */
export function unitOf(patches) {
  const isMetric = patches.every(({ depths }) => Object.values(depths).every(({ isMetric: inMetres }) => inMetres));
  return isMetric ? "cm" : "%";
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
