// @ts-check
/**
 * The view state: what the viewer looks at, and how, as one plain record with its spelling in the link. Pure.
 *
 * Everything that a link must restore beside the choice of tracks, the frame and the speed is a field of FIELDS, with a
 * default that the link leaves out. Python passes the spellings through without knowing their meaning.
 */

import { LETTERS } from "../player/context.mjs";
import { MAX_LETTERS, PANE_FIELDS } from "./pane_view_state.mjs";
import { SPACE_FIELDS } from "./space_view_state.mjs";

/**
 * @typedef {import("./pane_view_state.mjs").PaneViewState & import("./space_view_state.mjs").SpaceViewState & {loop: [number, number] | null, solo: string | null, span: [number, number] | null, hide: string,
 *   gap: {of: string, against: string} | null, region: import("../tools/region.mjs").Box | null,
 *   panel: string | null, rank: {by: string, pane: string} | null, paths: string | null,
 *   brush: {plot: string, box: [number, number, number, number]} | null, marks: number[]}} ViewState
 *   loop: first and last frame of the loop; solo: id of the only pane that is shown
 *   span: first and last frame of the plots' time axis, null: the whole clip; hide: letters that the plots leave out
 *   gap: the measure of which the gap is shown, and the letter that A is compared with; null: the first of each
 *   region: the part of the picture whose energy is plotted; null: all of it
 *   panel: the one that is open under the plots; rank: what the worst frames are ranked by, and the pane that they show;
 *   paths: the letter whose energy is taken apart; brush: the box of a scatter plot whose frames are marked
 *   marks: bookmarked frames, ascending
 * @typedef {{ids: string[], nFrames: number, letters?: string}} Facts what a spelling is checked against: the panes and the clip; letters: of configurations
 */

/**
 * By name, which is also the link's: the default, the spelling of a value, and the value of a spelling (undefined where
 * it is not a spelling of this field: anyone can write a link).
 * `write` takes `any`: TypeScript cannot pair the type of a value with its name in a loop.
 * @type {{[name in keyof ViewState]: {initial: ViewState[name], write: (value: any) => string,
 *   read: (text: string, facts: Facts) => ViewState[name] | undefined}}}
 */
export const FIELDS = {
  ...PANE_FIELDS,
  ...SPACE_FIELDS,
  loop: { initial: null, write: writeRange, read: readRange },
  solo: {
    initial: null,
    write: (id) => id,
    read: (text, { ids }) => (ids.includes(text) ? text : undefined),
  },
  span: { initial: null, write: writeRange, read: readRange },
  hide: {
    initial: "",
    write: (letters) => letters,
    read: (text, { letters = LETTERS }) =>
      new RegExp(`^[${letters}]{1,${letters.length}}$`).test(text) ? text : undefined,
  },
  panel: {
    initial: null,
    write: (name) => name,
    read: (text) => (["worst", "scatter", "paths", "believe"].includes(text) ? text : undefined),
  },
  rank: {
    initial: null,
    write: ({ by, pane }) => `${by}.${pane}`,
    read: (text) => {
      const found = /^([a-z0-9]{1,20})\.([A-Za-z0-9_]{1,40})$/.exec(text);
      return found ? { by: found[1], pane: found[2] } : undefined;
    },
  },
  paths: {
    initial: null,
    write: (letter) => letter,
    read: (text, { letters = LETTERS }) => (text.length === 1 && letters.includes(text) ? text : undefined),
  },
  brush: {
    initial: null,
    write: ({ plot, box }) => [plot, ...box.map((/** @type {number} */ end) => Number(end.toPrecision(5)))].join("~"),
    read: (text) => {
      const [plot, ...ends] = text.split("~");
      const box = ends.map(Number);
      const isBox = box.length === 4 && box.every(Number.isFinite) && box[0] <= box[1] && box[2] <= box[3];
      return ["pair", "error"].includes(plot) && isBox
        ? { plot, box: /** @type {[number, number, number, number]} */ (box) }
        : undefined;
    },
  },
  marks: { initial: /** @type {number[]} */ ([]), write: writeMarks, read: readMarks },
  region: {
    initial: null,
    write: (box) => box.join("-"),
    read: (text) => {
      if (!/^\d{1,5}-\d{1,5}-[1-9]\d{0,4}-[1-9]\d{0,4}$/.test(text)) return undefined;
      return /** @type {[number, number, number, number]} */ (text.split("-").map(Number));
    },
  },
  gap: {
    initial: null,
    write: ({ of, against }) => `${of}.${against}`,
    read: (text, { letters = LETTERS }) => {
      const found = /^([a-z0-9]{1,20})\.([A-Z])$/.exec(text);
      return found && letters.indexOf(found[2]) > 0 ? { of: found[1], against: found[2] } : undefined;
    },
  },
};

/** As many frames as a link may carry. @param {number[]} frames */
function writeMarks(frames) {
  const texts = frames.map(String);
  while (texts.join(".").length > MAX_LETTERS) texts.pop();
  return texts.join(".");
}

/** @param {string} text @param {Facts} facts @returns {number[] | undefined} */
function readMarks(text, { nFrames }) {
  if (!/^\d{1,9}(\.\d{1,9})*$/.test(text)) return undefined;
  const frames = [...new Set(text.split(".").map(Number))].sort((a, b) => a - b);
  return frames.every((frame) => frame < nFrames) ? frames : undefined;
}

/** @param {[number, number]} range first and last frame */
function writeRange([first, last]) {
  return `${first}-${last}`;
}

/** @param {string} text @param {Facts} facts @returns {[number, number] | undefined} */
function readRange(text, { nFrames }) {
  const found = /^(\d{1,9})-(\d{1,9})$/.exec(text);
  if (!found) return undefined;
  const [first, last] = [Number(found[1]), Number(found[2])];
  return first < last && last < nFrames ? [first, last] : undefined;
}

/** @returns {ViewState} */
export function initialViewState() {
  return /** @type {ViewState} */ (
    Object.fromEntries(Object.entries(FIELDS).map(([name, { initial }]) => [name, initial]))
  );
}

/**
 * The spellings of what is not at its default.
 * @param {ViewState} state
 * @returns {Record<string, string>}
 */
export function writeViewState(state) {
  /** @type {Record<string, string>} */
  const texts = {};
  for (const [name, { initial, write }] of Object.entries(FIELDS)) {
    const value = state[/** @type {keyof ViewState} */ (name)];
    if (value !== null && JSON.stringify(value) !== JSON.stringify(initial)) texts[name] = write(value);
  }
  return texts;
}

/**
 * The view state that the spellings describe; the default where one is missing or does not fit.
 * @param {Record<string, unknown>} texts
 * @param {Facts} facts
 * @returns {ViewState}
 */
export function readViewState(texts, facts) {
  const state = initialViewState();
  for (const [name, { read }] of Object.entries(FIELDS)) {
    const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
    const value = typeof text === "string" ? read(text, facts) : undefined;
    if (value !== undefined) Object.assign(state, { [name]: value });
  }
  return state;
}
