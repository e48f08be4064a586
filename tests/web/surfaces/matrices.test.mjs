import assert from "node:assert/strict";
import { test } from "node:test";
import { projection, seenAt } from "../../../dashboard/web/space/camera.mjs";
import { pathProjection } from "../../../dashboard/web/space/camera_path.mjs";
import { lensOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { acrossOf, setBack } from "../../../dashboard/web/surfaces/matrices.mjs";

const lens = lensOf({ width: 64, height: 48 }, 60);
const extent = { width: lens.step * 64, height: lens.step * 48 };
const CAMERAS = {
  orbit: projection({ yaw: 30, pitch: -20, distance: 3, target: [0.2, 0.1, 2.5] }, lens, 2.5),
  path: pathProjection({ eye: [0.1, -0.05, 0.2], window: [0.55, 0.45, 1.25] }, extent, 2.5, [0.025, 500]),
};
const POINT = /** @type {[number, number, number]} */ ([0.3, -0.2, 2.8]);

/** @param {ArrayLike<number>} m @param {number[]} point of clip space, before its division */
const clipped = (m, [x, y, z]) => [0, 1, 2, 3].map((at) => m[at] * x + m[4 + at] * y + m[8 + at] * z + m[12 + at]);

test("a square that is set back stays where it is seen, and is hidden like one that is farther", () => {
  for (const camera of Object.values(CAMERAS)) {
    const [x, y, z, w] = clipped(camera, POINT);
    const [backX, backY, backZ, backW] = clipped(setBack(camera, 0.02), POINT);
    assert.deepEqual([backX, backY, backW], [x, y, w]);
    // Depths are a + b / w, so two others give those of any distance.
    const others = [
      [0, 0, 2],
      [0, 0, 5],
    ].map((point) => clipped(camera, point));
    const [[, , z1, w1], [, , z2, w2]] = others;
    const b = (z1 / w1 - z2 / w2) / (1 / w1 - 1 / w2);
    const a = z1 / w1 - b / w1;
    assert.ok(Math.abs(z / w - (a + b / w)) < 1e-5);
    assert.ok(Math.abs(backZ / backW - (a + b / (1.02 * w))) < 1e-5);
    assert.ok(backZ / backW > z / w);
  }
});

test("a unit across the view is as large as two points of that distance are apart", () => {
  for (const camera of Object.values(CAMERAS)) {
    const [, , , w] = clipped(camera, POINT);
    const [row, forward] = [0, 3].map((at) => [camera[at], camera[4 + at], camera[8 + at]]);
    const along = row.reduce((sum, value, c) => sum + value * forward[c], 0);
    const right = row.map((value, c) => (value - along * forward[c]) / acrossOf(camera));
    const beside = /** @type {[number, number, number]} */ (POINT.map((value, c) => value + right[c]));
    const [one, other] = [POINT, beside].map((point) => seenAt(camera, point));
    assert.ok(one && other && Math.abs(one.depth - other.depth) < 1e-5);
    assert.ok(Math.abs(2 * (other.u - one.u) - acrossOf(camera) / w) < 1e-5);
  }
});
