import assert from "node:assert/strict";
import { test } from "node:test";
import { UNREACHABLE } from "../../../dashboard/web/frames/fetch.mjs";
import { FrameLoader } from "../../../dashboard/web/frames/frame_loader.mjs";
import { Bandwidth } from "../../../dashboard/web/frames/quality.mjs";
import { decodeFake, EXACT_BYTES, PREVIEW_BYTES, servePacks } from "../fixtures/pack_server.mjs";

const BLOCK_BYTES = 16 * EXACT_BYTES;

/** @param {import("node:test").TestContext} t @param {object} [options] those of the loader */
function makeLoader(t, options) {
  const loader = new FrameLoader({ decode: decodeFake, ...options });
  t.after(() => loader.close());
  return loader;
}

/** The measured speed of a connection, set by the test. @param {number | null} bytesPerSecond */
function bandwidthOf(bytesPerSecond) {
  return { begin() {}, add() {}, end() {}, bytesPerSecond };
}

/** Sides of the pictures, px: 2 when exact, 1 for previews. */
const sidesOf = (pictures) => pictures.map(({ isExact, codes }) => [isExact, codes.width]);

test("a frame is loaded of every track and is then in memory", async (t) => {
  const { tracks, requests } = servePacks(t);
  const loader = makeLoader(t);
  loader.setTracks(tracks("a", "b"));
  assert.equal(loader.peek(3), null);
  const pictures = await loader.load(3);
  assert.deepEqual(
    pictures.map(({ codes, error }) => [codes.data[0], error]),
    [
      [3, null],
      [3, null],
    ],
  );
  assert.deepEqual(loader.peek(3), pictures);
  assert.equal(requests.length, 4, "a header and a block of each");
  assert.deepEqual(loader.loadedSpans(20), [[0, 16]]);
  loader.close();
  assert.equal(loader.peek(3), null);
});

test("a whole file sent in place of a range is not kept whole", async (t) => {
  const server = servePacks(t);
  server.hasRanges = false;
  const loader = makeLoader(t);
  loader.setTracks(server.tracks("a"));
  await loader.load(3);
  const [{ value }] = [...loader.blocks.loaded.entries.values()];
  assert.equal(value.bytes.buffer.byteLength, value.bytes.length);
});

test("a failure is reported, remembered for a while, and then retried", async (t) => {
  const server = servePacks(t);
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const loader = makeLoader(t);
  loader.setTracks(server.tracks("a"));
  server.isAway = true;
  assert.equal((await loader.load(3))[0].error, UNREACHABLE);
  const { length } = server.requests;
  server.isAway = false;
  assert.equal((await loader.load(3))[0].error, UNREACHABLE);
  assert.equal(server.requests.length, length);
  now = 4001;
  assert.equal((await loader.load(3))[0].error, null);
});

test("a new target cancels what was prefetched for another place, but no seek", async (t) => {
  const server = servePacks(t);
  const loader = makeLoader(t);
  loader.setTracks(server.tracks("a", "b"));
  await loader.load(0);
  server.isHolding = true;
  loader.prefetch(0, { frames: [20], direction: 0, last: 199 });
  const sought = loader.load(40);
  await server.held(4);
  loader.prefetch(150, { frames: [], direction: 0, last: 199 });
  assert.deepEqual(
    server.aborted().map(({ start }) => start > 0),
    [true, true],
  );
  server.release();
  assert.deepEqual(
    (await sought).map(({ error }) => error),
    [null, null],
  );
});

test("prefetching leaves room in memory for the block on screen", async (t) => {
  const { tracks, requests } = servePacks(t);
  for (const [nBlocks, expected] of [
    [100, [6, 7, 5, 8, 4, 9, 3, 10, 2]],
    [3.5, [6, 7, 5]],
    [1, [6]],
  ]) {
    const loader = makeLoader(t);
    loader.setTracks(tracks("a"));
    await loader.packs.header(loader.tracks[0].packs[0]);
    loader.blocks.loaded.budget = nBlocks * BLOCK_BYTES;
    requests.length = 0;
    await loader.prefetch(100, { frames: [], direction: 0, last: 199 });
    const [{ start }] = requests;
    assert.deepEqual(
      requests.map((request) => 6 + (request.start - start) / BLOCK_BYTES),
      expected,
    );
  }
});

test("a seek that joins a cancelled prefetch still gets its frame", async (t) => {
  const server = servePacks(t);
  const loader = makeLoader(t);
  loader.setTracks(server.tracks("a"));
  await loader.load(0);
  server.isHolding = true;
  loader.prefetch(0, { frames: [20], direction: 0, last: 199 });
  await server.held(1);
  loader.prefetch(150, { frames: [], direction: 0, last: 199 });
  const sought = loader.load(20);
  await server.held(3); // the cancelled one, one around 150, and the one requested again
  server.release();
  assert.equal((await sought)[0].error, null);
});

test("removed tracks cancel their fetches, even those that a seek waits for", async (t) => {
  const server = servePacks(t);
  const loader = makeLoader(t);
  loader.setTracks(server.tracks("a", "b"));
  await loader.load(0);
  server.isHolding = true;
  const old = loader.load(40);
  await server.held(2);
  loader.setTracks(server.tracks("b"));
  assert.deepEqual(
    server.aborted().map(({ url }) => url),
    ["test:a"],
  );
  const sought = loader.load(40);
  server.release();
  assert.equal((await sought)[0].error, null);
  assert.equal((await old)[0].codes, null);
  const ofRemoved = server.requests.filter(({ url, start }) => url === "test:a" && start > 0);
  assert.equal(ofRemoved.length, 2, "not requested again");
});

test("a picture dropped from memory stays whole for whoever holds it", async (t) => {
  const { tracks } = servePacks(t);
  const loader = makeLoader(t);
  loader.pictures.decoded.budget = 1;
  loader.setTracks(tracks("a", "b", "c"));
  const pictures = [...(await loader.load(3)), ...(await loader.load(4))];
  assert.deepEqual(
    pictures.map(({ codes }) => codes.data.length),
    Array(6).fill(16),
  );
  assert.equal(loader.pictures.decoded.entries.size, 1);
});

test("on a slow connection previews of all tracks come first, then the exact frame alone", async (t) => {
  const { tracks, requests } = servePacks(t, { hasPreviews: true });
  const bandwidth = bandwidthOf(null);
  const loader = makeLoader(t, { bandwidth });
  loader.setTracks(tracks("a", "b"));
  await loader.load(0);
  assert.deepEqual(sidesOf(loader.peek(0)), Array(2).fill([true, 2]));
  bandwidth.bytesPerSecond = 1;
  requests.length = 0;
  assert.deepEqual(sidesOf(await loader.load(100)), Array(2).fill([false, 1]));
  assert.equal(requests.length, 2);
  assert.equal(loader.peek(101), null);
  const exact = await loader.loadAlone(100);
  assert.deepEqual(sidesOf(exact), Array(2).fill([true, 2]));
  assert.deepEqual(
    requests.map(({ length }) => length),
    [PREVIEW_BYTES, PREVIEW_BYTES, EXACT_BYTES, EXACT_BYTES],
    "one preview, then one exact image, of each",
  );
  assert.deepEqual(loader.peek(100), exact);
  loader.isExactOnly = true;
  assert.deepEqual(sidesOf(await loader.load(120)), Array(2).fill([true, 2]));
});

test("the exact frame alone is cancelled when another frame is shown", async (t) => {
  const server = servePacks(t);
  const bandwidth = bandwidthOf(null);
  const loader = makeLoader(t, { bandwidth });
  loader.setTracks(server.tracks("a"));
  await loader.load(0);
  bandwidth.bytesPerSecond = 1;
  server.isHolding = true;
  const first = loader.loadAlone(100);
  await server.held(1);
  loader.prefetch(150, { frames: [], direction: 0, last: 199 });
  assert.deepEqual([await first, server.aborted().length], [null, 1]);
  server.release();
  assert.equal((await loader.loadAlone(100))[0].isExact, true);
});

test("a failed preview is not retried at once, and the exact frame is loaded", async (t) => {
  const server = servePacks(t, { hasPreviews: true });
  const bandwidth = bandwidthOf(null);
  const loader = makeLoader(t, { bandwidth });
  loader.setTracks(server.tracks("a"));
  await loader.load(0);
  bandwidth.bytesPerSecond = 1;
  server.isAway = true;
  assert.equal((await loader.load(100))[0].error, UNREACHABLE);
  const { length } = server.requests;
  assert.equal((await loader.load(100))[0].error, UNREACHABLE);
  assert.equal(server.requests.length, length);
});

test("where one track has no previews, all pictures are exact", async (t) => {
  const { tracks } = servePacks(t, { hasPreviews: true });
  const loader = makeLoader(t, { bandwidth: bandwidthOf(1) });
  loader.setTracks(tracks("a", "b without"));
  await loader.load(0);
  assert.deepEqual(sidesOf(await loader.load(100)), Array(2).fill([true, 2]));
});

test("exact frames that are late are overtaken by previews", async (t) => {
  const server = servePacks(t, { hasPreviews: true });
  const loader = makeLoader(t);
  loader.setTracks(server.tracks("a"));
  await loader.load(0);
  server.isHolding = true;
  const sought = loader.load(100);
  await server.held(2); // the exact block, then that of the previews
  const [, previews] = server.requests.filter(({ go }) => go);
  previews.go();
  assert.deepEqual(sidesOf(await sought), [[false, 1]]);
  server.release();
});

test("a scrub fetches its next blocks while its frames are still being decoded", async (t) => {
  const server = servePacks(t);
  let isSlow = false;
  const loader = makeLoader(t, { decode: (bytes) => (isSlow ? new Promise(() => {}) : decodeFake(bytes)) });
  loader.setTracks(server.tracks("a", "b"));
  await loader.load(0);
  isSlow = true;
  server.isHolding = true;
  server.requests.length = 0;
  for (let frame = 1; frame < 12; frame += 1) {
    loader.prefetch(frame, { frames: [frame + 1, frame + 2], direction: 1, last: 199 });
    await new Promise((resolve) => setTimeout(resolve, 4)); // then the next frame of the scrub supersedes this one
    if (frame === 6) server.release();
  }
  assert.equal(server.aborted().length, 0, "a scrub does not cancel its own blocks");
  assert.deepEqual(loader.loadedSpans(200), [[0, 80]], "the block on screen and four ahead");
  assert.equal(server.requests.length, 2 * 4, "each block once");
});

test("on a line known to be slow the first picture is a preview, and nothing is fetched before it but headers", async (t) => {
  const { tracks, requests } = servePacks(t, { hasPreviews: true });
  const loader = makeLoader(t, { bandwidth: bandwidthOf(1) });
  loader.setTracks(tracks("a", "b"));
  const loading = loader.load(0);
  const ahead = loader.prefetch(0, { frames: [1], direction: 0, last: 199 });
  assert.deepEqual(sidesOf(await loading), Array(2).fill([false, 1]));
  assert.deepEqual(
    requests.slice(2, 4).map(({ length }) => length),
    [PREVIEW_BYTES, PREVIEW_BYTES],
  );
  await ahead;
});

test("left alone on a slow line, the previews of the whole clip are loaded", async (t) => {
  const { tracks } = servePacks(t, { hasPreviews: true });
  const loader = makeLoader(t, { bandwidth: bandwidthOf(1) });
  loader.setTracks(tracks("a"));
  await loader.load(150);
  await loader.prefetch(150, { frames: [151], direction: 0, last: 199 });
  assert.deepEqual(loader.loadedSpans(200), [[0, 200]]);
});

test("an image of a block is decoded as soon as its bytes are there", async (t) => {
  const { tracks } = servePacks(t);
  const loader = makeLoader(t, { bandwidth: new Bandwidth() });
  loader.setTracks(tracks("a"));
  await loader.load(0);
  const answer = globalThis.fetch;
  /** @type {ReadableStreamDefaultController<Uint8Array> | null} */
  let line = null;
  t.mock.method(globalThis, "fetch", async (url, options) => {
    const whole = new Uint8Array(await (await answer(url, options)).arrayBuffer());
    const body = new ReadableStream({
      start: (controller) => {
        line = controller;
        controller.enqueue(whole.slice(0, 2 * EXACT_BYTES));
      },
    });
    queueMicrotask(() => (line.rest = whole.slice(2 * EXACT_BYTES)));
    return new Response(body, { status: 206 });
  });
  const [track] = loader.tracks;
  const second = await loader.pictures.load(track, 33, true, "exact");
  assert.deepEqual([second.error, second.isExact], [null, true]);
  let isThere = false;
  const third = loader.pictures.load(track, 34, true, "exact").then((picture) => {
    isThere = true;
    return picture;
  });
  await new Promise(setImmediate);
  assert.equal(isThere, false);
  line.enqueue(line.rest);
  line.close();
  assert.equal((await third).error, null);
});
