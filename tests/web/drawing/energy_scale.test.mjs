import assert from "node:assert/strict";
import { test } from "node:test";
import { colourAt, lookupTable } from "../../../dashboard/web/drawing/colour.mjs";
import { overlayTable } from "../../../dashboard/web/drawing/compose.mjs";
import { clipScale, energyAxis, energyScale, limitOf, marksOf } from "../../../dashboard/web/drawing/energy_scale.mjs";
import { oklab } from "../fixtures/oklab.mjs";

const ENERGY = { name: "energy", unit: "σ" };
const SCALE = energyScale(ENERGY, { maps: {} });
const at = (value) => oklab(colourAt("energy", (value - SCALE.lo) / (SCALE.hi - SCALE.lo)));
const distance = (a, b) => 100 * Math.hypot(...a.map((one, i) => one - b[i]));

test("noise looks flat and 5 σ terrible, whatever else a clip holds", () => {
  assert.ok(distance(at(-0.02), at(0.02)) < 1);
  assert.ok(distance(at(0), at(5)) > 30 && distance(at(0), at(1)) > 4);
  assert.deepEqual([SCALE.lo, SCALE.hi], [-5, 5]);
});

test("equal steps of energy are equally far apart in colour, and as dark on either side of 0", () => {
  const steps = Array.from({ length: 20 }, (_, i) => distance(at(-5 + i / 2), at(-4.5 + i / 2)));
  assert.ok(Math.max(...steps) / Math.min(...steps) < 1.2, String(steps));
  for (const value of [1, 3, 5]) assert.ok(Math.abs(at(value)[0] - at(-value)[0]) < 0.02);
});

test("strip and overlay give one value the same colour", () => {
  const domain = { ...ENERGY, channels: 1, meaning: "scalar", lo: -8, hi: 24, scale: "linear", colour_map: "inferno" };
  const strip = lookupTable(energyScale(domain, { maps: {} }));
  const overlay = overlayTable(domain, energyScale(domain, { maps: {} }), { opacity: 1, from: -8 });
  for (const value of [-2, 0, 3, 5]) {
    const own = strip[Math.round((255 * (value + 5)) / 10)];
    const over = overlay[Math.round((255 * (value + 8)) / 32)];
    for (const shift of [0, 8, 16]) assert.ok(Math.abs(((own >>> shift) & 255) - ((over >>> shift) & 255)) <= 4);
  }
});

test("an axis holds the band of usual values, and reaches to the limit where a curve comes near", () => {
  const limit = limitOf(null);
  const { range, isLimitInside } = energyAxis([[0.01, null, NaN, -0.01]], limit);
  assert.ok(range[1] - range[0] >= 2 && !isLimitInside);
  assert.equal(energyAxis([], null).isLimitInside, false);
  const near = energyAxis([[2.1]], limit);
  assert.ok(near.isLimitInside && near.range[1] > 3);
});

test("the limit is the zoo's where it states one, and marked where the scale holds it", () => {
  assert.deepEqual(limitOf(2.6), { value: 2.6, label: "97.5\u00a0% of validation images: 2.60\u00a0σ" });
  assert.deepEqual(
    [limitOf(undefined), limitOf(null), limitOf(NaN)].map(({ value }) => value),
    [3, 3, 3],
  );
  const kinds = (lo, hi) => marksOf({ lo, hi }, limitOf(null)).map(({ kind }) => kind);
  assert.deepEqual(kinds(-5, 5), ["band", "zero", "band", "limit"]);
  assert.deepEqual(kinds(0.5, 2), ["band"]);
});

test("values without an anchor are coloured over the clip, but no narrower than a fifth of their median", () => {
  const ends = (...curves) => {
    const { lo, hi } = clipScale(curves, "");
    return [lo, hi];
  };
  assert.deepEqual(ends([10, 20, 30]), [10, 30]);
  assert.deepEqual(ends([10, 10, 10]), [9, 11]);
  assert.deepEqual(ends([0]), [-0.5, 0.5]);
  assert.equal(clipScale([[NaN]], ""), null);
});
