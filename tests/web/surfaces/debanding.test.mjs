import assert from "node:assert/strict";
import { test } from "node:test";
import { deband } from "../../../dashboard/web/surfaces/debanding.mjs";

const [WIDTH, HEIGHT] = [64, 48];
const picture = (/** @type {(x: number, y: number) => number} */ value) =>
  Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => value(i % WIDTH, Math.floor(i / WIDTH)));
const rms = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);

test("no code leaves its rounding, whatever the picture, and unknown ones stay unknown", () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const codes = picture(() => (random() < 0.1 ? -1 : Math.floor(254 * random())));
  const smooth = picture((x, y) => Math.round(100 + 4 * Math.sin(x / 9) + 3 * Math.cos(y / 7)));
  for (const one of [codes, smooth]) {
    const found = deband(one, WIDTH, new Float32Array(one.length));
    found.forEach((value, i) => {
      if (one[i] < 0) assert.equal(value, -1);
      else assert.equal(Math.round(value), one[i]);
    });
  }
});

test("a slope that was rounded to bands is nearly the slope again", () => {
  for (const [dx, dy] of [
    [0.11, 0],
    [0.07, 0.05],
    [-0.2, 0.13],
  ]) {
    const slope = picture((x, y) => 120 + dx * x + dy * y);
    const codes = slope.map(Math.round);
    const found = deband(codes, WIDTH, new Float32Array(codes.length));
    assert.ok(
      rms(found, slope) < 0.45 * rms(codes, slope),
      `${dx} ${dy}: ${rms(found, slope)} of ${rms(codes, slope)}`,
    );
  }
});

test("a jump in depth stays as it is, and so does a flat picture", () => {
  const jump = picture((x) => (x < 30 ? 80 : 95));
  assert.deepEqual([...deband(jump, WIDTH, new Float32Array(jump.length))], [...jump]);
  const flat = picture(() => 80);
  assert.deepEqual([...deband(flat, WIDTH, new Float32Array(flat.length))], [...flat]);
});
