import assert from "node:assert/strict";
import { test } from "node:test";
import {
  findPeaks,
  formatTime,
  frameAt,
  framesAround,
  framesToPlay,
  PlayClock,
  Punctuality,
  RateMeter,
  span,
} from "../../../dashboard/web/player/clock.mjs";

test("the frame at a time is the last one that has begun", () => {
  const pts = [0, 0.1, 0.4, 0.5];
  const times = [-1, 0, 0.05, 0.1, 0.39, 0.4, 0.5, 9];
  assert.deepEqual(
    times.map((time) => frameAt(pts, time)),
    [0, 0, 0, 1, 1, 2, 3, 3],
  );
});

test("play follows presentation time even where the frame rate varies", () => {
  const pts = [0, 0.1, 0.4, 0.5];
  const play = new PlayClock(pts, { frames: span(0, 3), speed: 1, direction: 1, frame: 0, now: 1000 });
  assert.deepEqual(
    [0, 99, 101, 399, 401, 501].map((ms) => play.at(1000 + ms)),
    [0, 0, 1, 1, 2, 3],
  );
});

test("play wraps around after the last frame's full duration", () => {
  const pts = [0, 0.1, 0.2];
  const play = new PlayClock(pts, { frames: span(0, 2), speed: 2, direction: 1, frame: 1, now: 0 });
  assert.deepEqual(
    [0, 49, 51, 99, 101, 151].map((ms) => play.at(ms)),
    [1, 1, 2, 2, 0, 1],
  );
});

test("play wraps around inside the loop range only", () => {
  const pts = Array.from({ length: 10 }, (_, i) => i / 10);
  const play = new PlayClock(pts, { frames: span(3, 5), speed: 1, direction: 1, frame: 3, now: 0 });
  assert.deepEqual(
    [50, 150, 250, 350, 650].map((ms) => play.at(ms)),
    [3, 4, 5, 3, 3],
  );
});

test("playing selected frames gives each its own duration and skips the rest", () => {
  const pts = [0, 0.1, 0.2, 0.5, 0.6, 0.7];
  const frames = [1, 2, 4];
  const options = { frames, speed: 1, frame: 1, now: 0 };
  const play = new PlayClock(pts, { ...options, direction: 1 });
  assert.deepEqual(
    [0, 99, 101, 399, 401, 499, 501].map((ms) => play.at(ms)),
    [1, 1, 2, 2, 4, 4, 1],
  );
  const back = new PlayClock(pts, { ...options, direction: -1, frame: 4 });
  assert.deepEqual(
    [1, 101, 399, 401, 501].map((ms) => back.at(ms)),
    [4, 2, 2, 1, 4],
  );
  assert.deepEqual(Math.round(10 * play.fps), 60);
  assert.deepEqual(
    [0, 1, 3, 9].map((frame) => frames[play.indexOf(frame)]),
    [1, 1, 2, 4],
  );
});

test("backward play mirrors forward play", () => {
  const pts = [0, 0.1, 0.2, 0.3];
  const play = new PlayClock(pts, { frames: span(0, 3), speed: 1, direction: -1, frame: 2, now: 0 });
  assert.deepEqual(
    [1, 150, 250, 350].map((ms) => play.at(ms)),
    [2, 1, 0, 3],
  );
});

test("a clip of one frame has a duration", () => {
  const play = new PlayClock([5], { frames: span(0, 0), speed: 4, direction: 1, frame: 0, now: 0 });
  assert.deepEqual(
    [0, 10, 1000].map((ms) => play.at(ms)),
    [0, 0, 0],
  );
});

test("a rate is known after one second and forgotten after another", () => {
  const meter = new RateMeter();
  meter.reset(0);
  for (let ms = 50; ms <= 1000; ms += 50) meter.add(ms);
  assert.deepEqual([meter.rate(500), meter.rate(1000), meter.rate(3000)], [null, 20, 0]);
});

test("the frames ahead wrap around in the direction of play", () => {
  const frames = span(0, 9);
  assert.deepEqual(framesToPlay(8, { frames, direction: 1, count: 4 }), [9, 0, 1, 2]);
  assert.deepEqual(framesToPlay(1, { frames, direction: -1, count: 3 }), [0, 9, 8]);
  assert.deepEqual(framesToPlay(5, { frames: [2, 5, 9], direction: 1, count: 9 }), [9, 2]);
  assert.deepEqual(framesToPlay(0, { frames: [0], direction: 1, count: 5 }), []);
  assert.deepEqual(framesAround(1, { first: 0, last: 9, count: 5 }), [2, 0, 3, 4, 5]);
  assert.deepEqual(framesAround(0, { first: 0, last: 0, count: 5 }), []);
});

test("peaks are local, high and well separated", () => {
  const curve = Array.from({ length: 60 }, (_, i) => Math.sin((2 * Math.PI * i) / 20));
  assert.deepEqual(findPeaks(curve), [5, 25, 45]);
  assert.deepEqual(findPeaks([1, 1, 1, 1]), []);
  assert.deepEqual(findPeaks([NaN, NaN]), []);
});

test("times show minutes from one minute on", () => {
  assert.deepEqual([0, 1.5, 83.5, NaN].map(formatTime), ["0.000 s", "1.500 s", "1:23.500", ""]);
});

test("play is late when a tenth of the due frames is missing, at any rate", () => {
  const judge = (fps, isShown, seconds = 10, screen = 60) => {
    const play = new Punctuality();
    play.reset(0);
    let [due, verdicts, shownBefore] = [-1, 0, -1];
    for (let tick = 0; tick <= seconds * screen; tick += 1) {
      const now = Math.floor((tick / screen) * fps);
      const shown = isShown(now) ? now : shownBefore;
      verdicts += play.tick((1000 * tick) / screen, now !== due, shown !== shownBefore) ? 1 : 0;
      [due, shownBefore] = [now, shown];
    }
    return verdicts;
  };
  for (const fps of [0.5, 1, 3, 7.5, 30, 60, 120]) assert.deepEqual([fps, judge(fps, () => true)], [fps, 0]);
  assert.deepEqual(
    judge(30, () => true, 10, 25),
    0,
  ); // a slow screen
  assert.deepEqual(
    judge(30, (frame) => frame % 15 !== 0),
    0,
  );
  assert.deepEqual(judge(30, (frame) => frame % 2 === 0) >= 9, true);
});

test("time in a hidden window does not count as late", () => {
  const play = new Punctuality();
  play.reset(0);
  for (let tick = 0; tick < 20; tick += 1) play.tick(16 * tick, true, false);
  assert.deepEqual([play.tick(60_000, true, true), play.tick(60_016, true, true)], [false, false]);
});
