import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatMark,
  formatNumber,
  markWithUnit,
  parseable,
  rangeText,
  scaleMarks,
  withUnit,
} from "../../../dashboard/web/ui/numbers.mjs";

test("a number on the screen has the decimals of its unit and a true minus", () => {
  assert.deepEqual(
    [-1.466, 0.05, -0.001].map((value) => withUnit(value, "σ")),
    ["−1.47\u00a0σ", "0.05\u00a0σ", "0.00\u00a0σ"],
  );
  assert.deepEqual([withUnit(13, "°"), withUnit(0.0522, ""), withUnit(2.5, "m")], ["13.0°", "0.052", "2.50\u00a0m"]);
  assert.deepEqual([formatNumber(0.0001, ""), formatNumber(0, ""), formatNumber(NaN, "σ")], ["< 0.001", "0.000", "–"]);
  assert.equal(formatNumber(-123456789, ""), "−1.2e+8");
});

test("marks of a scale are short, and what a field holds can be read back", () => {
  assert.deepEqual([-5, 0.5, 1.18, 6.4].map(formatMark), ["−5", "0.5", "1.18", "6.4"]);
  assert.deepEqual([markWithUnit(-5, "σ"), markWithUnit(30, "°"), formatMark(NaN)], ["−5\u00a0σ", "30°", "–"]);
  for (const value of [-5, 0.5, 1234567, 1e-7, 0])
    assert.ok(Math.abs(Number(parseable(value)) - value) <= 0.05 * Math.abs(value));
});

test("the ends of a scale have the same decimals: as many as they need, and at most those of the unit", () => {
  assert.deepEqual(scaleMarks([-5, 5], "σ"), ["−5", "5"]);
  assert.deepEqual(scaleMarks([0, 0.0196], "code"), ["0.000", "0.020"]);
  assert.deepEqual(scaleMarks([0.1, 16], "m"), ["0.1", "16.0"]);
  assert.deepEqual(scaleMarks([1.384, 2.62], "m"), ["1.38", "2.62"]);
  assert.deepEqual(scaleMarks([0, 0.05, 0.1], ""), ["0.00", "0.05", "0.10"]);
  assert.equal(rangeText({ lo: 0, hi: 30 }, "°"), "0 to 30°");
});

test("marks that the decimals of their unit would make alike, or 0, have more", () => {
  assert.deepEqual(scaleMarks([0, 0.0004], "code"), ["0.0000", "0.0004"]);
  assert.deepEqual(scaleMarks([1.002, 1.006], "m"), ["1.00", "1.01"]);
  assert.deepEqual(scaleMarks([Number.NaN, 1e6], "m"), ["–", "1.0e+6"]);
});
