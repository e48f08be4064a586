// @ts-check
/** Where curves over strength lie: the range of the values, round marks, and the places of the steps. Pure. */

import { roundStep } from "../plots/ticks.mjs";
import { scaleMarks, unitAfter } from "../ui/numbers.mjs";

/**
 * @typedef {{mean: number, half: number | null, frame: number, href: string}} Point of one configuration at one strength; half:
 *   of its 95 % interval
 * @typedef {{letter: string, name: string, points: (Point | null)[]}} Curve one point for each step
 * @typedef {{id: string, title: string, unit: string, limit: number | null, curves: Curve[]}} Plot
 */

/** Marks on an axis, about so many. */
const N_MARKS = 4;

/** The values that a plot spans, with round marks and their texts: measures begin at 0, energies where they are lowest. @param {Plot} plot */
export function rangeOf(plot) {
  const values = plot.curves.flatMap(({ points }) =>
    points.flatMap((point) => (point ? [point.mean - (point.half ?? 0), point.mean + (point.half ?? 0)] : [])),
  );
  const low = Math.min(0, ...values);
  const high = Math.max(0, low + 1e-6, ...values);
  const step = roundStep((high - low) / N_MARKS);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const rounds = Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
  const texts = scaleMarks(rounds, plot.unit);
  const marks = rounds.map((value, at) => ({ value, text: texts[at] + unitAfter(plot.unit) }));
  return { low: first * step, high: last * step, marks };
}

/** Runs of consecutive steps that have a point, as their places: a gap is not bridged. @param {(Point | null)[]} points @returns {number[][]} */
export function runs(points) {
  /** @type {number[][]} */
  const found = [];
  points.forEach((point, at) => {
    if (!point) return;
    if (at > 0 && points[at - 1]) found[found.length - 1].push(at);
    else found.push([at]);
  });
  return found;
}

/** The step that is nearest to a share of the width; steps stand in the middle of equal columns. @param {number} share @param {number} nSteps */
export function stepAt(share, nSteps) {
  return Math.min(Math.max(Math.floor(share * nSteps), 0), nSteps - 1);
}
