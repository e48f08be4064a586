import assert from "node:assert/strict";
import { test } from "node:test";
import {
  axesOf,
  clipCamera,
  dollied,
  eyeOf,
  orbited,
  panned,
  projection,
  seenAt,
  sideCamera,
  topCamera,
} from "../../../dashboard/web/space/camera.mjs";
import { lensOf, pointOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { near } from "../fixtures/near.mjs";

const LENS = lensOf({ width: 64, height: 48 }, 70);
/** Projections are stored in 32 bits. */
const WITHIN = 1e-5;

test("the camera of the clip sees every pixel where the picture has it, whatever its depth", () => {
  const m = projection(clipCamera(3), LENS, 3);
  for (const [x, y, depth] of [
    [0, 0, 0.5],
    [63, 47, 9],
    [10, 40, 2],
  ]) {
    const seen = seenAt(m, pointOf(LENS, x, y, depth));
    near(seen.u, (x + 0.5) / 64, WITHIN);
    near(seen.v, (y + 0.5) / 48, WITHIN);
    near(seen.depth, depth, WITHIN);
  }
});

test("an orbit keeps its target in the middle and its distance", () => {
  const camera = orbited(clipCamera(3), 40, -25);
  const seen = seenAt(projection(camera, LENS, 3), camera.target);
  near(seen.u, 0.5, WITHIN);
  near(seen.v, 0.5, WITHIN);
  near(seen.depth, 3, WITHIN);
  near(Math.hypot(...eyeOf(camera).map((value, c) => value - camera.target[c])), 3, WITHIN);
});

test("what is dragged to the right is seen to the right, and what is dragged down below", () => {
  const camera = panned(clipCamera(2), 0.25, 0.1, LENS);
  const seen = seenAt(projection(camera, LENS, 2), [0, 0, 2]);
  near(seen.u, 0.5 + (0.25 * 48) / 64, WITHIN);
  near(seen.v, 0.6, WITHIN);
});

test("axes stay at right angles and right-handed", () => {
  const [right, down, forward] = axesOf({ yaw: 37, pitch: -61, distance: 1, target: [0, 0, 1] });
  const cross = [0, 1, 2].map((c) => right[(c + 1) % 3] * down[(c + 2) % 3] - right[(c + 2) % 3] * down[(c + 1) % 3]);
  for (let c = 0; c < 3; c += 1) near(cross[c], forward[c], WITHIN);
});

test("from above the far is up, from the side the near is left", () => {
  const above = projection(topCamera(3), LENS, 3);
  assert.ok(seenAt(above, [0, 0, 4]).v < seenAt(above, [0, 0, 2]).v);
  const beside = projection(sideCamera(3), LENS, 3);
  assert.ok(seenAt(beside, [0, 0, 2]).u > seenAt(beside, [0, 0, 4]).u);
});

test("no way leads through the target or beyond the scene, and up stays up", () => {
  assert.ok(dollied(clipCamera(3), 1e9, 3).distance > 0);
  assert.ok(dollied(clipCamera(3), 1e-9, 3).distance <= 150);
  assert.ok(Math.abs(orbited(clipCamera(3), 0, 500).pitch) < 90);
  assert.ok(Math.abs(orbited(clipCamera(3), 725, 0).yaw) <= 180);
});

test("what lies behind the eye is not seen", () => {
  assert.equal(seenAt(projection(clipCamera(3), LENS, 3), [0, 0, -1]), null);
});
