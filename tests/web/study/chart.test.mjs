// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  endsOf,
  inOrder,
  linkOf,
  marksOf,
  nearest,
  outline,
  placeOf,
  scalesOf,
  wordsOf,
} from "../../../dashboard/web/study/chart.mjs";

/** @typedef {import("../../../dashboard/web/study/chart.mjs").Series} Series */

const BOX = { left: 0, right: 100, top: 0, bottom: 100 };
/** @type {Series} */
const POINTS = {
  ...{ name: "baseline", hue: 0, shade: 0, dash: false, kind: "points" },
  ...{ x: [2, 0, null, 1], y: [10, 20, 15, null] },
  ...{ clips: ["walk", "phone"], links: ["./?clip=w", "./?clip=p"] },
  places: [
    [0, 7],
    [1, 3],
    [1, 4],
    [0, 8],
  ],
};
/** @param {Partial<Series>} [changes] */
const chart = (changes = {}) => ({
  title: "Energy against error",
  x: { title: "Energy", unit: "σ" },
  y: { title: "Mean angular error", unit: "°" },
  series: [{ ...POINTS, ...changes }],
});

test("axes hold every known value with a little room, and ends that are always shown", () => {
  const { x, y } = endsOf(chart());
  assert.ok(x[0] < 0 && x[1] > 2 && y[0] < 10 && y[1] > 20);
  const shares = { ...chart(), x: { title: "Coverage", unit: "", from: 0, to: 2 } };
  assert.deepEqual(endsOf(shares).x, [0, 2]);
  assert.deepEqual(endsOf({ ...chart(), series: [] }).y, [0, 1]);
});

test("the numbers of a study's axis have the same decimals", () => {
  const texts = (/** @type {string} */ unit) => marksOf([0, 1], unit, 2).map(({ text }) => text);
  assert.deepEqual(
    [texts("σ"), texts("°")],
    [
      ["0.0", "0.5", "1.0"],
      ["0.0°", "0.5°", "1.0°"],
    ],
  );
});

test("the nearest known point is found, and none in a chart without points", () => {
  const scales = scalesOf({ x: [0, 2], y: [0, 20] }, BOX);
  assert.deepEqual(nearest(chart(), scales, 95, 45), { series: 0, point: 0 });
  assert.deepEqual(nearest(chart(), scales, 5, 0), { series: 0, point: 1 });
  assert.equal(nearest({ ...chart(), series: [] }, scales, 5, 0), null);
});

test("marks that stand side by side are found where they are drawn", () => {
  const scales = scalesOf({ x: [0, 2], y: [0, 20] }, BOX);
  const marks = { ...POINTS, kind: /** @type {const} */ ("marks"), x: [1], y: [10] };
  const pair = { ...chart(), series: [-0.5, 0.5].map((dodge) => ({ ...marks, dodge })) };
  const [left, right] = pair.series.map((one) => placeOf(one, 0, scales));
  assert.ok(left && right && left[0] < 50 && right[0] > 50 && left[1] === 50 && right[1] === 50);
  assert.deepEqual(
    [left, right].map(([x, y]) => nearest(pair, scales, x, y)),
    [
      { series: 0, point: 0 },
      { series: 1, point: 0 },
    ],
  );
});

test("keys go through the known points from left to right", () => {
  assert.deepEqual(
    inOrder(chart()).map(({ point }) => point),
    [1, 0],
  );
});

test("a point says what it is with its units, and leads to its frame", () => {
  const place = { series: 0, point: 0 };
  assert.equal(wordsOf(chart(), place), "baseline, walk, frame 7: energy 2.00\u00a0σ, mean angular error 10.0°");
  assert.equal(linkOf(chart(), place), "./?clip=w&frame=7");
  assert.equal(linkOf(chart({ places: undefined }), place), "");
  const ranged = chart({ places: undefined, low: [9], high: [12.5] });
  assert.ok(wordsOf(ranged, place).endsWith("mean angular error 10.0° (9.0 to 12.5)"));
});

test("a line has gaps where a value is unknown, and steps are level between their edges", () => {
  const scales = scalesOf({ x: [0, 2], y: [0, 20] }, BOX);
  const line = { ...POINTS, kind: /** @type {const} */ ("line"), x: [0, 1, 2], y: [0, null, 20] };
  assert.equal(outline(line, scales), "M0.0 100.0M100.0 0.0");
  const steps = { ...POINTS, kind: /** @type {const} */ ("steps"), x: [0, 1, 2], y: [10, 20] };
  assert.equal(outline(steps, scales), "M0.0 50.0L50.0 50.0L50.0 0.0L100.0 0.0");
});
