// @ts-check
/**
 * The camera that looks at all panes: an eye that turns around a point. Pure.
 *
 * Coordinates are those of the clip's camera (x right, y down, z forward), whose own view is the eye at the origin.
 */

/**
 * @typedef {import("../surfaces/geometry.mjs").Point} Point
 * @typedef {import("../surfaces/geometry.mjs").Lens} Lens
 * @typedef {{yaw: number, pitch: number, distance: number, target: Point}} Camera yaw, pitch: degrees, to the right and down;
 *   target: the point that it turns around and looks at; distance: of the eye from there
 */

/** Looking straight down or up has no right and left. */
const MAX_PITCH_DEGREES = 89.9;
/** Nearest and farthest distance, in shares of the scene's size. */
const REACH = [0.02, 50];
/** The eye sees from here to there, in shares of the scene's size. */
const CLIP_PLANES = [0.01, 200];

/** The view of the clip's camera. @param {number} scale depth of what it turns around @returns {Camera} */
export function clipCamera(scale) {
  return { yaw: 0, pitch: 0, distance: scale, target: [0, 0, scale] };
}

/** A little aside of the clip's camera and farther away, so that depth is seen at once. @param {number} scale @returns {Camera} */
export function asideCamera(scale) {
  return { yaw: 12, pitch: 5, distance: 1.15 * scale, target: [0, 0, scale] };
}

/** From above, all of the scene in view. @param {number} scale @returns {Camera} */
export function topCamera(scale) {
  return { yaw: 0, pitch: MAX_PITCH_DEGREES, distance: 2.2 * scale, target: [0, 0, scale] };
}

/** From the left. @param {number} scale @returns {Camera} */
export function sideCamera(scale) {
  return { yaw: 90, pitch: 0, distance: 2.2 * scale, target: [0, 0, scale] };
}

/** Right, down and forward of a camera, unit vectors. @param {Camera} camera @returns {[Point, Point, Point]} */
export function axesOf({ yaw, pitch }) {
  const [sy, cy] = [Math.sin((yaw * Math.PI) / 180), Math.cos((yaw * Math.PI) / 180)];
  const [sp, cp] = [Math.sin((pitch * Math.PI) / 180), Math.cos((pitch * Math.PI) / 180)];
  return [
    [cy, 0, -sy],
    [-sy * sp, cp, -cy * sp],
    [sy * cp, sp, cy * cp],
  ];
}

/** @param {Camera} camera @returns {Point} */
export function eyeOf(camera) {
  const [, , forward] = axesOf(camera);
  return /** @type {Point} */ (camera.target.map((value, c) => value - camera.distance * forward[c]));
}

/** Turned by degrees. @param {Camera} camera @param {number} yaw @param {number} pitch @returns {Camera} */
export function orbited(camera, yaw, pitch) {
  const turned = ((((camera.yaw + yaw + 180) % 360) + 360) % 360) - 180;
  const tilted = Math.min(Math.max(camera.pitch + pitch, -MAX_PITCH_DEGREES), MAX_PITCH_DEGREES);
  return { ...camera, yaw: turned, pitch: tilted };
}

/** Moved sideways, in shares of the picture's shorter side as seen at the target. @param {Camera} camera @param {number} du @param {number} dv @param {Lens} lens @returns {Camera} */
export function panned(camera, du, dv, lens) {
  const [right, down] = axesOf(camera);
  const size = lens.step * Math.min(lens.width, lens.height) * camera.distance;
  const target = camera.target.map((value, c) => value - size * (du * right[c] + dv * down[c]));
  return { ...camera, target: /** @type {Point} */ (target) };
}

/** Nearer (above 1) or farther. @param {Camera} camera @param {number} factor @param {number} scale of the scene @returns {Camera} */
export function dollied(camera, factor, scale) {
  const distance = Math.min(Math.max(camera.distance / factor, REACH[0] * scale), REACH[1] * scale);
  return { ...camera, distance };
}

/**
 * From points to the pane, column by column as WebGL takes it. The clip's own view fills a pane of its shape.
 * @param {Camera} camera @param {Lens} lens @param {number} scale of the scene
 * @returns {Float32Array} 16
 */
export function projection(camera, lens, scale) {
  const [right, down, forward] = axesOf(camera);
  const eye = eyeOf(camera);
  const [near, far] = planesOf(scale);
  const [fx, fy] = [2 / (lens.step * lens.width), 2 / (lens.step * lens.height)];
  const [a, b] = [(far + near) / (far - near), (-2 * far * near) / (far - near)];
  const along = (/** @type {Point} */ axis) => -(axis[0] * eye[0] + axis[1] * eye[1] + axis[2] * eye[2]);
  const columns = [0, 1, 2].map((c) => [fx * right[c], -fy * down[c], a * forward[c], forward[c]]);
  return Float32Array.from([
    ...columns.flat(),
    fx * along(right),
    -fy * along(down),
    a * along(forward) + b,
    along(forward),
  ]);
}

/** Nearest and farthest distance that is drawn. @param {number} scale of the scene @returns {[number, number]} */
export function planesOf(scale) {
  return [CLIP_PLANES[0] * scale, CLIP_PLANES[1] * scale];
}

/**
 * Where a point is seen, in shares of the pane, and how far away; null: behind the eye.
 * @param {ArrayLike<number>} m from `projection` @param {Point} point
 * @returns {{u: number, v: number, depth: number} | null}
 */
export function seenAt(m, [x, y, z]) {
  const w = m[3] * x + m[7] * y + m[11] * z + m[15];
  if (!(w > 1e-9)) return null;
  const u = (m[0] * x + m[4] * y + m[8] * z + m[12]) / w;
  const v = (m[1] * x + m[5] * y + m[9] * z + m[13]) / w;
  return { u: 0.5 + u / 2, v: 0.5 - v / 2, depth: w };
}
