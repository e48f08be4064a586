// @ts-check
/** Laws of the curves over strength: round marks around the values, gaps, and the step under the pointer. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { rangeOf, runs, stepAt } from "../../../dashboard/web/shift/geometry.mjs";

/** @param {(number | null)[]} means @param {number | null} half */
function plot(means, half = null) {
  const points = means.map((mean) => (mean === null ? null : { mean, half, frame: 0, href: "" }));
  return { id: "energy", title: "", unit: "σ", limit: null, curves: [{ letter: "A", name: "", points }] };
}

test("the range holds every value with its interval, and 0", () => {
  for (const means of [
    [-0.9, 2.7],
    [12, 31],
    [0, 0],
    [0.075, null, 0.156],
    [-3, -2],
  ]) {
    const { low, high, marks } = rangeOf(plot(means, 0.5));
    for (const mean of means) if (mean !== null) assert.ok(low <= mean - 0.5 && mean + 0.5 <= high);
    assert.ok(low <= 0 && 0 <= high && marks.some(({ value }) => value === 0));
    assert.ok(marks.length >= 2 && marks.length <= 8, JSON.stringify(marks));
  }
});

test("marks of one axis have the same decimals, and their unit", () => {
  assert.deepEqual(
    rangeOf(plot([1, 1.9])).marks.map(({ text }) => text),
    ["0.0\u00a0σ", "0.5\u00a0σ", "1.0\u00a0σ", "1.5\u00a0σ", "2.0\u00a0σ"],
  );
});

test("what is not stored is a gap", () => {
  const [{ points }] = plot([1, 2, null, 3]).curves;
  assert.deepEqual(runs(points), [[0, 1], [3]]);
});

test("every place belongs to a step", () => {
  assert.deepEqual(
    [0, 0.49, 0.51, 0.999, 1, -1].map((share) => stepAt(share, 2)),
    [0, 0, 1, 1, 1, 0],
  );
});
