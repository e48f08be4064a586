import assert from "node:assert/strict";
import { test } from "node:test";
import { filmLayout, lookOf } from "../../../dashboard/web/space/film_frames.mjs";
import { clipFrame, KenBurns, samplesOf } from "../../../dashboard/web/space/ken_burns.mjs";
import { lensOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { DEPTH } from "../fixtures/depth.mjs";

const WHOLE = [0.5, 0.5, 1];
const FILM = {
  kind: "zoom",
  from: WHOLE,
  to: [0.6, 0.5, 1.25],
  depth: 1,
  focus: 2,
  motion: "pingpong",
  ease: "smooth",
  seconds: 4,
};

/** A film over a still, without a browser. @param {object} film */
function editing(film) {
  const painter = { film: film, editedFilm: null, filmTime: 0, sceneScale: 2 };
  Object.defineProperty(painter, "film", {
    get: () => painter.editedFilm ?? context.view.state.film,
  });
  const context = {
    view: { state: { film }, change: (changes) => Object.assign(context.view.state, changes) },
    stage: { size: { width: 64, height: 48 } },
    position: { repaint: () => {} },
  };
  return { kenBurns: new KenBurns(context, painter, () => {}), painter, context };
}

test("the clip's clock runs on under the film, from the range's first frame, and its last frame stays", () => {
  const pts = [0, 0.1, 0.2, 0.3, 0.4, 0.5];
  assert.deepEqual(
    [0, 0.05, 0.1, 0.2, 0.29, 9].map((seconds) => clipFrame(pts, [1, 4], seconds)),
    [1, 1, 2, 3, 3, 4],
  );
  assert.equal(clipFrame([0], [0, 0], 3), 0);
});

test("the samples of autozoom are pixels all over the picture, in units of the focus depth", () => {
  const lens = lensOf({ width: 128, height: 32 }, 60);
  const codes = Float32Array.from({ length: 128 * 32 }, (_, i) => (i % 128 < 64 ? 100 : -1));
  const found = samplesOf({ codes, domain: DEPTH, lens, camera: new Float32Array(16) }, 2);
  const depth = DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** (100 / 255);
  assert.ok(Math.abs(found[0] - depth / 2) < 1e-9);
  assert.ok(Number.isNaN(found[63]));
  assert.equal(found.filter(Number.isFinite).length, 64 * 32);
});

test("a drag moves the window of the nearer end against it, and the end it shows", () => {
  const { kenBurns, painter, context } = editing(FILM);
  painter.filmTime = 0.4; // nearer to the end, which a ping-pong reaches in the middle
  kenBurns.moves.pan(-0.02, 0);
  assert.equal(painter.filmTime, 0.5);
  kenBurns.moves.settle();
  const { from, to } = context.view.state.film;
  assert.deepEqual(from, WHOLE);
  assert.ok(to[0] === 0.6 || Math.abs(to[0] - 0.6) < 1e-9, "the window is at the picture's edge already");
  kenBurns.moves.pan(0.1, 0);
  kenBurns.moves.settle();
  assert.ok(Math.abs(context.view.state.film.to[0] - (0.6 - (0.1 * 48) / 64 / 1.25)) < 1e-9);
});

test("editing by hand makes a zoom of an autozoom, and keeps an orbit an orbit", () => {
  for (const [kind, after] of [
    ["auto", "zoom"],
    ["orbit", "orbit"],
  ]) {
    const { kenBurns, context } = editing({ ...FILM, kind });
    kenBurns.moves.dolly(1.2);
    kenBurns.moves.settle();
    assert.equal(context.view.state.film.kind, after);
  }
});

test("a repeated film over a clip begins again with the clip, holds its last frame, and stops where the clip is paused", (t) => {
  const clock = t.mock.method(performance, "now", () => 0);
  const { kenBurns, painter, context } = editing({ ...FILM, motion: "loop", seconds: 2 });
  const playback = {
    isPlaying: false,
    play: () => {
      playback.isPlaying = true;
      kenBurns.followPlayback();
    },
    pause: () => {
      playback.isPlaying = false;
      kenBurns.followPlayback();
    },
  };
  const jumps = [];
  const jump = (frame) => {
    playback.pause();
    jumps.push(frame);
  };
  let tick = null;
  const timers = {
    soon: (_name, act) => {
      tick = act;
    },
    cancel: () => {
      tick = null;
    },
  };
  const clip = { range: [0, 3] };
  const data = { ptsSeconds: [0, 0.25, 0.5, 0.75] };
  Object.assign(context, { playback, timers, clip, data, position: { repaint: () => {}, jump } });
  kenBurns.play();
  for (const [ms, frames, isClipPlaying] of [
    [500, [0], true],
    [1200, [0, 3], false], // the clip lasts 1 s, the film 2 s
    [2100, [0, 3, 0], true],
  ]) {
    clock.mock.mockImplementation(() => ms);
    tick();
    assert.deepEqual(jumps, frames);
    assert.deepEqual([kenBurns.isPlaying, playback.isPlaying], [true, isClipPlaying]);
  }
  assert.equal(painter.filmTime, 0);
  playback.pause();
  assert.equal(kenBurns.isPlaying, false);
});

test("a film has even sides, room for names where there are several pictures, and rows that are full", () => {
  for (const count of [1, 2, 3, 4, 5, 8])
    for (const [height, aspect] of [
      [257, 4 / 3],
      [480, 1],
    ]) {
      const { rects, width, height: whole, namesPx } = filmLayout(count, height, aspect);
      assert.ok(width % 2 === 0 && whole % 2 === 0);
      assert.equal(rects.length, count);
      assert.equal(namesPx > 0, count > 1);
      for (const rect of rects) {
        assert.ok(rect.x >= 0 && rect.y >= namesPx && rect.x + rect.width <= width && rect.y + rect.height <= whole);
        assert.ok(rects.every((other) => other === rect || other.x !== rect.x || other.y !== rect.y));
      }
    }
  assert.deepEqual(filmLayout(1, 257, 1).rects[0], { x: 0, y: 0, width: 258, height: 258 });
});

test("a film tells another clip, other panes and every other look from its own, and neither camera nor path", () => {
  const state = {
    surface: { name: "tear", tolerance: 0.04 },
    gaps: "filled",
    colour: "image",
    camera: "clip",
    maps: {},
  };
  const lookWith = (/** @type {object} */ changes, clip = "one", key = "a", degrees = 60) => {
    const view = { state: { ...state, ...changes } };
    return lookOf({ degrees, context: { data: { clip }, view, stage: { panes: [{ key }] } } });
  };
  const own = lookWith({});
  assert.deepEqual([lookWith({ camera: null }), lookWith({ film: FILM })], [own, own]);
  const others = [
    lookWith({}, "two"),
    lookWith({}, "one", "b"),
    lookWith({}, "one", "a", 70),
    ...[{ gaps: "open" }, { colour: "map" }, { overlay: "energy" }, { diff: "A" }].map((one) => lookWith(one)),
    lookWith({ maps: { depth: { map: null, lo: 1, hi: 2 } } }),
    lookWith({ surface: { name: "points", tolerance: 0.04 } }),
  ];
  assert.equal(new Set([own, ...others]).size, others.length + 1);
});

test("a film is not begun before the depth is there that its focus is at", () => {
  const { kenBurns, painter, context } = editing(null);
  const said = [];
  Object.assign(painter, { scale: 0 });
  Object.assign(context, { ui: { announce: (text) => said.push(text) } });
  kenBurns.toggle();
  assert.deepEqual([context.view.state.film, said.length], [null, 1]);
});
