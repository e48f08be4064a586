import assert from "node:assert/strict";
import { test } from "node:test";
import { countText } from "../../../dashboard/web/controls/transport.mjs";

test("a file that holds a part of a clip counts the frames it holds", () => {
  const part = { nFrames: 240, nReady: 220, firstReady: 180, isFile: true };
  assert.equal(countText(part), "of 180 to 219 (40 frames)");
  assert.equal(countText({ ...part, nReady: 181 }), "of 180 to 180 (1 frame)");
  assert.equal(countText({ nFrames: 240, nReady: 240, firstReady: 0, isFile: true }), "/ 239");
});

test("a clip that grows counts the frames that are ready", () => {
  assert.equal(countText({ nFrames: 240, nReady: 64, firstReady: 0, isFile: false }), "/ 239, 64 ready");
});
