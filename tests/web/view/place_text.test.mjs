import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlace } from "../../../dashboard/web/view/place_text.mjs";

const clip = { ptsSeconds: Array.from({ length: 240 }, (_, i) => i / 30), firstReady: 0, lastReady: 239 };
const read = (text, one = clip) => readPlace(text, one);

test("a place is a frame, a time or a share of the clip", () => {
  const frames = ["120", " frame 120 ", "#7", "0:03", "0:03.5", "3 s", "3,5s", "50 %", "0%", "100 %"].map(
    (text) => read(text)?.frame,
  );
  assert.deepEqual(frames, [120, 120, 7, 90, 105, 90, 105, 120, 0, 239]);
});

test("a place beyond the clip is its last frame, and says so", () => {
  for (const text of ["999", "frame 240", "0:09", "20 s"])
    assert.deepEqual([text, read(text)], [text, { frame: 239, note: "went to the last frame, 239" }]);
  assert.deepEqual(read("999", { ...clip, lastReady: 41 }), {
    frame: 41,
    note: "went to the last frame that is ready, 41",
  });
  assert.deepEqual(read("3", { ...clip, firstReady: 180 }), { frame: 180, note: "went to the first frame, 180" });
  assert.deepEqual(read("8 s"), { frame: 239, note: "" }); // the end of the last frame
  assert.deepEqual(read("5", { ptsSeconds: [0], firstReady: 0, lastReady: 0 })?.frame, 0);
});

test("what is no place is none", () => {
  for (const text of ["", "first", "3 m", "-1", "1e3", "12 frames", "::", "5 5"]) assert.equal(read(text), null);
});
