import assert from "node:assert/strict";
import { test } from "node:test";
import { axisOf, believeCsv, linesOf } from "../../../dashboard/web/panels/believe.mjs";

const curve = { id: "paper", title: "Energy, =paper", unit: "σ", ause: 0.1, aurg: 0.05, series: [1, 0.9] };
const plot = {
  letter: "A",
  name: "baseline",
  error: "Error",
  mean: "3.0°",
  nFrames: 9,
  curves: [curve],
  oracle: [1, 0.6],
  randomAuse: 0.15,
  missing: [],
};

test("confidences stand between the oracle, whose area above itself is 0, and chance, which gains nothing", () => {
  const lines = linesOf(plot);
  assert.deepEqual(
    lines.map(({ id }) => id),
    ["oracle", "paper", "random"],
  );
  assert.deepEqual([lines[0].ause, lines[2].aurg], [0, 0]);
  assert.equal(lines[0].aurg, lines[2].ause);
  assert.deepEqual(lines[2].series, [1, 1]);
});

test("without a confidence there is nothing to compare with oracle and chance", () => {
  assert.deepEqual(linesOf({ ...plot, curves: [], oracle: [], randomAuse: null }), []);
});

test("the table has a row for each share and a column for each curve of each configuration", () => {
  const lines = believeCsv([plot, { ...plot, letter: "B" }])
    .trim()
    .split("\r\n");
  assert.equal(lines.length, 3);
  assert.equal(lines[1], "0,1,1,1,1,1,1");
  assert.equal(lines[2], "0.5,0.6,0.9,1,0.6,0.9,1");
  assert.match(lines[0], /"A baseline, Energy, =paper \(share of the mean error\)"/);
});

test("the axis holds every curve and 100 %, and does not begin far below them", () => {
  const [bottom, top] = axisOf(linesOf(plot));
  assert.ok(bottom <= 0.6 && bottom > 0.45 && top >= 1);
});
