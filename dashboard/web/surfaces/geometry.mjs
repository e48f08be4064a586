// @ts-check
/**
 * From the stored codes of a depth track to points in space. Pure.
 *
 * The frame is that of the clip's camera: x right, y down, z forward, in the unit of the depth. A pixel (x, y) at depth z lies
 * at (X, Y, z) with X = (x - (width - 1) / 2) * step * z, as in consistency/models/camera_geometry.py.
 */

import { halfCode, physicalValue } from "../drawing/colour.mjs";

/** The field of view of the shorter side where it is unknown, as consistency/models/camera_geometry.py assumes. */
export const ASSUMED_FIELD_OF_VIEW_DEGREES = 60;
/** Vertices along the longer side; larger pictures are drawn from every 2nd, 3rd, ... pixel. */
export const MAX_GRID = 512;
/** Stands for a pixel without a depth in the buffer of codes. */
export const UNKNOWN = -1;

/**
 * @typedef {import("../drawing/colour.mjs").Domain} Domain
 * @typedef {[number, number, number]} Point
 * @typedef {{width: number, height: number, step: number}} Lens size of the picture in px; step: between the rays of two
 *   neighbouring pixels at depth 1
 * @typedef {{normal: Point, rms: number, count: number, centre: Point}} Plane fitted; rms: distance of its points, in their unit
 */

/** @param {{width: number, height: number}} size px @param {number} degrees field of view of the shorter side @returns {Lens} */
export function lensOf({ width, height }, degrees) {
  return { width, height, step: (2 * Math.tan((degrees * Math.PI) / 360)) / Math.min(width, height) };
}

/** Every how many pixels there is a vertex. @param {{width: number, height: number}} size */
export function strideOf({ width, height }) {
  return Math.max(1, Math.ceil(Math.max(width, height) / MAX_GRID));
}

/**
 * Whether a domain is a depth that has a place in space.
 * @param {Pick<Domain, "name" | "channels" | "lo" | "hi" | "scale">} domain
 */
export function isDepth({ name, channels, lo, hi, scale }) {
  const isRange = Number.isFinite(lo) && Number.isFinite(hi) && lo < hi && lo >= 0;
  return name === "depth" && channels === 1 && isRange && (scale !== "log" || lo > 0);
}

/**
 * The buffer that the GPU reads, and everything here: the code of each pixel as a float, UNKNOWN where there is none. The
 * domain's code of unknown values is also where depth is clipped ("16 m and beyond"), so neither has a place.
 * @param {ArrayLike<number>} rgba four bytes a pixel, the code in the first, or in two @param {Pick<Domain, "invalid" | "bits" | "sky">} domain
 * @param {Float32Array} to one float a pixel, 0 to 255
 */
export function fillCodes(rgba, { invalid, bits, sky }, to) {
  if (bits === 16) {
    const ends = [invalid, sky].map((code) => (typeof code === "number" ? Math.round(65535 * code) : -1));
    for (let i = 0; i < to.length; i += 1) {
      const code = rgba[4 * i] * 256 + rgba[4 * i + 1];
      to[i] = ends.includes(code) ? UNKNOWN : code / 257;
    }
    return to;
  }
  const without = typeof invalid === "number" ? Math.round(255 * invalid) : -1;
  for (let i = 0; i < to.length; i += 1) {
    const code = rgba[4 * i];
    to[i] = code === without ? UNKNOWN : code;
  }
  return to;
}

/** How the vertex shader decodes: depth = lo * exp(slope * code), or lo + slope * code. @param {Pick<Domain, "lo" | "hi" | "scale">} domain */
export function decoding({ lo, hi, scale }) {
  const isLog = scale === "log";
  return { lo, slope: (isLog ? Math.log(hi / lo) : hi - lo) / 255, isLog };
}

/** The depth of a code; NaN where it is unknown. @param {Domain} domain @param {number} code */
export function depthOf(domain, code) {
  return code < 0 ? NaN : physicalValue(domain, code / 255);
}

/** Half the distance between two stored depths near this one. @param {Domain} domain @param {number} depth */
export function halfStep(domain, depth) {
  const { slope, isLog } = decoding(domain);
  const half = slope * halfCode(domain);
  return isLog ? depth * (Math.exp(half) - 1) : half;
}

/** The point of a pixel. @param {Lens} lens @param {number} x @param {number} y @param {number} depth @returns {Point} */
export function pointOf({ width, height, step }, x, y, depth) {
  return [(x - (width - 1) / 2) * step * depth, (y - (height - 1) / 2) * step * depth, depth];
}

/** @param {Point} a @param {Point} b */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/**
 * What a triangle's corners may differ by: torn where the farthest lies beyond ratio * nearest + offset. One step of the
 * stored codes is always allowed: as much may be rounding alone.
 * @param {Pick<Domain, "lo" | "hi" | "scale" | "bits">} domain @param {number} tolerance a share of the nearest
 */
export function tearing(domain, tolerance) {
  const { slope, isLog } = decoding(domain);
  const step = slope * 2 * halfCode(domain);
  return isLog ? { ratio: (1 + tolerance) * Math.exp(step), offset: 0 } : { ratio: 1 + tolerance, offset: step };
}

/** The same in codes, which on a logarithmic scale need not be decoded for it; on a linear one they are. @param {Pick<Domain, "lo" | "hi" | "scale" | "bits">} domain @param {number} tolerance */
export function tearingOfCodes(domain, tolerance) {
  const { slope, isLog } = decoding(domain);
  return isLog
    ? { ratio: 1, offset: Math.log1p(tolerance) / slope + 2 * halfCode(domain) }
    : tearing(domain, tolerance);
}

/** Whether a triangle is torn; one with an unknown corner, NaN, is. @param {number} a @param {number} b @param {number} c @param {{ratio: number, offset: number}} limits from `tearing` */
export function isTorn(a, b, c, { ratio, offset }) {
  const [least, most] = [Math.min(a, b, c), Math.max(a, b, c)];
  return !(least > 0 && most <= ratio * least + offset);
}

/**
 * The points of a box of pixels that have a depth.
 * @param {Float32Array} codes from `fillCodes` @param {Domain} domain @param {Lens} lens
 * @param {[number, number, number, number]} box left, top, width, height
 */
export function pointsIn(codes, domain, lens, [left, top, width, height]) {
  /** @type {Point[]} */
  const points = [];
  for (let y = Math.max(top, 0); y < Math.min(top + height, lens.height); y += 1) {
    for (let x = Math.max(left, 0); x < Math.min(left + width, lens.width); x += 1) {
      const depth = depthOf(domain, codes[y * lens.width + x]);
      if (Number.isFinite(depth)) points.push(pointOf(lens, x, y, depth));
    }
  }
  return points;
}

/**
 * The plane of least squared distance, its normal towards the camera; null for fewer than three points.
 * @param {Point[]} points @returns {Plane | null}
 */
export function planeOf(points) {
  const count = points.length;
  if (count < 3) return null;
  const centre = /** @type {Point} */ ([0, 1, 2].map((c) => points.reduce((sum, point) => sum + point[c], 0) / count));
  /** xx, xy, xz, yy, yz, zz */
  const m = [0, 0, 0, 0, 0, 0];
  for (const point of points) {
    const [x, y, z] = [point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]];
    m[0] += x * x;
    m[1] += x * y;
    m[2] += x * z;
    m[3] += y * y;
    m[4] += y * z;
    m[5] += z * z;
  }
  const { value, vector } = smallestEigen(m.map((sum) => sum / count));
  const isAway = vector[0] * centre[0] + vector[1] * centre[1] + vector[2] * centre[2] > 0;
  const normal = /** @type {Point} */ (isAway ? vector.map((one) => -one) : vector);
  return { normal, rms: Math.sqrt(Math.max(value, 0)), count, centre };
}

/** Angle between two directions, degrees. @param {Point} a @param {Point} b */
export function angleDegrees(a, b) {
  const cosine = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (Math.hypot(...a) * Math.hypot(...b));
  return (Math.acos(Math.min(Math.max(cosine, -1), 1)) * 180) / Math.PI;
}

/** The smallest eigenvalue of a symmetric 3 x 3 matrix and its vector, by Jacobi rotations. @param {number[]} m xx, xy, xz, yy, yz, zz */
function smallestEigen([xx, xy, xz, yy, yz, zz]) {
  const a = [
    [xx, xy, xz],
    [xy, yy, yz],
    [xz, yz, zz],
  ];
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (let sweep = 0; sweep < 12; sweep += 1) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ]) {
      if (Math.abs(a[p][q]) < 1e-300) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const c = 1 / Math.sqrt(t * t + 1);
      const s = t * c;
      for (let k = 0; k < 3; k += 1) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
      for (let k = 0; k < 3; k += 1) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
      for (let k = 0; k < 3; k += 1) [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]];
    }
  }
  const at = [0, 1, 2].reduce((best, one) => (a[one][one] < a[best][best] ? one : best), 0);
  return { value: a[at][at], vector: /** @type {Point} */ ([v[0][at], v[1][at], v[2][at]]) };
}

/** The middle depth of a picture, where an orbit turns; null where no pixel has one. @param {Float32Array} codes @param {Domain} domain */
export function medianDepth(codes, domain) {
  const counts = new Uint32Array(256);
  let total = 0;
  for (const code of codes) {
    if (code < 0) continue;
    counts[Math.round(code)] += 1;
    total += 1;
  }
  if (total === 0) return null;
  let seen = 0;
  const middle = counts.findIndex((count) => {
    seen += count;
    return 2 * seen >= total;
  });
  return depthOf(domain, middle);
}
