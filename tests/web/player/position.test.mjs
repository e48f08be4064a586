import assert from "node:assert/strict";
import { test } from "node:test";
import { Position } from "../../../dashboard/web/player/position.mjs";

/** A position of a player whose loader answers only when the test says so. */
function makePosition() {
  /** Seeks under way: the frame and the tracks that were sought, and how to bring the pictures. */
  const seeks = [];
  /** What was painted: frame, and the tracks of its pictures. */
  const painted = [];
  let keys = [];
  const picturesOf = (frame, tracks) => tracks.map((key) => ({ codes: { key, frame }, error: null, isExact: true }));
  const player = {
    isDestroyed: false,
    parts: [],
    forTests: { paints: 0 },
    clip: { nReady: 100, firstReady: 0, lastReady: 99, clamp: (frame) => frame },
    playback: {
      isPlaying: false,
      hasPassed: () => false,
      clock: null,
      direction: 1,
      fpsDue: 0,
      lateSince: null,
      pause() {},
    },
    timers: { later() {}, soon: (_name, act) => act(), cancel() {} },
    ui: { setLoading() {} },
    charts: { moveCursor() {} },
    reports: { soon() {} },
    view: { state: { wipe: null } },
    stage: {
      layout: {},
      empty: {},
      clear() {},
      paint: (pictures) => painted.push(pictures.map((picture) => picture && [picture.codes.key, picture.codes.frame])),
    },
    frames: {
      peek: () => null,
      peekAt: () => null,
      prefetch() {},
      setTracks: (tracks) => {
        keys = tracks.map(({ key }) => key);
      },
      load: (frame) => {
        const tracks = keys;
        return new Promise((resolve) => {
          seeks.push({ frame, bring: () => resolve(picturesOf(frame, tracks)) });
        });
      },
    },
  };
  const position = new Position(player);
  const tracks = (...names) => names.map((key) => ({ key, packs: [] }));
  const settled = () => new Promise(setImmediate);
  return { position, seeks, painted, tracks, settled };
}

test("the newest seek wins: an older one that comes later is not painted", async () => {
  const { position, seeks, painted, tracks, settled } = makePosition();
  position.setTracks(tracks("a"), true);
  position.goTo(10);
  position.goTo(20);
  position.goTo(30); // waits for one of the two
  assert.deepEqual(
    seeks.map(({ frame }) => frame),
    [10, 20],
  );
  seeks[1].bring();
  await settled();
  seeks[0].bring();
  await settled();
  assert.deepEqual(painted, [[["a", 20]]]);
  const last = seeks.findLast(({ frame }) => frame === 30);
  last?.bring();
  await settled();
  assert.deepEqual([painted.at(-1), position.painted, position.isLate()], [[["a", 30]], 30, false]);
});

test("a change of tracks during a seek paints no picture of the tracks before", async () => {
  const { position, seeks, painted, tracks, settled } = makePosition();
  position.setTracks(tracks("a", "b"), true);
  position.goTo(5);
  seeks[0].bring();
  await settled();
  position.goTo(6);
  position.setTracks(tracks("a", "c"), false);
  const { length } = painted;
  for (const { bring } of seeks) bring();
  await settled();
  for (const { bring } of seeks) bring();
  await settled();
  assert.deepEqual(painted.at(-1), [
    ["a", 6],
    ["c", 6],
  ]);
  assert.equal(
    painted
      .slice(length)
      .flat()
      .filter((one) => one?.[0] === "b").length,
    0,
  );
});
