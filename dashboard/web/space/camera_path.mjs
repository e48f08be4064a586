// @ts-check
/**
 * The camera path of a Ken Burns film: where the camera stands at a time from 0 to 1. Pure; docs/kenburns.md defines it.
 *
 * A camera is an eye and a window. The eye is a place in units of the focus depth, x right, y down, z forward, the clip's own
 * camera at 0. The window is a part of the picture: what it shows at the focus depth fills the frame, wherever the eye is.
 * The camera never turns.
 */

/**
 * @typedef {import("../surfaces/geometry.mjs").Point} Point
 * @typedef {{eye: Point, window: Window}} PathCamera
 * @typedef {{width: number, height: number}} Extent of the picture at depth 1: 2 tan of half its field of view, each way
 * @typedef {import("../view/camera_path_terms.mjs").Window} Window
 * @typedef {import("../view/camera_path_terms.mjs").CameraPath} CameraPath
 */

/** The end of an autozoom, as a zoom of the picture. */
export const AUTOZOOM = 1.25;
/** Candidates for that end, each way. */
const POSITIONS = 16;
/** Samples of the depth that are moved to a candidate, and cells of its frame, each way. */
export const SAMPLES = 64;
/** Samples overlap by this much of a cell, so that a slope has no gaps. */
const OVERLAP = 0.25;

/** @type {Window} */
export const WHOLE = [0.5, 0.5, 1];

/** How far along its curve the camera is at a time, both from 0 to 1. @param {Pick<CameraPath, "kind" | "motion" | "ease">} path @param {number} time */
export function progressAt({ kind, motion, ease }, time) {
  // An orbit is closed by itself; the others go and return like a pendulum.
  if (motion === "loop") return kind === "orbit" ? time : (1 - Math.cos(2 * Math.PI * time)) / 2;
  const x = motion === "pingpong" ? 1 - Math.abs(1 - 2 * time) : time;
  return ease === "smooth" ? x * x * (3 - 2 * x) : x;
}

/** @param {CameraPath} path @param {number} time from 0 to 1 @param {Extent} extent @returns {PathCamera} */
export function cameraAt(path, time, extent) {
  const progress = progressAt(path, time);
  const { kind, from, to, depth } = path;
  if (kind === "orbit") {
    const angle = 2 * Math.PI * progress;
    const reach = 0.5 * depth * (1 - 1 / to[2]);
    return {
      eye: [reach * extent.width * Math.cos(angle), reach * extent.height * Math.sin(angle), 0],
      window: to,
    };
  }
  if (kind === "dolly") return { eye: eyeOf(to, depth * progress, extent), window: to };
  const window = between(from, to, progress);
  return { eye: eyeOf(window, depth, extent), window };
}

/** The window on the way: its edges move along straight lines, as those of a camera of constant speed do. @param {Window} from @param {Window} to @param {number} progress @returns {Window} */
function between(from, to, progress) {
  const mixed = (/** @type {number} */ a, /** @type {number} */ b) => a + (b - a) * progress;
  return [mixed(from[0], to[0]), mixed(from[1], to[1]), 1 / mixed(1 / from[2], 1 / to[2])];
}

/**
 * From where the clip's own lens would see that window at the focus depth, or a share of the way there. From there no ray of
 * the window leaves what the clip's camera saw, at whatever depth.
 * @param {Window} window @param {number} share @param {Extent} extent @returns {Point}
 */
function eyeOf([u, v, zoom], share, { width, height }) {
  return [share * (u - 0.5) * width, share * (v - 0.5) * height, share * (1 - 1 / zoom)];
}

/** The time of frame k of n. What closes is repeated without showing its first frame twice. @param {Pick<CameraPath, "motion">} path @param {number} frame @param {number} count */
export function timeOf({ motion }, frame, count) {
  return motion === "once" ? frame / Math.max(count - 1, 1) : frame / count;
}

/**
 * Where a point is seen in the frame, in shares of it; null: behind the eye.
 * @param {PathCamera} camera @param {Extent} extent @param {Point} point in units of the focus depth
 * @returns {[number, number] | null}
 */
export function framePlace({ eye, window: [u, v, zoom] }, { width, height }, [x, y, z]) {
  if (!(z - eye[2] > 1e-9)) return null;
  const along = (1 - eye[2]) / (z - eye[2]);
  const [atX, atY] = [eye[0] + (x - eye[0]) * along, eye[1] + (y - eye[1]) * along];
  return [0.5 + zoom * (0.5 + atX / width - u), 0.5 + zoom * (0.5 + atY / height - v)];
}

/**
 * The same as a matrix, column by column as WebGL takes it, for points in the unit of the depth.
 * @param {PathCamera} camera @param {Extent} extent @param {number} focus depth @param {[number, number]} planes nearest and
 *   farthest distance that is drawn
 * @returns {Float32Array} 16
 */
export function pathProjection({ eye, window: [u, v, zoom] }, { width, height }, focus, [near, far]) {
  const [fx, fy] = [(2 * zoom * (1 - eye[2])) / width, (2 * zoom * (1 - eye[2])) / height];
  const [sx, sy] = [2 * zoom * (0.5 - u + eye[0] / width), 2 * zoom * (0.5 - v + eye[1] / height)];
  const [a, b] = [(far + near) / (far - near), (-2 * far * near) / (far - near)];
  const back = -focus * eye[2];
  return Float32Array.from([
    ...[fx, 0, 0, 0],
    ...[0, -fy, 0, 0],
    ...[sx, -sy, a, 1],
    ...[sx * back - fx * focus * eye[0], -(sy * back - fy * focus * eye[1]), a * back + b, back],
  ]);
}

/**
 * The end window of zoom AUTOZOOM that keeps most of the frame covered by what the clip's camera saw.
 * @param {ArrayLike<number>} depths SAMPLES x SAMPLES in rows, in units of the focus depth; NaN: unknown
 * @param {Extent} extent @param {number} depth of the path, see CameraPath
 * @returns {{window: Window, covered: number}} covered: share of the frame's cells
 */
export function autozoom(depths, extent, depth = 1) {
  const reach = (1 - 1 / AUTOZOOM) / 2;
  const shift = (/** @type {number} */ i) => reach * ((2 * i) / (POSITIONS - 1) - 1);
  /** @type {{window: Window, covered: number}} */
  let best = { window: [0.5, 0.5, AUTOZOOM], covered: -1 };
  let bestOff = Infinity;
  for (let j = 0; j < POSITIONS; j += 1) {
    for (let i = 0; i < POSITIONS; i += 1) {
      /** @type {Window} */
      const window = [0.5 + shift(i), 0.5 + shift(j), AUTOZOOM];
      const covered = coverage(depths, { eye: eyeOf(window, depth, extent), window }, extent);
      const off = (2 * i - POSITIONS + 1) ** 2 + (2 * j - POSITIONS + 1) ** 2;
      if (covered < best.covered || (covered === best.covered && off >= bestOff)) continue;
      best = { window, covered };
      bestOff = off;
    }
  }
  return best;
}

/**
 * The share of a frame's SAMPLES x SAMPLES cells on whose centre a sample falls. A sample is a cell of the picture, and as
 * large in the frame as the camera sees it.
 * @param {ArrayLike<number>} depths @param {PathCamera} camera @param {Extent} extent
 */
export function coverage(depths, camera, extent) {
  const n = SAMPLES;
  const cells = new Uint8Array(n * n);
  let count = 0;
  for (let y = 0; y < n; y += 1) {
    for (let x = 0; x < n; x += 1) {
      const z = depths[y * n + x];
      if (!(z > 0)) continue;
      const rays = [((x + 0.5) / n - 0.5) * extent.width * z, ((y + 0.5) / n - 0.5) * extent.height * z];
      const seen = framePlace(camera, extent, [rays[0], rays[1], z]);
      if (!seen) continue;
      const size = (camera.window[2] * (1 - camera.eye[2]) * z) / (z - camera.eye[2]);
      const half = 0.5 * size + OVERLAP;
      const left = Math.max(Math.ceil(n * seen[0] - half - 0.5), 0);
      const right = Math.min(Math.floor(n * seen[0] + half - 0.5), n - 1);
      const top = Math.max(Math.ceil(n * seen[1] - half - 0.5), 0);
      const bottom = Math.min(Math.floor(n * seen[1] + half - 0.5), n - 1);
      for (let row = top; row <= bottom; row += 1) {
        for (let column = left; column <= right; column += 1) {
          count += 1 - cells[row * n + column];
          cells[row * n + column] = 1;
        }
      }
    }
  }
  return count / (n * n);
}
