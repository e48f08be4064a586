import assert from "node:assert/strict";
import { test } from "node:test";
import {
  angleDegrees,
  decoding,
  depthOf,
  distance,
  fillCodes,
  halfStep,
  isDepth,
  isTorn,
  lensOf,
  medianDepth,
  planeOf,
  pointOf,
  pointsIn,
  strideOf,
  tearing,
  tearingOfCodes,
} from "../../../dashboard/web/surfaces/geometry.mjs";
import { DEPTH } from "../fixtures/depth.mjs";
import { near } from "../fixtures/near.mjs";

const pixels = (/** @type {number[]} */ codes) =>
  Uint8ClampedArray.from(codes.flatMap((code) => [code, code, code, 255]));

test("codes become the depths that the domain states, and unknown ones have none", () => {
  const codes = fillCodes(pixels([0, 128, 254, 255]), DEPTH, new Float32Array(4));
  assert.deepEqual([...codes], [0, 128, 254, -1]);
  near(depthOf(DEPTH, codes[0]), 0.1);
  near(depthOf(DEPTH, codes[1]), 0.1 * 160 ** (128 / 255));
  assert.ok(Number.isNaN(depthOf(DEPTH, codes[3])));
});

test("the shader's decoding is the same", () => {
  for (const domain of [DEPTH, { ...DEPTH, scale: "linear" }]) {
    const { lo, slope, isLog } = decoding(domain);
    for (const code of [0, 1, 77, 254])
      near(isLog ? lo * Math.exp(slope * code) : lo + slope * code, depthOf(domain, code));
  }
});

test("the field of view is that between the outer edges of the shorter side", () => {
  const lens = lensOf({ width: 320, height: 240 }, 60);
  const [, top] = pointOf(lens, 0, -0.5, 1);
  near((2 * Math.atan(-top) * 180) / Math.PI, 60);
});

test("points along the camera's axis are as far apart as their depths, and the edges of a picture follow the field of view", () => {
  const lens = lensOf({ width: 256, height: 256 }, 60);
  assert.equal(distance(pointOf(lens, 127.5, 127.5, 1), pointOf(lens, 127.5, 127.5, 3)), 2);
  const across = distance(pointOf(lens, -0.5, 127.5, 2), pointOf(lens, 255.5, 127.5, 2));
  near(across, 4 * Math.tan(Math.PI / 6));
});

test("a plane is found with its tilt and without error, seen from the camera", () => {
  const lens = lensOf({ width: 40, height: 40 }, 70);
  const normal = [0.6, 0, -0.8];
  /** @type {import("../../../dashboard/web/surfaces/geometry.mjs").Point[]} */
  const points = [];
  for (let i = 0; i < 400; i += 1) {
    const [x, y] = [i % 20, Math.floor(i / 20)];
    const ray = pointOf(lens, x, y, 1);
    points.push(pointOf(lens, x, y, -2 / (ray[0] * normal[0] + ray[2] * normal[2])));
  }
  const plane = planeOf(points);
  near(angleDegrees(plane.normal, normal), 0, 1e-3);
  near(plane.rms, 0, 1e-6);
  assert.equal(plane.count, 400);
  assert.equal(planeOf(points.slice(0, 2)), null);
});

test("rounding alone tears nothing, a jump does, and so does an unknown corner", () => {
  const limits = tearing(DEPTH, 0.04);
  const [near, next, far] = [100, 102, 106].map((code) => depthOf(DEPTH, code));
  assert.equal(isTorn(near, next, near, limits), false);
  assert.equal(isTorn(near, far, near, limits), true);
  assert.equal(isTorn(near, NaN, near, limits), true);
});

test("of 16 bits one of their own steps is allowed, and not one of 8 bits", () => {
  for (const scale of ["log", "linear"]) {
    const domain = { ...DEPTH, bits: 16, scale };
    const [near, next, far] = [100, 100 + 1 / 257, 100.5].map((code) => depthOf(domain, code));
    const limits = tearing(domain, 1e-9);
    assert.deepEqual([isTorn(near, next, near, limits), isTorn(near, far, near, limits)], [false, true]);
  }
  const byCodes = tearingOfCodes({ ...DEPTH, bits: 16 }, 1e-9);
  assert.deepEqual([1 / 257 > byCodes.offset, 0.5 > byCodes.offset], [false, true]);
});

test("the shader tears the same triangles by their codes", () => {
  for (const tolerance of [0.02, 0.04, 0.11, 0.5]) {
    const [limits, byCodes] = [tearing(DEPTH, tolerance), tearingOfCodes(DEPTH, tolerance)];
    for (let code = 1; code < 60; code += 1) {
      const torn = isTorn(depthOf(DEPTH, 100), depthOf(DEPTH, 100 + code), depthOf(DEPTH, 100), limits);
      assert.equal(100 + code > byCodes.ratio * 100 + byCodes.offset, torn, `${tolerance} ${code}`);
    }
  }
});

test("half a step is half the way to the next code", () => {
  const [a, b] = [120, 121].map((code) => depthOf(DEPTH, code));
  near(halfStep(DEPTH, a), Math.sqrt(a * b) - a);
  near(halfStep({ ...DEPTH, scale: "linear" }, 3), 15.9 / 510);
});

test("the middle depth ignores unknown pixels, and a picture of them has none", () => {
  near(medianDepth(Float32Array.of(-1, 50, 60, 70, -1), DEPTH), depthOf(DEPTH, 60));
  assert.equal(medianDepth(Float32Array.of(-1, -1), DEPTH), null);
});

test("a box reaches no farther than the picture", () => {
  const lens = lensOf({ width: 3, height: 2 }, 60);
  assert.equal(pointsIn(Float32Array.of(9, 9, -1, 9, 9, 9), DEPTH, lens, [1, -5, 50, 50]).length, 3);
});

test("only a depth with a possible range has a place in space", () => {
  assert.ok(isDepth(DEPTH));
  for (const change of [{ name: "normal" }, { channels: 3 }, { lo: 0 }, { hi: Infinity }, { lo: 20 }, { lo: NaN }])
    assert.ok(!isDepth({ ...DEPTH, ...change }), JSON.stringify(change));
});

test("large pictures are drawn from every second pixel, or fewer", () => {
  assert.deepEqual(
    [256, 512, 513, 3840].map((width) => strideOf({ width, height: 9 })),
    [1, 1, 2, 8],
  );
});
