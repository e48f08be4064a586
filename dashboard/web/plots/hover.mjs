// @ts-check
/** The line under the pointer, through all plots at once, with the frame and the values that each has there. */

import { element } from "../ui/dom.mjs";
import { formatNumber, unitAfter } from "../ui/numbers.mjs";

/** Between the line and its label. */
const GAP_PX = 6;

/** @typedef {{line: HTMLElement, tip: HTMLElement, frame: number}} Mark frame: where it is, -1: nowhere */

/** The line and label of a plot, hidden. @returns {Mark} */
export function hoverMark() {
  const mark = {
    line: element("div", { class: "hover-line" }),
    tip: element("div", { class: "hover-tip number" }),
    frame: -1,
  };
  mark.line.hidden = mark.tip.hidden = true;
  return mark;
}

/** @param {import("./charts.mjs").Drawn} drawn @param {number} frame */
export function placeHover({ chart, plot, hover, entries }, frame) {
  const axis = /** @type {any} */ (plot)._fullLayout?.xaxis;
  if (!axis?.d2p || hover.frame === frame) return;
  const { line, tip } = hover;
  hover.frame = frame;
  const at = axis.d2p(frame);
  line.hidden = tip.hidden = at < 0 || at > axis._length;
  if (line.hidden) return;
  line.style.transform = `translateX(${(axis._offset + at).toFixed(2)}px)`;
  tip.textContent = hoverText(frame, chart.unit, entries);
  // On the side with more room, so that it never leaves the plot.
  const isLeft = at > axis._length / 2;
  tip.style.left = isLeft ? "" : `${axis._offset + at + GAP_PX}px`;
  tip.style.right = isLeft ? `${plot.clientWidth - axis._offset - at + GAP_PX}px` : "";
}

/** @param {import("./charts.mjs").Drawn} drawn */
export function hideHover({ hover }) {
  hover.frame = -1;
  hover.line.hidden = hover.tip.hidden = true;
}

/**
 * `frame 12 · A −0.41, B 0.20 σ`: the values of the configurations shown.
 * @param {number} frame @param {string} unit
 * @param {{letter: string, name?: string, values: ArrayLike<number>, isShown: boolean}[]} entries name: instead of the letter
 */
export function hoverText(frame, unit, entries) {
  const shown = entries.filter(({ letter, isShown }) => letter && isShown);
  const values = shown
    .map(({ letter, name = letter, values: own }) => `${name} ${formatNumber(own[frame] ?? NaN, unit)}`)
    .join(", ");
  return [`frame ${frame}`, values && values + unitAfter(unit)].filter(Boolean).join(" · ");
}
