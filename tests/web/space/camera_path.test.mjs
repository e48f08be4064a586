import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { clipCamera, projection, seenAt } from "../../../dashboard/web/space/camera.mjs";
import {
  autozoom,
  cameraAt,
  coverage,
  framePlace,
  pathProjection,
  progressAt,
  SAMPLES,
  timeOf,
  WHOLE,
} from "../../../dashboard/web/space/camera_path.mjs";
import { lensOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { inside, KINDS, MOTIONS } from "../../../dashboard/web/view/camera_path_terms.mjs";
import { near } from "../fixtures/near.mjs";

const SAMPLED = JSON.parse(readFileSync(new URL("../fixtures/camera_paths.json", import.meta.url), "utf-8"));
const EXTENT = { width: 1.4, height: 1.05 };
const PATH = { kind: "zoom", from: WHOLE, to: [0.55, 0.45, 1.5], depth: 1, motion: "once", ease: "smooth" };
const TIMES = Array.from({ length: 41 }, (_, i) => i / 40);
const PLANES = [0.01, 200];

const sameCamera = (a, b) => {
  a.eye.forEach((value, c) => {
    near(value, b.eye[c]);
  });
  a.window.forEach((value, c) => {
    near(value, b.window[c]);
  });
};

test("the sampled cameras that both languages are checked against are those of the path", () => {
  for (const { path, cameras } of SAMPLED.paths)
    for (const { time, places, ...camera } of cameras) {
      sameCamera(cameraAt(path, time, SAMPLED.extent), camera);
      SAMPLED.points.forEach((point, i) => {
        assert.deepEqual(framePlace(camera, SAMPLED.extent, point), places[i]);
      });
    }
});

test("a zoom starts at its start and ends at its end", () => {
  sameCamera(cameraAt(PATH, 0, EXTENT), { eye: [0, 0, 0], window: WHOLE });
  const { eye, window } = cameraAt(PATH, 1, EXTENT);
  sameCamera({ eye, window }, { eye: [0.05 * 1.4, -0.05 * 1.05, 1 - 1 / 1.5], window: PATH.to });
});

test("the whole picture at the start is the view of the clip's camera", () => {
  const lens = lensOf({ width: 64, height: 48 }, 70);
  const extent = { width: lens.step * 64, height: lens.step * 48 };
  const own = projection(clipCamera(3), lens, 3);
  const still = pathProjection(cameraAt(PATH, 0, extent), extent, 3, [0.03, 600]);
  own.forEach((value, i) => {
    near(still[i], value, 1e-4);
  });
});

test("a path is monotone in time: every edge of the window and the eye go one way only", () => {
  for (const ease of ["smooth", "linear"]) {
    const along = TIMES.map((time) => {
      const { eye, window } = cameraAt({ ...PATH, ease }, time, EXTENT);
      return [...eye, window[0] - 0.5 / window[2], window[0] + 0.5 / window[2], window[2]];
    });
    const signs = along[0].map((from, c) => Math.sign(along.at(-1)[c] - from));
    for (let i = 1; i < along.length; i += 1)
      along[i].forEach((value, c) => {
        assert.ok(signs[c] * (value - along[i - 1][c]) >= -1e-12);
      });
  }
});

test("a loop and a ping-pong end where they start", () => {
  for (const kind of KINDS)
    for (const motion of ["loop", "pingpong"])
      sameCamera(cameraAt({ ...PATH, kind, motion }, 1, EXTENT), cameraAt({ ...PATH, kind, motion }, 0, EXTENT));
});

test("a ping-pong is symmetric in time and reaches its end in the middle", () => {
  for (const kind of ["zoom", "dolly"]) {
    const path = { ...PATH, kind, motion: "pingpong" };
    for (const time of TIMES) sameCamera(cameraAt(path, time, EXTENT), cameraAt(path, 1 - time, EXTENT));
    sameCamera(cameraAt(path, 0.5, EXTENT), cameraAt({ ...path, motion: "once" }, 1, EXTENT));
  }
});

test("smooth motion starts and stops without a jerk", () => {
  for (const motion of MOTIONS.filter((one) => one !== "loop"))
    near((progressAt({ ...PATH, motion }, 1e-4) - 0) / 1e-4, 0, 2e-3);
});

test("the focus stays fixed in a dolly zoom and in an orbit, and all else moves", () => {
  for (const kind of ["dolly", "orbit"]) {
    const path = { ...PATH, kind };
    for (const point of [
      [0.1, -0.2, 1],
      [-0.3, 0.1, 1],
    ]) {
      const places = TIMES.map((time) => framePlace(cameraAt(path, time, EXTENT), EXTENT, point));
      for (const [u, v] of places) {
        near(u, places[0][0]);
        near(v, places[0][1]);
      }
    }
    const moved = [0.1, 0.6].map((time) => framePlace(cameraAt(path, time, EXTENT), EXTENT, [0.4, 0, 2]));
    assert.ok(Math.hypot(moved[0][0] - moved[1][0], moved[0][1] - moved[1][1]) > 0.01);
  }
});

test("no ray of a zoom or a dolly zoom leaves what the clip's camera saw", () => {
  for (const kind of ["zoom", "dolly"])
    for (const depth of [0, 0.5, 1])
      for (const to of [inside([0, 1, 1.25]), inside([1, 0.3, 2])])
        for (const time of TIMES) {
          const camera = cameraAt({ ...PATH, kind, depth, to }, time, EXTENT);
          // Both edges of what the clip's camera saw lie at or beyond both edges of the frame, at every depth.
          for (const z of [0.75, 1, 3, 50]) {
            const [left, top] = framePlace(camera, EXTENT, [-0.7 * z, -0.525 * z, z]);
            const [right, bottom] = framePlace(camera, EXTENT, [0.7 * z, 0.525 * z, z]);
            assert.ok(left < 1e-9 && top < 1e-9 && right > 1 - 1e-9 && bottom > 1 - 1e-9, `${kind} ${z} ${time}`);
          }
        }
});

test("without depth a zoom is flat: points of one ray stay together", () => {
  const camera = cameraAt({ ...PATH, depth: 0 }, 0.7, EXTENT);
  const [close, far] = [framePlace(camera, EXTENT, [0.1, 0.1, 0.5]), framePlace(camera, EXTENT, [0.6, 0.6, 3])];
  near(close[0], far[0]);
  near(close[1], far[1]);
});

test("the matrix that draws a frame sees points where the path defines it", () => {
  for (const kind of KINDS)
    for (const time of [0, 0.3, 1]) {
      const camera = cameraAt({ ...PATH, kind, depth: 0.8 }, time, EXTENT);
      const seen = seenAt(pathProjection(camera, EXTENT, 2.5, PLANES), [0.4 * 2.5, -0.3 * 2.5, 1.7 * 2.5]);
      const [u, v] = framePlace(camera, EXTENT, [0.4, -0.3, 1.7]);
      near(seen.u, u, 1e-5);
      near(seen.v, v, 1e-5);
      near(seen.depth, 2.5 * (1.7 - camera.eye[2]), 1e-5);
    }
});

test("a repeated film shows its first frame once, and a single run both ends", () => {
  assert.deepEqual(
    [0, 9].map((frame) => timeOf({ motion: "once" }, frame, 10)),
    [0, 1],
  );
  assert.equal(timeOf({ motion: "loop" }, 9, 10), 0.9);
  assert.equal(timeOf({ motion: "once" }, 0, 1), 0);
});

test("autozoom of a plane stays at the middle, and goes where most pixels stay visible", () => {
  for (const { background, boxes, window, covered } of SAMPLED.autozoom) {
    const depths = new Float64Array(SAMPLES * SAMPLES).fill(background);
    for (const [x0, y0, x1, y1, z] of boxes)
      for (let y = y0; y < y1; y += 1) for (let x = x0; x < x1; x += 1) depths[y * SAMPLES + x] = z;
    const found = autozoom(depths, EXTENT);
    assert.deepEqual(found, { window, covered });
    if (boxes.length === 0) assert.ok(Math.hypot(window[0] - 0.5, window[1] - 0.5) < 0.01 && covered === 1);
    for (const corner of [inside([0, 0, 1.25]), inside([1, 1, 1.25])]) {
      const camera = cameraAt({ ...PATH, to: corner }, 1, EXTENT);
      assert.ok(coverage(depths, camera, EXTENT) <= covered);
    }
  }
});

test("a picture without any known depth covers nothing, and autozoom still answers", () => {
  const { window, covered } = autozoom(new Float64Array(SAMPLES * SAMPLES).fill(NaN), EXTENT);
  assert.equal(covered, 0);
  assert.equal(window[2], 1.25);
});
