import assert from "node:assert/strict";
import { test } from "node:test";
import { shadeByNormals } from "../../../dashboard/web/surfaces/normal_shading.mjs";
import { LIGHT } from "../../../dashboard/web/surfaces/shaders.mjs";

const NORMAL = { name: "normal", channels: 3, lo: -1, hi: 1, scale: "linear", unit: "", meaning: "direction" };
const codesOf = (/** @type {number[]} */ normal) => [...normal.map((value) => Math.round(127.5 * (value + 1))), 255];
const shade = (/** @type {number[]} */ normal) => shadeByNormals(codesOf(normal), NORMAL, new Uint8ClampedArray(4));

test("what faces the light is brightest, what is turned away is dark but no hole, and no direction is a hole", () => {
  const [towards] = shade(LIGHT);
  assert.ok(towards > 240);
  assert.deepEqual([...shade(LIGHT.map((one) => -one))], [41, 41, 41, 255]);
  assert.ok(shade([0, 0, -1])[0] < towards);
  assert.equal(shade([0, 0, 0])[3], 0);
});

test("a shorter normal of the same direction has the same shade", () => {
  assert.ok(Math.abs(shade([0, 0, -1])[0] - shade([0, 0, -0.5])[0]) <= 1);
});
