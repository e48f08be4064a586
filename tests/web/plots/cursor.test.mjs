import assert from "node:assert/strict";
import { test } from "node:test";
import { intervalWords, spread } from "../../../dashboard/web/plots/cursor.mjs";

const spreadOf = (places, pitch, low, high) => {
  const own = Float64Array.from(places);
  spread(own, pitch, low, high);
  return [...own];
};

test("letters beside the axis keep the order of their values and do not overlap", () => {
  assert.deepEqual(spreadOf([50, 10, 90], 15, 0, 100), [50, 10, 90]);
  assert.deepEqual(spreadOf([50, 50], 15, 0, 100), [50, 65]);
  assert.deepEqual(spreadOf([52, 50, NaN, 51], 15, 0, 100), [80, 50, NaN, 65]);
});

test("letters stay beside the plot, and overlap evenly where there is no room for all", () => {
  assert.deepEqual(spreadOf([98, 99], 15, 0, 100), [85, 100]);
  assert.deepEqual(spreadOf([-40, -50], 15, 0, 100), [15, 0]);
  assert.deepEqual(
    spreadOf([1, 2, 3], 15, 0, 20),
    [0, 10, 20].map((place, i) => (i ? place : 0)),
  );
  assert.deepEqual(spreadOf([NaN], 15, 0, 20), [NaN]);
});

test("an expected error stands with its interval, or with why it has none", () => {
  const band = { low: [11.4, null], high: [23, null], coverage: 0.9 };
  assert.equal(intervalWords({ values: [16, 20], band }, 0, "°"), " (11.4° to 23.0°, 90 %)");
  assert.equal(intervalWords({ values: [16, 20], band }, 1, "°"), " (unlike calibration)");
  assert.equal(intervalWords({ values: [null, 20], band }, 0, "°"), "");
  assert.equal(intervalWords({ values: [16] }, 0, "°"), "");
});
