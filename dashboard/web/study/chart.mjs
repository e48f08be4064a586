// @ts-check
/** What a chart of the Study page shows, before it is drawn: axes, outlines, the point nearest to a place, its words. Pure. */

import { roundTicks } from "../plots/ticks.mjs";
import { formatNumber, scaleMarks, unitAfter, withUnit } from "../ui/numbers.mjs";
import { typePx } from "../ui/type_scale.mjs";

/** Room beside the data, as a share of its extent. */
const ROOM = 0.05;
const DODGE_PX = typePx(9);

/**
 * @typedef {{title: string, unit: string, from?: number, to?: number}} Axis from, to: ends that are always shown
 * @typedef {{name: string, hue: number, shade: number, dash: boolean, kind: "points" | "line" | "steps" | "marks",
 *   x: (number | null)[], y: (number | null)[], low?: (number | null)[], high?: (number | null)[], clips?: string[],
 *   links?: string[], places?: [number, number][], isUnlisted?: boolean, dodge?: number}} Series hue: of ui/player.css, -1: the text's colour;
 *   places: index of the clip and frame of each point; steps have one x more than y; isUnlisted: not in the legend;
 *   dodge: marks are drawn that many steps beside their x
 * @typedef {{title: string, x: Axis, y: Axis, series: Series[]}} Chart
 * @typedef {{left: number, right: number, top: number, bottom: number}} Box of the data, px
 * @typedef {{x: [number, number], y: [number, number]}} Ends of both axes
 * @typedef {{series: number, point: number}} Place
 */

/** The ends of both axes. @param {Chart} chart @returns {Ends} */
export function endsOf({ x, y, series }) {
  return {
    x: ends(
      x,
      series.flatMap((one) => one.x),
    ),
    y: ends(
      y,
      series.flatMap((one) => [...one.y, ...(one.low ?? []), ...(one.high ?? [])]),
    ),
  };
}

/** @param {Axis} axis @param {(number | null)[]} values @returns {[number, number]} */
function ends({ from, to }, values) {
  let low = from ?? Infinity;
  let high = to ?? -Infinity;
  for (const value of values) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!(high >= low)) return [0, 1];
  const room = (high - low) * ROOM || 0.5;
  return [low === from ? low : low - room, high === to ? high : high + room];
}

/** @param {Ends} ends @param {Box} box @returns {{x: (value: number) => number, y: (value: number) => number}} value -> px */
export function scalesOf({ x, y }, { left, right, top, bottom }) {
  return {
    x: (value) => left + ((value - x[0]) / (x[1] - x[0])) * (right - left),
    y: (value) => bottom - ((value - y[0]) / (y[1] - y[0])) * (bottom - top),
  };
}

/** Marks of an axis with their texts. @param {[number, number]} ends @param {string} unit @param {number} count */
export function marksOf([low, high], unit, count) {
  const values = roundTicks(low, high, count);
  const texts = scaleMarks(values, unit);
  return values.map((value, i) => ({ value, text: texts[i] + (unit === "°" ? unitAfter(unit) : "") }));
}

/**
 * The outline of a line or of steps as an SVG path; gaps where a value is unknown.
 * @param {Series} series @param {ReturnType<typeof scalesOf>} scales
 */
export function outline({ kind, x, y }, scales) {
  let path = "";
  let isDown = false;
  y.forEach((value, i) => {
    const [at, next] = [x[i], x[i + 1]];
    if (value === null || at === null) {
      isDown = false;
      return;
    }
    const height = scales.y(value).toFixed(1);
    path += `${isDown ? "L" : "M"}${scales.x(at).toFixed(1)} ${height}`;
    if (kind === "steps" && typeof next === "number") path += `L${scales.x(next).toFixed(1)} ${height}`;
    isDown = true;
  });
  return path;
}

/**
 * Where a point is drawn, px; null: it is unknown.
 * @param {Series} series @param {number} point @param {ReturnType<typeof scalesOf>} scales @returns {[number, number] | null}
 */
export function placeOf({ x, y, dodge = 0 }, point, scales) {
  const [across, up] = [x[point], y[point]];
  return across === null || up === null ? null : [scales.x(across) + dodge * DODGE_PX, scales.y(up)];
}

/**
 * The point that is drawn nearest to a place, px; null: there is none.
 * @param {Chart} chart @param {ReturnType<typeof scalesOf>} scales @param {number} px @param {number} py @returns {Place | null}
 */
export function nearest({ series }, scales, px, py) {
  let found = null;
  let least = Infinity;
  series.forEach((one, index) => {
    one.y.forEach((_, point) => {
      const at = placeOf(one, point, scales);
      if (!at) return;
      const distance = Math.hypot(at[0] - px, at[1] - py);
      if (distance < least) [least, found] = [distance, { series: index, point }];
    });
  });
  return found;
}

/** Every known point from left to right, for the arrow keys. @param {Chart} chart @returns {Place[]} */
export function inOrder({ series }) {
  return series
    .flatMap((one, at) => one.y.map((value, point) => ({ series: at, point, x: one.x[point], value })))
    .filter(({ x, value }) => x !== null && value !== null)
    .sort((a, b) => Number(a.x) - Number(b.x))
    .map(({ series: at, point }) => ({ series: at, point }));
}

/** What a point says: `baseline, Walk through two rooms, frame 12: energy 1.32 σ, mean angular error 17.8°`. @param {Chart} chart @param {Place} place */
export function wordsOf({ x, y, series }, { series: at, point }) {
  const one = series[at];
  const place = one.places?.[point];
  const where = place ? `, ${one.clips?.[place[0]]}, frame ${place[1]}` : "";
  const low = one.low?.[point];
  const high = one.high?.[point];
  const range =
    typeof low === "number" && typeof high === "number"
      ? ` (${formatNumber(low, y.unit)} to ${formatNumber(high, y.unit)})`
      : "";
  const value = `${small(x.title)} ${withUnit(Number(one.x[point]), x.unit)}`;
  return `${one.name}${where}: ${value}, ${small(y.title)} ${withUnit(Number(one.y[point]), y.unit)}${range}`;
}

/** Where a point leads; empty: nowhere. @param {Chart} chart @param {Place} place */
export function linkOf({ series }, { series: at, point }) {
  const place = series[at].places?.[point];
  const link = place && series[at].links?.[place[0]];
  return link ? `${link}&frame=${place[1]}` : "";
}

/** The first letter small. @param {string} text */
function small(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
