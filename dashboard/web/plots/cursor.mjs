// @ts-check
/**
 * The cursor of a plot: a line at the frame on the screen. The values stand in the legend, the letters beside the axis at
 * the height of their values.
 *
 * It is a div over the plot, placed with the axis' own d2p (0.006 ms), because Plotly.relayout takes 0.6 ms and repaints.
 * All layout reads are Plotly's own numbers, so nothing is measured.
 */

import { withUnit } from "../ui/numbers.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { percent } from "./curves.mjs";

/** Height of a letter beside the axis with the space to the next one, and of the letter alone. */
const PITCH_PX = typePx(15);
const CHIP_PX = typePx(14);
/** Between the axis and the letters. */
const GAP_PX = 6;

/** Put the cursor of a plot at a frame, and show its values. @param {import("./charts.mjs").Drawn} drawn @param {number} frame */
export function placeCursor({ chart, plot, cursor, entries, places }, frame) {
  const axes = /** @type {any} */ (plot)._fullLayout;
  if (!axes?.xaxis?.d2p) return;
  const { xaxis, yaxis } = axes;
  cursor.style.transform = `translateX(${(xaxis._offset + xaxis.d2p(frame)).toFixed(2)}px)`;
  for (let i = 0; i < entries.length; i += 1) {
    const { letter, values, value, isShown } = entries[i];
    const number = values[frame] ?? NaN;
    value.textContent = `${withUnit(number, chart.unit)}${intervalWords(chart.series[i], frame, chart.unit)}`;
    places[i] = letter && isShown ? yaxis._offset + yaxis.d2p(number) - CHIP_PX / 2 : NaN;
  }
  spread(places, PITCH_PX, yaxis._offset - CHIP_PX / 2, yaxis._offset + yaxis._length - CHIP_PX / 2);
  const left = xaxis._offset + xaxis._length + GAP_PX;
  for (let i = 0; i < entries.length; i += 1) {
    const { chip } = entries[i];
    chip.hidden = !Number.isFinite(places[i]);
    if (!chip.hidden) chip.style.transform = `translate(${left}px, ${places[i].toFixed(1)}px)`;
  }
}

/**
 * ` (11.4° to 23.0°, 90 %)` behind an expected error; ` (unlike calibration)` where it has no interval; "" without a band.
 * @param {Pick<import("./curves.mjs").Series, "values" | "band"> | undefined} series @param {number} frame @param {string} unit
 */
export function intervalWords(series, frame, unit) {
  if (!series?.band || !Number.isFinite(series.values[frame] ?? NaN)) return "";
  const { low, high, coverage } = series.band;
  const [from, to] = [low[frame] ?? NaN, high[frame] ?? NaN];
  if (!Number.isFinite(from)) return " (unlike calibration)";
  return ` (${withUnit(from, unit)} to ${withUnit(to, unit)}, ${percent(coverage, 1)})`;
}

/**
 * Moves places apart where they are nearer than `pitch`, in their order and between the ends, in place: it runs at every
 * frame. NaN takes no place. Where there is no room for all, they overlap evenly.
 * @param {Float64Array} places @param {number} pitch @param {number} low @param {number} high
 */
export function spread(places, pitch, low, high) {
  let count = 0;
  for (let i = 0; i < places.length; i += 1) count += Number(Number.isFinite(places[i]));
  const apart = count > 1 ? Math.min(pitch, (high - low) / (count - 1)) : pitch;
  // Two passes over at most eight: down, so that none is nearer to the one above it, then up from the lower end.
  let least = low;
  let last = -1;
  for (let n = 0; n < count; n += 1) {
    last = nextAfter(places, last, n === 0);
    placed[n] = last;
  }
  for (let n = 0; n < count; n += 1) {
    const i = placed[n];
    places[i] = Math.max(places[i], least);
    least = places[i] + apart;
  }
  let most = high;
  for (let n = count - 1; n >= 0; n -= 1) {
    const i = placed[n];
    places[i] = Math.min(places[i], most);
    most = places[i] - apart;
  }
}

/** Indices in the order of their places. */
const placed = new Int32Array(64);

/** The index of the next place in ascending order; of equal ones the earlier. @param {Float64Array} places @param {number} index @param {boolean} isFirst */
function nextAfter(places, index, isFirst) {
  let found = -1;
  for (let i = 0; i < places.length; i += 1) {
    if (!Number.isFinite(places[i])) continue;
    const isAfter = isFirst || places[i] > places[index] || (places[i] === places[index] && i > index);
    if (isAfter && (found < 0 || places[i] < places[found])) found = i;
  }
  return found;
}

/** The frame at which a cursor stands, measured on the screen. @param {import("./charts.mjs").Drawn} drawn @returns {number} */
export function cursorFrame({ plot, cursor }) {
  const axis = /** @type {any} */ (plot)._fullLayout.xaxis;
  const box = cursor.getBoundingClientRect();
  const x = box.left + box.width / 2 - plot.getBoundingClientRect().left;
  return axis.p2d(x - axis._offset);
}
