// @ts-check
/**
 * The cursor of a plot: a line at the frame on the screen, with the value and the letter of each series.
 *
 * It is a div over the plot, placed with the axis' own d2p (0.006 ms), because Plotly.relayout takes 0.6 ms and repaints.
 * All layout reads are Plotly's own numbers, so nothing is measured.
 */

import { formatValue } from "../drawing/colour.mjs";

/** Width of a letter at the cursor with the space beside it, and that space alone. */
const CHIP_PX = 18;
const GAP_PX = 4;

/** Put the cursor of a plot at a frame, and show its values. @param {import("./charts.mjs").Drawn} drawn @param {number} frame */
export function placeCursor({ chart, plot, cursor, entries }, frame) {
  const axes = /** @type {any} */ (plot)._fullLayout;
  if (!axes?.xaxis?.d2p) return;
  const x = axes.xaxis._offset + axes.xaxis.d2p(frame);
  cursor.style.transform = `translateX(${x.toFixed(2)}px)`;
  for (const [index, { letter, values, value, chip, isShown }] of entries.entries()) {
    const number = values[frame] ?? NaN;
    const unit = chart.unit && ` ${chart.unit}`;
    value.textContent = Number.isFinite(number) ? `${formatValue(number)}${unit}` : "–";
    if (!letter) continue;
    const top = axes.yaxis._offset + axes.yaxis.d2p(number);
    const isInside = isShown && Number.isFinite(top) && top >= 0 && top <= plot.clientHeight;
    chip.hidden = !isInside;
    // A left of the line, B right of it: two equal values stay legible. At the edges both on the inner side.
    const isLeft = index % 2 === 0;
    let aside = isLeft ? -CHIP_PX : GAP_PX;
    if (isLeft && x < axes.xaxis._offset + CHIP_PX) aside = CHIP_PX + GAP_PX;
    if (!isLeft && x > plot.clientWidth - CHIP_PX) aside = -2 * CHIP_PX;
    if (isInside) chip.style.transform = `translate(${aside}px, ${(top - 7).toFixed(1)}px)`;
  }
}

/** The frame at which a cursor stands, measured on the screen. @param {import("./charts.mjs").Drawn} drawn @returns {number} */
export function cursorFrame({ plot, cursor }) {
  const axis = /** @type {any} */ (plot)._fullLayout.xaxis;
  const box = cursor.getBoundingClientRect();
  const x = box.left + box.width / 2 - plot.getBoundingClientRect().left;
  return axis.p2d(x - axis._offset);
}
