import assert from "node:assert/strict";
import { test } from "node:test";
import { fillBehind, limitsOfCodes, pushPull } from "../../../dashboard/web/surfaces/filling.mjs";
import { depthOf, isTorn, tearing } from "../../../dashboard/web/surfaces/geometry.mjs";
import { DEPTH } from "../fixtures/depth.mjs";

const [WIDTH, HEIGHT] = [96, 64];
const [NEAR, FAR] = [80, 180];
/** A red square before a wall that is green to the left and blue to the right. */
const isSquare = (/** @type {number} */ i) => {
  const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
  return x >= 30 && x < 66 && y >= 14 && y < 50;
};
const CODES = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => (isSquare(i) ? NEAR : FAR));
const RGBA = Uint8ClampedArray.from({ length: 4 * CODES.length }, (_, at) => {
  const i = Math.floor(at / 4);
  const wall = i % WIDTH < 48 ? 1 : 2;
  return at % 4 === 3 || at % 4 === (isSquare(i) ? 0 : wall) ? 255 : 0;
});
const LAYER = fillBehind(CODES, WIDTH, RGBA, DEPTH, 0.04);
const at = (/** @type {number} */ x, /** @type {number} */ y) => y * WIDTH + x;
const colour = (/** @type {number} */ i) => [...LAYER.colours.slice(4 * i, 4 * i + 4)];

test("what a near surface hides is invented at the depth and in the colours of the wall behind it", () => {
  for (const [x, y] of [
    [31, 30],
    [34, 40],
  ]) {
    const [red, green, blue] = colour(at(x, y));
    assert.equal(LAYER.isInvented[at(x, y)], 1);
    assert.ok(Math.abs(LAYER.codes[at(x, y)] - FAR) < 1e-3);
    assert.ok(red === 0 && green > 200 && blue < 55, `green at the left: ${[red, green, blue]}`);
  }
  const [red, green, blue] = colour(at(63, 30));
  assert.ok(red === 0 && blue > 200 && green < 55);
});

test("only the near side of a tear and the blend beside it are invented, and no farther in than the layer reaches", () => {
  const isBeside = (/** @type {number} */ i) =>
    [1, -1, WIDTH, -WIDTH, WIDTH - 1, 1 - WIDTH].some((step) => isSquare(i + step));
  for (const [i, one] of LAYER.isInvented.entries()) if (one) assert.ok(isSquare(i) || isBeside(i));
  assert.equal(
    LAYER.isInvented[at(48, 32)],
    0,
    "the middle of the square is 18 px from its edge, and the layer reaches 8",
  );
  assert.equal(LAYER.isInvented[at(30 + 7, 32)], 1);
  assert.equal(LAYER.isInvented[at(30 + 8, 32)], 0);
});

test("the layer meets the far side at its depth, in the colours beyond the blend, and is nowhere else", () => {
  const edge = at(29, 30);
  assert.deepEqual([LAYER.codes[edge], LAYER.isInvented[edge]], [FAR, 1]);
  const blended = RGBA.slice();
  for (let y = 14; y < 50; y += 1) blended.set([255, 255, 255, 255], 4 * at(29, y));
  const { colours } = fillBehind(CODES, WIDTH, blended, DEPTH, 0.04);
  const [red, green, blue] = colours.slice(4 * edge, 4 * edge + 3);
  assert.ok(red === 0 && green > 200 && blue < 55, `green, and no white: ${[red, green, blue]}`);
  for (const i of [at(28, 30), at(0, 0), at(48, 32)]) assert.equal(LAYER.codes[i], -1);
});

test("a surface without tears has no layer, nor has one whose neighbour is unknown", () => {
  const slope = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
    i % WIDTH < 4 ? -1 : 100 + Math.floor((i % WIDTH) / 8),
  );
  assert.ok(fillBehind(slope, WIDTH, RGBA, DEPTH, 0.04).codes.every((code) => code === -1));
  const all = Float32Array.from({ length: 6 }, () => -1);
  assert.ok(fillBehind(all, 3, new Uint8Array(24), DEPTH, 0.04).codes.every((code) => code === -1));
  assert.deepEqual([...fillBehind(Float32Array.of(9), 1, new Uint8Array(4), DEPTH, 0.04).codes], [-1]);
});

test("nothing that is invented lies before the surface that hides it, on any picture", () => {
  let seed = 11;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const codes = Float32Array.from({ length: WIDTH * HEIGHT }, () => (random() < 0.1 ? -1 : Math.floor(254 * random())));
  const { codes: found, isInvented } = fillBehind(codes, WIDTH, RGBA, DEPTH, 0.04);
  assert.ok(isInvented.some((one) => one === 1));
  for (const [i, one] of isInvented.entries()) if (one) assert.ok(found[i] > codes[i]);
});

test("pixels part where triangles tear, on both scales of depth", () => {
  for (const domain of [DEPTH, { ...DEPTH, scale: "linear" }]) {
    const { ratio, offset } = limitsOfCodes(domain, 0.1);
    for (let near = 0; near < 250; near += 7)
      for (let far = near; far < 255; far += 3) {
        const [a, b] = [near, far].map((code) => depthOf(domain, code));
        assert.equal(
          far > ratio * near + offset,
          isTorn(a, a, b, tearing(domain, 0.1)),
          `${domain.scale} ${near} ${far}`,
        );
      }
  }
});

test("push-pull keeps what is known, and spreads one known pixel over all", () => {
  const values = Float32Array.from({ length: 35 }, (_, i) => i);
  const weights = values.map((_, i) => (i === 17 ? 1 : 0));
  assert.ok(pushPull([values], weights, 7)[0].every((value) => value === 17));
  const half = values.map((_, i) => (i % 2 ? 1 : 0));
  const [spread] = pushPull([values], half, 7);
  spread.forEach((value, i) => {
    if (half[i]) assert.equal(value, i);
    else assert.ok(value > 0 && value < 34);
  });
});
