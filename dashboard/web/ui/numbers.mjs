// @ts-check
/** Numbers as the page shows them, and as fields take them. Pure; dashboard/compare/numbers.py writes words alike. */

/** Decimals by unit; ratios and all other units have OTHER_DECIMALS. @type {Record<string, number>} */
const DECIMALS = { σ: 2, "°": 1, m: 2, cm: 1, "%": 1, s: 3 };
const OTHER_DECIMALS = 3;
/** Units on whose scale 0 is a value like any other, so that a small one may be rounded to it. */
const SIGNED_UNITS = ["σ"];
/** Units that are not written. */
const NAMELESS_UNITS = ["", "code"];
const MINUS = "\u2212";
const NO_BREAK_SPACE = "\u00a0";
/** Larger numbers are written with a power of ten. */
const LARGE = 1e7;

/** With the decimals of its unit, a true minus, and `< 0.001` where it would be rounded to 0. @param {number} value @param {string} unit */
export function formatNumber(value, unit) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= LARGE) return value.toExponential(1).replaceAll("-", MINUS);
  const decimals = DECIMALS[unit] ?? OTHER_DECIMALS;
  const text = size.toFixed(decimals);
  if (value !== 0 && Number(text) === 0) {
    if (SIGNED_UNITS.includes(unit)) return text;
    return `${value < 0 ? `> ${MINUS}` : "< "}${(10 ** -decimals).toFixed(decimals)}`;
  }
  return value < 0 ? MINUS + text : text;
}

/** `formatNumber` with its unit: `−0.08 σ`, `12.3°`. @param {number} value @param {string} unit */
export function withUnit(value, unit) {
  return joined(formatNumber(value, unit), unit);
}

/** A mark of a scale, which is round or chosen: three significant digits, no trailing zeros, a true minus. @param {number} value */
export function formatMark(value) {
  return Number.isFinite(value) ? parseable(value).replaceAll("-", MINUS) : "–";
}

/** `formatMark` with its unit. @param {number} value @param {string} unit */
export function markWithUnit(value, unit) {
  return joined(formatMark(value), unit);
}

/**
 * Marks or ends of one scale: all with as many decimals as the one that needs most, but no more than its unit has, unless
 * two would then be alike. @param {number[]} values @param {string} unit @returns {string[]}
 */
export function scaleMarks(values, unit) {
  if (values.some((value) => !Number.isFinite(value) || Math.abs(value) >= 1e5)) return values.map(formatMark);
  const needed = Math.max(...values.map((value) => decimalsOf(Number(value.toPrecision(3)))), 0);
  const usual = Math.min(needed, DECIMALS[unit] ?? OTHER_DECIMALS);
  const written = (/** @type {number} */ decimals) => values.map((value) => Number(value.toFixed(decimals)));
  const isTold =
    new Set(written(usual)).size === new Set(values).size && !values.some((v, i) => v && !written(usual)[i]);
  return values.map((value) => value.toFixed(isTold ? usual : needed).replace("-", MINUS));
}

/** The ends of a scale: `1.38 to 2.62 m`. @param {{lo: number, hi: number}} ends @param {string} unit */
export function rangeText({ lo, hi }, unit) {
  const [low, high] = scaleMarks([lo, hi], unit);
  return `${low} to ${high}${unitAfter(unit)}`;
}

/** @param {number} value in few digits */
function decimalsOf(value) {
  const [digits, power = "0"] = String(value).split("e");
  return Math.min(Math.max((digits.split(".")[1] ?? "").length - Number(power), 0), 9);
}

/** For a field, and for numbers that are rounded by writing them: three significant digits that `Number` reads. @param {number} value */
export function parseable(value) {
  if (!Number.isFinite(value)) return "";
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** @param {string} text @param {string} unit */
function joined(text, unit) {
  return text === "–" ? text : text + unitAfter(unit);
}

/** What stands behind a number: a no-break space and the unit, or nothing. @param {string} unit */
export function unitAfter(unit) {
  if (NAMELESS_UNITS.includes(unit)) return "";
  return unit === "°" ? unit : NO_BREAK_SPACE + unit;
}
