// @ts-check
/** The numbers per frame behind plots, strip, lists and scatter, and what they say. No DOM. */

import { limitOf } from "../drawing/energy_scale.mjs";

/** Fewest frames that a zoomed time axis shows. */
const MIN_SPAN = 8;
/** Where the cursor stands after a zoomed axis has followed it, as a share of the axis from the side it came from. */
const FOLLOW_SHARE = 0.1;
/** Frames for each column of pixels, above which a curve is thinned for the screen. */
const FRAMES_PER_COLUMN = 4;
/** Frames of one list of the worst are at least this far apart, as neighbours look alike. */
const APART = 5;
/** Charts that a strip may show, beside the one that guides. */
export const STRIP_IDS = ["energy", "stability", "expected"];

/**
 * @typedef {{low: (number | null)[], high: (number | null)[], coverage: number}} Band the interval around each value, null:
 *   the frame has none; `coverage`: the chance that a frame lies in it
 * @typedef {{letter: string, name: string, values: ArrayLike<number | null>, colour?: string, width?: number, dash?: string,
 *   isDrawn?: boolean, act?: string, fullName?: string, band?: Band}} Series one number per frame of the configuration with that letter ("": of none), null or
 *   NaN: unknown. Those made in the browser may have a colour, a width (px) and a line style of their own, an entry in the
 *   legend alone, and `act`: what a click on that entry does
 * @typedef {{id: string, title: string, unit: string, series: Series[], hasZeroLine?: boolean, axis?: string, nTicks?: number,
 *   isAnchored?: boolean, hasBand?: boolean, limit?: import("../drawing/energy_scale.mjs").Limit | null,
 *   areas?: {letter: string, x: number[], values: (number | null)[]}[], bands?: {colour: string, values: Float64Array}[],
 *   measure?: string, floors?: Record<string, number | null>, faint?: Series[], words?: {text: string, isTop: boolean}[], note?: string, controls?: HTMLElement,
 *   onTap?: (frame: number, value: number) => void, onEntry?: (index: number) => void}} Chart `axis` names the axis before
 *   its unit; `isAnchored`: on the scale of standardised energies, with a band of usual values where it `hasBand`, and a
 *   line at the `limit`; `areas` reach down to 0 and `bands` stand on each other; `faint`: drawn without an entry; `measure`: of an error, the one chosen in the menu of that name; `note`:
 *   behind the title; `controls`: at the right of it; `onTap`: a click that drags nothing, with the axis' value;
 *   `onEntry`: a click on the entry of a series with `act`
 * @typedef {Pick<Chart, "id" | "title" | "unit" | "series" | "hasZeroLine" | "floors" | "measure"> & {limit?: number | null}} SentChart a chart as
 *   Python sends it; limit: of an energy, see `limitOf`
 * @typedef {{id: string, title: string, unit: string, limit: import("../drawing/energy_scale.mjs").Limit | null,
 *   byLetter: Map<string, Float64Array>, floors: Record<string, number | null>}} Measure values of each configuration, by
 *   frame; NaN where unknown. `limit`: of a standardised energy, null for all others; `floors`: noise floor of the mean gap
 *   between the first configuration and that one, null: too few frames
 */

/** The curves of the view: those of Python's charts, the energy replaced while a region is looked at. */
export class Curves {
  constructor() {
    this.nFrames = 1;
    /** All letters, in order. */
    this.letters = "";
    /** By letter; empty where Python gives none. @type {Record<string, import("../ui/theme.mjs").Style>} */
    this.styles = {};
    /** @type {Chart[]} */
    this.charts = [];
    /** @type {Measure[]} */
    this.measures = [];
    /**
     * `name` stays while its values become exact, `note` says how far they are; measuredOn: "pixels", "blocks" or "" by frame;
     * isFinal: they become no more exact; progress: done, all.
     * @type {{byLetter: Map<string, Float64Array>, name: string, note: string, measuredOn: string[], isFinal: boolean,
     *   progress: [number, number]} | null}
     */
    this.region = null;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /** @param {SentChart[]} charts @param {number} nFrames @param {string} letters @param {Curves["styles"]} styles */
  set(charts, nFrames, letters = "", styles = {}) {
    this.charts = charts.map(anchored);
    this.nFrames = nFrames;
    this.letters = letters;
    this.styles = styles;
    this.measures = this.charts.map((chart) => measureOf(chart, nFrames)).filter(({ byLetter }) => byLetter.size > 0);
    this.tell();
  }

  /** Energies of a region instead of those of whole frames; null: of whole frames. @param {Curves["region"]} region */
  setRegion(region) {
    if (region === null && this.region === null) return;
    this.region = region;
    this.tell();
  }

  /** @param {() => void} listener called after every change @returns {() => void} ends it */
  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell() {
    for (const listener of this.listeners) listener();
  }

  /** @param {string} id @returns {Measure | null} */
  measure(id) {
    const found = this.measures.find((one) => one.id === id);
    if (!found) return null;
    const { region } = this;
    if (id !== "energy" || !region) return found;
    const byLetter = new Map(
      [...found.byLetter].map(([letter, values]) => [letter, region.byLetter.get(letter) ?? values]),
    );
    return { ...found, byLetter };
  }

  /** The measure that guides: energy where there is one, else the first. */
  main() {
    return this.measure("energy") ?? (this.measures[0] ? this.measure(this.measures[0].id) : null);
  }

  /** What the strip can show: what guides, and what else says of each frame how far to trust it. @param {string | null} [id] the one chosen */
  forStrip(id = null) {
    const known = this.measures.filter(({ byLetter }) =>
      [...byLetter.values()].some((all) => all.some(Number.isFinite)),
    );
    const ids = known.map((one) => one.id).filter((one) => STRIP_IDS.includes(one));
    const main = this.main();
    const chosen = id !== null && ids.includes(id) ? this.measure(id) : main;
    const options = [...new Set([...(main ? [main.id] : []), ...ids])];
    return { chosen, options: options.map((one) => /** @type {Measure} */ (this.measure(one))) };
  }

  /** Those with which two configurations can be compared: what is expected of a frame does not say which is closer. */
  comparable() {
    return this.measures
      .filter(({ id, byLetter }) => byLetter.size > 1 && id !== "expected")
      .map(({ id }) => /** @type {Measure} */ (this.measure(id)));
  }
}

/** A standardised energy, the only measure whose 0 separates high from low, is plotted on its scale. @param {SentChart} chart @returns {Chart} */
function anchored({ limit, ...chart }) {
  return chart.hasZeroLine ? { ...chart, isAnchored: true, hasBand: true, limit: limitOf(limit) } : chart;
}

/** @param {Chart} chart @param {number} nFrames @returns {Measure} */
function measureOf({ id, title, unit, series, floors = {}, limit = null }, nFrames) {
  const lettered = series.filter(({ letter }) => letter);
  const byLetter = new Map(lettered.map((one) => [one.letter, byFrame(one.values, nFrames)]));
  return { id, title, unit, limit, byLetter, floors };
}

/**
 * A curve as a screen of `width` columns can show it: of the frames in each column of the shown range the first, the lowest, the highest
 * and the last, so that no peak is lost; null where a column has no value. Frames beside the range are two columns of their own, so
 * that the axis of values stays. A range of few frames is kept whole.
 * @param {ArrayLike<number | null>} values by frame @param {number[]} range first and last position shown, in frames
 * @param {number} width px
 * @returns {{x: number[], y: (number | null)[]} | null} null: draw all values
 */
export function byColumn(values, range, width) {
  const count = Math.max(1, Math.round(width));
  if (values.length <= FRAMES_PER_COLUMN * count) return null;
  const first = Math.max(0, Math.floor(range[0]) - 1);
  const end = Math.min(values.length, Math.ceil(range[1]) + 2);
  const n = Math.max(0, end - first);
  const columns = n <= FRAMES_PER_COLUMN * count ? n : count;
  const edges = Array.from({ length: columns + 1 }, (_, i) => first + Math.floor((i * n) / columns));
  const all = [...(first > 0 ? [0] : []), ...edges, ...(end < values.length ? [values.length] : [])];
  /** @type {number[]} */
  const x = [];
  /** @type {(number | null)[]} */
  const y = [];
  for (let i = 0; i + 1 < all.length; i += 1) {
    const kept = keptOf(values, all[i], all[i + 1]);
    x.push(...(kept.length ? kept : [all[i]]));
    y.push(...(kept.length ? kept.map((frame) => values[frame]) : [null]));
  }
  return { x, y };
}

/**
 * The first, the lowest, the highest and the last frame with a value, in order, each once.
 * @param {ArrayLike<number | null>} values @param {number} from @param {number} to not included
 */
function keptOf(values, from, to) {
  let [head, low, high, tail] = [-1, -1, -1, -1];
  for (let frame = from; frame < to; frame += 1) {
    const value = values[frame];
    if (value === null || !Number.isFinite(value)) continue;
    if (head < 0) head = low = high = frame;
    if (value < /** @type {number} */ (values[low])) low = frame;
    if (value > /** @type {number} */ (values[high])) high = frame;
    tail = frame;
  }
  return head < 0 ? [] : [...new Set([head, low, high, tail])].sort((a, b) => a - b);
}

/**
 * The mean over configurations: NaN where none has a value.
 * @param {Iterable<ArrayLike<number>>} curves @param {number} nFrames
 */
export function meanCurve(curves, nFrames) {
  const all = [...curves];
  return Float64Array.from({ length: nFrames }, (_, i) => {
    let sum = 0;
    let count = 0;
    for (const curve of all) {
      if (!Number.isFinite(curve[i] ?? NaN)) continue;
      sum += curve[i];
      count += 1;
    }
    return count ? sum / count : NaN;
  });
}

/** a - b, frame by frame: NaN where one is unknown. @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export function difference(a, b) {
  return Float64Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] - b[i]);
}

/**
 * How often is which lower, over the frames first..last that both have?
 * @param {ArrayLike<number>} a @param {ArrayLike<number>} b @param {[number, number]} range
 */
export function wins(a, b, [first, last]) {
  const count = { a: 0, b: 0, frames: 0 };
  for (let i = first; i <= Math.min(last, a.length - 1, b.length - 1); i += 1) {
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) continue;
    count.frames += 1;
    if (a[i] < b[i]) count.a += 1;
    if (b[i] < a[i]) count.b += 1;
  }
  return count;
}

/**
 * `B lower on 71 % of 41 frames`: the one of two that is lower more often. Never shown without its size; see gap.mjs.
 * @param {[string, string]} letters @param {{a: number, b: number, frames: number}} count
 */
export function winsSentence([first, second], { a, b, frames }) {
  if (frames === 0) return "No frame has a value for both";
  const isOnly = frames === 1;
  if (a === 0 && b === 0) return `Both equal on ${isOnly ? "the only frame" : `all ${frames} frames`}`;
  if (a === b) return `Even: ${percent(a, frames)} each of ${frames} frames`;
  const where = isOnly ? "the only frame" : `${percent(Math.max(a, b), frames)} of ${frames} frames`;
  return `${b > a ? second : first} lower on ${where}`;
}

/** Whole percent; 0 and 100 only where they are exact. @param {number} count @param {number} whole */
export function percent(count, whole) {
  const share = (100 * count) / whole;
  const isNearEnd = (share > 0 && share < 1) || (share > 99 && share < 100);
  // Halves go to the even number, as in the words that Python writes under the plots.
  const isOddHalf = share % 1 === 0.5 && Math.floor(share) % 2 === 0;
  if (!isNearEnd) return `${isOddHalf ? Math.floor(share) : Math.round(share)} %`;
  if (share < 0.1) return "< 0.1 %";
  return share > 99.9 ? "> 99.9 %" : `${share.toFixed(1)} %`;
}

/**
 * The two sides of a curve around 0 as outlines that meet exactly where it crosses.
 * @param {ArrayLike<number>} values
 * @returns {{x: number[], above: (number | null)[], below: (number | null)[]}} null: a gap
 */
export function sides(values) {
  /** @type {number[]} */
  const x = [];
  /** @type {(number | null)[]} */
  const above = [];
  /** @type {(number | null)[]} */
  const below = [];
  const add = (/** @type {number} */ at, /** @type {number | null} */ value) => {
    x.push(at);
    above.push(value === null ? null : Math.max(value, 0));
    below.push(value === null ? null : Math.min(value, 0));
  };
  for (let i = 0; i < values.length; i += 1) {
    if (i > 0 && values[i - 1] * values[i] < 0) add(i - 1 + values[i - 1] / (values[i - 1] - values[i]), 0);
    add(i, Number.isFinite(values[i]) ? values[i] : null);
  }
  return { x, above, below };
}

/**
 * The frames with the highest values, the highest first, none nearer to a higher one than `apart`.
 * @param {ArrayLike<number>} values @param {number} count @param {[number, number]} range @param {number} apart
 */
export function highest(values, count, [first, last], apart = APART) {
  const order = [];
  for (let i = first; i <= Math.min(last, values.length - 1); i += 1) if (Number.isFinite(values[i])) order.push(i);
  order.sort((a, b) => values[b] - values[a] || a - b);
  /** @type {number[]} */
  const found = [];
  for (const frame of order) {
    if (found.length === count) break;
    if (found.every((other) => Math.abs(other - frame) >= apart)) found.push(frame);
  }
  return found;
}

/**
 * One value per cell of `count` equal cells over the frames: the highest where several frames share one.
 * @param {ArrayLike<number>} values @param {number} count
 */
export function cellMaxima(values, count) {
  const cells = new Float64Array(count).fill(NaN);
  const n = values.length;
  for (let cell = 0; cell < count; cell += 1) {
    const first = Math.floor((cell * n) / count);
    const stop = Math.max(Math.ceil(((cell + 1) * n) / count), first + 1);
    for (let i = first; i < Math.min(stop, n); i += 1) {
      if (Number.isFinite(values[i]) && !(cells[cell] >= values[i])) cells[cell] = values[i];
    }
  }
  return cells;
}

/** First and last of each run of consecutive numbers. @param {number[]} frames ascending @returns {[number, number][]} */
export function runsOf(frames) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const frame of frames) {
    const open = runs[runs.length - 1];
    if (open && open[1] + 1 >= frame) open[1] = frame;
    else runs.push([frame, frame]);
  }
  return runs;
}

/**
 * A zoomed time axis: `factor` times as many frames, with frame `at` where it was. null: the whole clip.
 * @param {[number, number] | null} span @param {number} factor @param {number} at @param {number} nFrames
 * @returns {[number, number] | null}
 */
export function zoomSpan(span, factor, at, nFrames) {
  const [first, last] = span ?? [0, nFrames - 1];
  const length = last - first + 1;
  const wanted = factor > 1 ? Math.max(Math.round(length * factor), length + 1) : Math.round(length * factor);
  const next = Math.max(wanted, Math.min(MIN_SPAN, nFrames));
  if (next >= nFrames) return null;
  const share = length > 1 ? (Math.min(Math.max(at, first), last) - first) / (length - 1) : 0.5;
  return placed(Math.round(at - share * (next - 1)), next, nFrames);
}

/** The span moved by so many frames. @param {[number, number]} span @param {number} by @param {number} nFrames */
export function moveSpan([first, last], by, nFrames) {
  return placed(first + Math.round(by), last - first + 1, nFrames);
}

/**
 * The span moved so that it holds `frame`; the same where it does.
 * @param {[number, number]} span @param {number} frame @param {number} nFrames
 */
export function followSpan(span, frame, nFrames) {
  const [first, last] = span;
  if (frame >= first && frame <= last) return span;
  const length = last - first + 1;
  const margin = Math.round(FOLLOW_SHARE * length);
  return placed(frame > last ? frame - margin : frame - length + 1 + margin, length, nFrames);
}

/** @param {number} first @param {number} length @param {number} nFrames @returns {[number, number]} */
function placed(first, length, nFrames) {
  const start = Math.min(Math.max(first, 0), Math.max(nFrames - length, 0));
  return [start, Math.min(start + length, nFrames) - 1];
}

/**
 * Values of a series for each of `nFrames`; NaN where it has none.
 * @param {ArrayLike<number | null>} values @param {number} nFrames
 */
export function byFrame(values, nFrames) {
  return Float64Array.from({ length: nFrames }, (_, i) => values[i] ?? NaN);
}
