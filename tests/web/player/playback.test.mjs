import assert from "node:assert/strict";
import { test } from "node:test";
import { PlayClock } from "../../../dashboard/web/player/clock.mjs";
import { Playback } from "../../../dashboard/web/player/playback.mjs";

/** Play of 100 frames at 25 a second, of which those in `ready` have come; shown: what was painted, in order. */
function playing(/** @type {Set<number>} */ ready) {
  /** @type {number[]} */
  const shown = [];
  const position = {
    painted: 10,
    wanted: 10,
    seekTurn: 0,
    isInTick: false,
    isExact: true,
    isLate: () => position.painted !== position.wanted,
    planPrefetch: () => {},
    seek: () => {},
    show: (/** @type {number} */ frame) => {
      position.painted = frame;
      shown.push(frame);
    },
  };
  const frames = {
    isTooSlow: false,
    hasBytes: () => false,
    peek: (/** @type {number} */ frame) => (ready.has(frame) ? [] : null),
  };
  const player = { position, frames, timers: { soon: () => {} }, ui: { setLoading: () => {} }, parts: [] };
  const playback = new Playback(/** @type {any} */ (player));
  const ptsSeconds = Array.from({ length: 100 }, (_, n) => n / 25);
  const played = ptsSeconds.map((_, n) => n);
  playback.clock = new PlayClock(ptsSeconds, { frames: played, speed: 1, direction: 1, frame: 10, now: 0 });
  return { playback, position, shown };
}

test("play continues from a late frame that was shown while the clock was held, and never goes back", () => {
  const ready = new Set([10]);
  const { playback, position, shown } = playing(ready);
  const ticks = Array.from({ length: 16 }, (_, n) => 16 * (n + 1));
  for (const time of ticks.slice(0, 10)) playback.tick(time); // frame 11 is due from 40 ms on, and held for from 160 ms on
  for (const frame of [11, 12, 13]) ready.add(frame);
  position.show(11); // a seek has brought it between two ticks
  for (const time of ticks.slice(10)) playback.tick(time);
  assert.deepEqual(
    shown,
    [...shown].sort((a, b) => a - b),
  );
  assert.ok(position.painted > 11);
});
