import assert from "node:assert/strict";
import { test } from "node:test";
import {
  blockRange,
  imageIn,
  loadedSpans,
  nearBlocks,
  packOf,
  placeIn,
  placeOf,
} from "../../../dashboard/web/frames/blocks.mjs";

/** A track of packs of so many frames. @param {number[]} lengths */
function trackOf(...lengths) {
  let start = 0;
  const packs = lengths.map((n_frames) => {
    const pack = { url: `from ${start}`, start, n_frames };
    start += n_frames;
    return pack;
  });
  return { key: "track", packs };
}

test("the first and last frame of each pack are found in it", () => {
  const { packs } = trackOf(10, 3, 1);
  assert.deepEqual(
    [-1, 0, 9, 10, 12, 13, 14].map((frame) => packOf(packs, frame)),
    [-1, 0, 0, 1, 1, 2, -1],
  );
});

test("a frame is an image of its pack, in a block of 16", () => {
  const track = trackOf(40, 20);
  const places = [0, 15, 16, 39, 40, 56].map((frame) => placeOf(track, frame));
  assert.deepEqual(
    places.map(({ pack, index, block }) => [track.packs.indexOf(pack), index, block]),
    [
      [0, 0, 0],
      [0, 15, 0],
      [0, 16, 1],
      [0, 39, 2],
      [1, 0, 0],
      [1, 16, 1],
    ],
  );
  assert.equal(placeOf(track, 60), null);
  assert.throws(() => placeIn(track, 60), /frame 60 is not computed yet/);
});

test("blocks tile a pack, and an image is found in its block by its offsets", () => {
  const images = { codec: "png", offsets: Array.from({ length: 19 }, (_, i) => 100 + 2 * i) };
  assert.deepEqual(blockRange(images, 0), { start: 100, end: 132 });
  assert.deepEqual(blockRange(images, 1), { start: 132, end: 136 });
  assert.deepEqual([...imageIn({ images, start: 132, bytes: Uint8Array.of(1, 2, 3, 4) }, 17)], [3, 4]);
});

test("the blocks around a frame come nearest first, across packs and inside the clip", () => {
  const track = trackOf(40, 64);
  const firstFrames = (steps) => steps.map(([{ pack, block }]) => pack.start + 16 * block);
  const near = (frame, limits) => firstFrames(nearBlocks([track], frame, { last: 103, most: Infinity, ...limits }));
  assert.deepEqual(near(35, { direction: 1 }), [32, 40, 16, 56, 72, 88]);
  assert.deepEqual(near(45, { direction: -1 }), [40, 32, 56, 16, 0]);
  assert.deepEqual(near(35, { direction: 0 }), [32, 40, 16, 56, 0, 72, 88]);
  assert.deepEqual(near(35, { direction: 0, last: 50 }), [32, 40, 16, 0]);
  assert.deepEqual(near(35, { direction: 0, most: 2 }), [32, 40]);
  assert.deepEqual(near(95, { direction: 1, reach: Infinity }), [88, 72]);
  assert.deepEqual(near(95, { direction: 0, reach: Infinity }), [88, 72, 56, 40, 32, 16, 0]);
  assert.deepEqual(nearBlocks([], 35, { direction: 0, last: 103, most: 9 }), [[]]);
});

test("frames are loaded where every track has their block", () => {
  const [a, b] = [trackOf(40), trackOf(40)];
  const has = new Map([
    [a.packs[0], [0, 2]],
    [b.packs[0], [0, 1, 2]],
  ]);
  const spans = loadedSpans([a, b], 38, ({ pack, block }) => has.get(pack).includes(block));
  assert.deepEqual(spans, [
    [0, 16],
    [32, 38],
  ]);
  assert.deepEqual(
    loadedSpans([], 38, () => true),
    [],
  );
});
