import assert from "node:assert/strict";
import { test } from "node:test";
import { packOf } from "../../../dashboard/web/frames/pack.mjs";

test("the first and last frame of each pack are found in it", () => {
  const packs = [
    { start: 0, n_frames: 10 },
    { start: 10, n_frames: 3 },
    { start: 13, n_frames: 1 },
  ];
  assert.deepEqual(
    [-1, 0, 9, 10, 12, 13, 14].map((frame) => packOf(packs, frame)),
    [-1, 0, 0, 1, 1, 2, -1],
  );
});
