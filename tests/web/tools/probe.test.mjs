import assert from "node:assert/strict";
import { test } from "node:test";
import { valueText } from "../../../dashboard/web/tools/probe.mjs";

test("values are given in their domain's unit with half a quantisation step", () => {
  const depth = { channels: 1, meaning: "scalar", lo: 0.1, hi: 16, scale: "log", unit: "m" };
  assert.deepEqual(
    [0, 128, 255].map((code) => valueText(depth, code)),
    ["0.100 ±0.001 m", "1.28 ±0.01 m", "16.0 ±0.2 m"],
  );
  const energy = { channels: 1, meaning: "scalar", lo: -8, hi: 24, scale: "linear", unit: "σ" };
  assert.deepEqual(valueText(energy, 64), "0.03 ±0.06 σ");
  const normal = { channels: 3, meaning: "direction", lo: -1, hi: 1, scale: "linear", unit: "" };
  assert.deepEqual(valueText(normal, 255 | (128 << 8) | (128 << 16)), "1.000 0.004 0.004 ±0.004");
  assert.deepEqual(valueText(normal, 128 | (128 << 8) | (128 << 16)), "no direction");
});
