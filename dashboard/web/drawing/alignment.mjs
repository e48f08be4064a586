// @ts-check
/**
 * Brings a relative depth to the scale of a reference: by a scale, by scale and shift in depth, or in 1/depth. Pure.
 *
 * The fit of analysis/alignment.py, which gives the reasons; a test holds the two equal.
 */

import { formatMark, unitAfter } from "../ui/numbers.mjs";

/**
 * @typedef {"none" | "scale" | "depth" | "inverse"} Kind
 * @typedef {{kind: Kind, scale: number, shift: number, problem: string}} Alignment problem: why there is no fit, "" where there
 *   is one; the depth then stays as it is
 * @typedef {Alignment & {to: number}} Fitted to: index of the pane that it is aligned to
 */

/** @type {Record<Kind, string>} */
export const KIND_TITLES = {
  none: "none",
  scale: "scale",
  depth: "scale and shift",
  inverse: "scale and shift of 1/depth",
};
export const KINDS = /** @type {Kind[]} */ (Object.keys(KIND_TITLES));
const MIN_VALUES = 16;
const MAX_VALUES = 1 << 13;
const N_STARTS = 100;
const MAX_SCORED = 1 << 10;
const N_STEPS = 12;
const KEPT = 0.8;
const LEAST_SPREAD = 1e-4;

/** @type {Alignment} */
export const NOT_ALIGNED = { kind: "none", scale: 1, shift: 0, problem: "" };

/**
 * An aligned depth, within the range that the reference can hold.
 * @param {Alignment} alignment @param {number} depth @param {{lo: number, hi: number}} range
 */
export function aligned({ kind, scale, shift }, depth, { lo, hi }) {
  if (kind === "inverse") return 1 / Math.min(Math.max(scale / depth + shift, 1 / hi), 1 / lo);
  return Math.min(Math.max(scale * depth + shift, lo), hi);
}

/**
 * What is done to the depth d of a pane, in words: `aligned to truth per clip: 1.04 d + 0.12 m`.
 * @param {Alignment} alignment @param {{to: string, per: string, unit: string}} more to: name of the reference
 */
export function alignmentText({ kind, scale, shift, problem }, { to, per, unit }) {
  if (kind === "none") return "";
  if (problem) return `not aligned: ${problem}`;
  const sign = shift < 0 ? "\u2212" : "+";
  const size = formatMark(Math.abs(shift));
  const formula = {
    scale: `${formatMark(scale)} d`,
    depth: `${formatMark(scale)} d ${sign} ${size}${unitAfter(unit)}`,
    inverse: `1/(${formatMark(scale)}/d ${sign} ${size})`,
  }[kind];
  return `aligned to ${to} per ${per}: ${formula}`;
}

/**
 * The alignment of depths to those of the reference, at the same pixels. Values that are not finite or not above 0 are left out.
 * @param {Kind} kind @param {ArrayLike<number>} depth @param {ArrayLike<number>} reference
 * @returns {Alignment}
 */
export function fit(kind, depth, reference) {
  if (kind === "none") return NOT_ALIGNED;
  const failed = (/** @type {string} */ problem) => ({ kind, scale: 1, shift: 0, problem });
  const known = [];
  for (let i = 0; i < depth.length; i += 1) if (isDepth(depth[i]) && isDepth(reference[i])) known.push(i);
  const kept = thinned(known, MAX_VALUES);
  if (kept.length < MIN_VALUES) return failed("too few known pixels");
  const valueIn = (/** @type {ArrayLike<number>} */ from) =>
    Float64Array.from(kept, (i) => (kind === "inverse" ? 1 / from[i] : from[i]));
  const [x, y] = [valueIn(depth), valueIn(reference)];
  const hasShift = kind !== "scale";
  const sorted = x.slice().sort();
  const [low, high] = [0.05, 0.95].map((share) => sorted[Math.floor(share * (x.length - 1) + 0.5)]);
  if (hasShift && high - low < LEAST_SPREAD * sorted[x.length >> 1]) return failed("constant depth");
  const { scale, shift } = concentrated(x, y, firstLine(x, y, hasShift), hasShift);
  return scale > 0 ? { kind, scale, shift, problem: "" } : failed("runs against the reference");
}

/** @param {number} value */
function isDepth(value) {
  return Number.isFinite(value) && value > 0;
}

/** @template {number[] | Float64Array} T @param {T} values @param {number} most @returns {T} */
function thinned(values, most) {
  const step = Math.ceil(values.length / most);
  return step > 1 ? /** @type {T} */ (values.filter((_, i) => i % step === 0)) : values;
}

/** @param {Float64Array} x @param {Float64Array} y @param {boolean} hasShift */
function firstLine(x, y, hasShift) {
  const [scoredX, scoredY] = [thinned(x, MAX_SCORED), thinned(y, MAX_SCORED)];
  let best = { residual: Infinity, scale: 1, shift: 0 };
  let state = 1;
  const draw = () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return Math.floor((state * x.length) / 2 ** 32);
  };
  for (let start = 0; start < N_STARTS; start += 1) {
    const [first, second] = [draw(), draw()];
    const run = x[second] - x[first];
    if (hasShift && run === 0) continue;
    const scale = hasShift ? (y[second] - y[first]) / run : y[first] / x[first];
    const shift = hasShift ? y[first] - scale * x[first] : 0;
    const residual = reachOf(scoredX.map((value, i) => Math.abs(scoredY[i] - (scale * value + shift))));
    if (residual < best.residual) best = { residual, scale, shift };
  }
  return best;
}

/** @param {Float64Array} x @param {Float64Array} y @param {{scale: number, shift: number}} line @param {boolean} hasShift */
function concentrated(x, y, { scale, shift }, hasShift) {
  for (let step = 0; step < N_STEPS; step += 1) {
    const residual = x.map((value, i) => Math.abs(y[i] - (scale * value + shift)));
    const reach = reachOf(residual);
    const isKept = (/** @type {unknown} */ _, /** @type {number} */ i) => residual[i] <= reach;
    const [keptX, keptY] = [x.filter(isKept), y.filter(isKept)];
    const [meanX, meanY] = hasShift ? [mean(keptX), mean(keptY)] : [0, 0];
    const spread = keptX.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
    if (spread === 0) break;
    scale = keptX.reduce((sum, value, i) => sum + (value - meanX) * (keptY[i] - meanY), 0) / spread;
    shift = hasShift ? meanY - scale * meanX : 0;
  }
  return { scale, shift };
}

/** @param {Float64Array} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The quantile KEPT, one value of the data. @param {Float64Array} residuals */
function reachOf(residuals) {
  return residuals.slice().sort()[Math.floor(KEPT * (residuals.length - 1))];
}
