import assert from "node:assert/strict";
import { test } from "node:test";
import { choiceOf, costOf, costText, durationText, framesOf, megabytes } from "../../../dashboard/web/asking/cost.mjs";

const OFFER = {
  zoo: "mini",
  inputBytes: 100,
  seconds: 0.01,
  bytes: [
    { method: "baseline", target: "normal", bytes: 1000, pictures: 3 },
    { method: "baseline", target: "depth", bytes: 500, pictures: 2 },
    { method: "geonet", target: "normal", bytes: 800, pictures: 2 },
  ],
};

test("frames are those of the part that the video has, at the rate asked for", () => {
  assert.equal(framesOf({ start: 0, end: 10, fps: 10 }, null), 100);
  assert.equal(framesOf({ start: 2, end: 10, fps: 10 }, 4.05), 21);
  assert.equal(framesOf({ start: 5, end: 10, fps: 10 }, 4), 0);
  assert.equal(framesOf({ start: 0, end: 1, fps: null }, null), 30);
  assert.equal(framesOf({ start: 0, end: null, fps: 10 }, null), null);
  assert.equal(framesOf({ start: 0, end: null, fps: 10 }, 3), 30);
});

test("the cost grows with frames and chosen predictions, and counts the input once", () => {
  assert.deepEqual(costOf(OFFER, OFFER.bytes.slice(0, 1), 10), { bytes: 11_000, seconds: 0.01 * 4 * 10 });
  assert.deepEqual(costOf(OFFER, OFFER.bytes, 1), { bytes: 2400, seconds: 0.01 * 8 });
  assert.equal(costOf({ ...OFFER, seconds: null }, OFFER.bytes, 10).seconds, null);
});

test("a time that was never measured is not guessed", () => {
  assert.match(
    costText(100, { bytes: 120e6, seconds: null }),
    /^Up to 100 frames, about 120\u00a0MB, the time is known once/,
  );
  assert.equal(costText(1, { bytes: 1.25e6, seconds: 12.4 }), "Up to 1 frame, about 1.3\u00a0MB, about 12\u00a0s.");
  assert.match(costText(0, { bytes: 0, seconds: 0 }), /no frame/);
  assert.match(costText(null, { bytes: 0, seconds: 0 }), /an end/);
});

test("sizes and times have units that fit them", () => {
  assert.deepEqual(
    [megabytes(40_000), megabytes(9.96e6), megabytes(2e9)],
    ["0.0\u00a0MB", "10.0\u00a0MB", "2000\u00a0MB"],
  );
  assert.deepEqual([0.2, 89, 600, 7200].map(durationText), ["1\u00a0s", "89\u00a0s", "10\u00a0min", "2.0\u00a0h"]);
});

test("every choice is spelled by globs that match something, in as few as will do", () => {
  assert.deepEqual(choiceOf(OFFER, ["baseline", "geonet"], ["normal", "depth"]).patterns, ["*"]);
  assert.deepEqual(choiceOf(OFFER, ["baseline"], ["normal", "depth"]).patterns, ["mini/baseline/*"]);
  assert.deepEqual(choiceOf(OFFER, ["baseline", "geonet"], ["depth"]).patterns, ["mini/baseline/rgb-depth*"]);
  assert.deepEqual(choiceOf(OFFER, ["baseline", "geonet"], ["normal"]).patterns, [
    "mini/baseline/rgb-normal*",
    "mini/geonet/*",
  ]);
  assert.deepEqual(choiceOf(OFFER, [], ["normal"]), { patterns: [], chosen: [] });
});
