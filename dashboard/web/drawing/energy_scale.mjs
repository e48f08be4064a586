// @ts-check
/**
 * The one scale of standardised energies, in strip, plots and overlays: anchored at 0 and never stretched to what a clip
 * happens to hold, so that a colour or a height means the same on every clip. Pure.
 *
 * 0 is the baseline's mean on the zoo's validation images, 1 σ its spread there.
 */

import { markWithUnit, withUnit } from "../ui/numbers.mjs";

/** Where the colours end, on both sides, σ: far outside what a zoo was validated on. */
const REACH = 5;
/** Above this a clip is unlike the validation images, where the zoo does not state its own limit, σ. */
const USUAL_LIMIT = 3;
/** An axis holds the band of usual values, -1 to 1 σ, and so never spans less than 2 σ. */
const BAND = 1;
/** An axis reaches to the limit where the curves come this near to it, σ. */
const NEAR_LIMIT = 1;
/** Room beyond the curves, as a share of the axis. */
const ROOM = 0.06;
/** The narrowest colour scale of raw terms and errors, as a share of the median: less is noise. */
export const LEAST_SHARE = 0.2;

/**
 * @typedef {import("./colour.mjs").Scale} Scale
 * @typedef {import("./colour.mjs").Domain} Domain
 * @typedef {{value: number, kind: "zero" | "band" | "limit"}} Mark
 * @typedef {{value: number, label: string}} Limit
 */

/** The scale of energies in colour, with what the viewer has chosen. @param {Pick<Domain, "name" | "unit">} domain @param {{maps: Record<string, import("./compose.mjs").Chosen>}} look @returns {Scale} */
export function energyScale({ name, unit }, { maps }) {
  const chosen = maps[name];
  const [lo, hi] = [chosen?.lo ?? -REACH, chosen?.hi ?? REACH];
  const range = lo < hi ? { lo, hi } : { lo: -REACH, hi: REACH };
  return { ...range, scale: "linear", unit, colour_map: chosen?.map ?? "energy" };
}

/** Where usual ends: the zoo's 97.5th percentile of validation images, else 3 σ. @param {number | null | undefined} stated @returns {Limit} */
export function limitOf(stated) {
  return typeof stated === "number" && Number.isFinite(stated)
    ? { value: stated, label: `97.5\u00a0% of validation images: ${withUnit(stated, "σ")}` }
    : { value: USUAL_LIMIT, label: markWithUnit(USUAL_LIMIT, "σ") };
}

/** What is marked on the scale, of all that lies between its ends. @param {Pick<Scale, "lo" | "hi">} scale @param {Limit} limit @returns {Mark[]} */
export function marksOf({ lo, hi }, limit) {
  /** @type {Mark[]} */
  const marks = [
    { value: -BAND, kind: "band" },
    { value: 0, kind: "zero" },
    { value: BAND, kind: "band" },
    { value: limit.value, kind: "limit" },
  ];
  return marks.filter(({ value }) => value > lo && value < hi);
}

/**
 * The value axis of energies: all curves, the band of usual values, and the limit where a curve comes near it.
 * @param {Iterable<ArrayLike<number | null>>} curves @param {Limit | null} limit null: differences of energies have none
 * @returns {{range: [number, number], isLimitInside: boolean}}
 */
export function energyAxis(curves, limit) {
  let [low, high] = [-BAND, BAND];
  for (const curve of curves) {
    for (let i = 0; i < curve.length; i += 1) {
      const value = curve[i] ?? NaN;
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const isLimitInside = limit !== null && high > limit.value - NEAR_LIMIT;
  if (limit && isLimitInside) high = Math.max(high, limit.value);
  const room = ROOM * (high - low);
  return { range: [low - room, high + room], isLimitInside };
}

/**
 * A colour scale of values that have no 0 to be anchored at, raw terms and errors: from low to high over the clip, with
 * the outermost hundredth on either side left out, but no narrower than LEAST_SHARE of the median.
 * @param {Iterable<ArrayLike<number>>} curves @param {string} unit
 * @returns {Scale | null} null: no value is known
 */
export function clipScale(curves, unit) {
  const known = [...curves].flatMap((curve) => Array.from(curve)).filter(Number.isFinite);
  if (known.length === 0) return null;
  known.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => known[Math.round(share * (known.length - 1))];
  let [lo, hi] = [at(0.01), at(0.99)];
  const missing = (LEAST_SHARE * Math.abs(at(0.5)) || 1) - (hi - lo);
  if (missing > 0) [lo, hi] = [lo - missing / 2, hi + missing / 2];
  return { lo, hi, scale: "linear", unit, colour_map: "viridis" };
}
