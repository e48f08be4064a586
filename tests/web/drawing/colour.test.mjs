import assert from "node:assert/strict";
import { test } from "node:test";
import {
  legendTicks,
  lookupTable,
  mapName,
  mapPosition,
  physicalValue,
} from "../../../dashboard/web/drawing/colour.mjs";
import { near } from "../fixtures/near.mjs";

test("codes map to the physical values of their domain", () => {
  near(physicalValue({ lo: 0.1, hi: 16, scale: "log" }, 0), 0.1);
  near(physicalValue({ lo: 0.1, hi: 16, scale: "log" }, 1), 16);
  near(physicalValue({ lo: -1, hi: 1, scale: "linear" }, 0.5), 0);
});

test("a logarithmic scale over an impossible range has no ticks and no values", () => {
  for (const [lo, hi] of [
    [0, 1],
    [-1, 1],
    [NaN, 1],
    [1, NaN],
    [null, 1],
    [1, Infinity],
    [2, 1],
    [1, 1],
  ]) {
    assert.deepEqual(legendTicks({ lo, hi, scale: "log" }), []);
    assert.deepEqual(physicalValue({ lo, hi, scale: "log" }, 0.5), NaN);
  }
});

test("a diverging map is centred on zero for any range", () => {
  const scale = { lo: -8, hi: 24, scale: "linear", unit: "", colour_map: "diverging" };
  near(mapPosition(scale, 0.25), 0.5);
  near(mapPosition(scale, 1), 1);
  near(mapPosition(scale, 0), 0.5 - 8 / 48);
});

test("a grey domain is shown as stored, an unknown colour map as viridis", () => {
  assert.deepEqual(lookupTable({ lo: 0, hi: 1, scale: "linear", unit: "", colour_map: "grey" }), null);
  assert.deepEqual(mapName("no such map"), "viridis");
  assert.deepEqual(mapName("constructor"), "viridis");
});

test("legends mark powers of ten and zero", () => {
  assert.deepEqual(
    legendTicks({ lo: 0.1, hi: 16, scale: "log" }).map(({ value }) => value),
    [1, 10],
  );
  assert.deepEqual(
    legendTicks({ lo: 0.9, hi: 7, scale: "log" }).map(({ value }) => value),
    [1, 2, 5],
  );
  assert.deepEqual(legendTicks({ lo: -8, hi: 24, scale: "linear" }), [{ position: 0.25, value: 0 }]);
  assert.deepEqual(legendTicks({ lo: 0, hi: 1, scale: "linear" }), []);
});
