import assert from "node:assert/strict";
import { test } from "node:test";
import { roundStep, roundTicks } from "../../../dashboard/web/plots/ticks.mjs";

test("steps between marks are 1, 2 or 5 times a power of ten", () => {
  assert.deepEqual([0.03, 0.1, 3, 7, 40].map(roundStep), [0.05, 0.1, 5, 10, 50]);
});

test("marks are round and lie between the ends of the axis", () => {
  assert.deepEqual(roundTicks(-0.13, 0.42, 5), [0, 0.2, 0.4]);
});
