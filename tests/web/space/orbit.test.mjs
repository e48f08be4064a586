import assert from "node:assert/strict";
import { test } from "node:test";
import { clipCamera, orbited, projection, seenAt } from "../../../dashboard/web/space/camera.mjs";
import { moveByKey } from "../../../dashboard/web/space/orbit.mjs";
import { lensOf } from "../../../dashboard/web/surfaces/geometry.mjs";

const NONE = { shiftKey: false, ctrlKey: false, altKey: false, metaKey: false };

test("what is near follows a drag: to the right with more yaw, down with more pitch", () => {
  const lens = lensOf({ width: 64, height: 64 }, 60);
  const seen = (/** @type {number} */ yaw, /** @type {number} */ pitch) =>
    seenAt(projection(orbited(clipCamera(3), yaw, pitch), lens, 3), [0, 0, 2]);
  assert.ok(seen(10, 0).u > 0.5);
  assert.ok(seen(0, 10).v > 0.5);
});

test("arrow keys turn, with Shift they move, and each key ends its movement; browser shortcuts stay the browser's", () => {
  /** @type {string[]} */
  const done = [];
  const note = (/** @type {string} */ name) => () => void done.push(name);
  const moves = {
    orbit: note("orbit"),
    pan: note("pan"),
    dolly: note("dolly"),
    settle: note("settle"),
    reset: note("reset"),
  };
  for (const [key, more, expected] of /** @type {[string, Partial<typeof NONE>, string[]][]} */ ([
    ["ArrowLeft", {}, ["orbit", "settle"]],
    ["ArrowUp", { shiftKey: true }, ["pan", "settle"]],
    ["+", {}, ["dolly", "settle"]],
    ["Home", {}, ["reset", "settle"]],
    ["ArrowLeft", { altKey: true }, []],
    ["+", { ctrlKey: true }, []],
    ["x", {}, []],
  ])) {
    done.length = 0;
    const event = /** @type {KeyboardEvent} */ ({ key, ...NONE, ...more });
    assert.equal(moveByKey(event, moves), expected.length > 0, key);
    assert.deepEqual(done, expected, key);
  }
});
