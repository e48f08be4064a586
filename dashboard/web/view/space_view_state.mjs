// @ts-check
/** The view in space, as a part of the view state, and its spelling in the link: camera, surface, colour and field of view. Pure. */

import { EASES, inside, KINDS, MOTIONS, ZOOM_LIMITS } from "./camera_path_terms.mjs";

const NUMBER = /^-?\d{1,6}(\.\d{1,4})?$/;
export const SURFACES = /** @type {const} */ (["stretch", "tear", "points"]);
export const COLOURS = /** @type {const} */ (["image", "map", "shade", "debanded", "normals"]);
export const GAPS = /** @type {const} */ (["open", "filled", "hatched"]);
/** Degrees. */
export const FIELD_OF_VIEW_LIMITS = [15, 120];
/** Shares by which the corners of a triangle may differ in depth. */
export const TOLERANCE_LIMITS = [0.02, 0.5];
export const TOLERANCE = 0.04;
/** Limits of the length of a film. */
export const SECONDS_LIMITS = [1, 60];
/** Depths are of any unit, so a focus has more decimals. */
const FOCUS = /^\d{1,6}(\.\d{1,8})?$/;

/**
 * @typedef {import("./camera_path_terms.mjs").CameraPath & {focus: number, seconds: number}} Film a Ken Burns film; focus: depth,
 *   in its unit; seconds: how long it lasts
 * @typedef {typeof SURFACES[number]} SurfaceName
 * @typedef {typeof COLOURS[number]} ColourName
 * @typedef {{camera: import("../space/camera.mjs").Camera | "clip" | null, surface: {name: SurfaceName, tolerance: number},
 *   colour: ColourName, gaps: typeof GAPS[number], film: Film | null, fov: number | null}} SpaceViewState
 *   camera: null: a little aside of the clip's, so that depth is seen at once. surface: stretch: all triangles; tear: those whose corners differ by no more than the
 *   tolerance; points. colour: of the image, of the pane's colour map (difference and energy included), or shading; debanded:
 *   shading without the steps to which depth is rounded, each code moved by less than half a step; normals: shading by the
 *   method's own normals, which the depth agrees with or not.
 *   gaps: what the near side of a tear hides, left open, filled from the far side, or hatched too where it is invented.
 *   film: the camera follows its path in place of `camera`; null: there is none.
 *   fov: field of view of the shorter side in degrees, null: the clip's or the assumed one
 */

/**
 * `write` takes `any`: TypeScript cannot pair the type of a value with its name in a loop.
 * @type {{[name in keyof SpaceViewState]: {initial: SpaceViewState[name], write: (value: any) => string,
 *   read: (text: string) => SpaceViewState[name] | undefined}}}
 */
export const SPACE_FIELDS = {
  camera: {
    initial: null,
    write: (camera) => {
      if (camera === "clip") return camera;
      const { yaw, pitch, distance, target } = camera;
      return [yaw, pitch, distance, ...target].map((value) => String(Number(value.toFixed(3)))).join("~");
    },
    read: (text) => {
      if (text === "clip") return text;
      const parts = text.split("~");
      if (parts.length !== 6 || !parts.every((part) => NUMBER.test(part))) return undefined;
      const [yaw, pitch, distance, x, y, z] = parts.map(Number);
      const isFine = Math.abs(yaw) <= 180 && Math.abs(pitch) < 90 && distance > 0;
      return isFine ? { yaw, pitch, distance, target: [x, y, z] } : undefined;
    },
  },
  surface: {
    initial: { name: "tear", tolerance: TOLERANCE },
    write: ({ name, tolerance }) => (name === "tear" ? `tear~${Number(tolerance.toFixed(3))}` : name),
    read: (text) => {
      const [name, tolerance = "", ...more] = text.split("~");
      const found = SURFACES.find((one) => one === name);
      if (!found || more.length) return undefined;
      if (found !== "tear") return tolerance ? undefined : { name: found, tolerance: TOLERANCE };
      const isFine = NUMBER.test(tolerance) && within(Number(tolerance), TOLERANCE_LIMITS);
      return isFine ? { name: found, tolerance: Number(tolerance) } : undefined;
    },
  },
  colour: { initial: "image", write: (name) => name, read: (text) => COLOURS.find((one) => one === text) },
  gaps: { initial: "open", write: (name) => name, read: (text) => GAPS.find((one) => one === text) },
  film: { initial: null, write: writeFilm, read: readFilm },
  fov: {
    initial: null,
    write: (degrees) => String(Number(degrees.toFixed(1))),
    read: (text) => (NUMBER.test(text) && within(Number(text), FIELD_OF_VIEW_LIMITS) ? Number(text) : undefined),
  },
};

/** @param {Film} film */
function writeFilm({ kind, from, to, depth, focus, motion, ease, seconds }) {
  const rounded = [...from, ...to, depth].map((value) => String(Number(value.toFixed(4))));
  return [kind, ...rounded, String(Number(focus.toFixed(6))), motion, ease, String(Number(seconds.toFixed(2)))].join(
    "~",
  );
}

/** @param {string} text @returns {Film | undefined} */
function readFilm(text) {
  const [kind, fu, fv, fs, tu, tv, ts, depth, focus, motion, ease, seconds, ...more] = text.split("~");
  const known = /** @type {const} */ ([
    KINDS.find((one) => one === kind),
    MOTIONS.find((one) => one === motion),
    EASES.find((one) => one === ease),
  ]);
  const numbers = [fu, fv, fs, tu, tv, ts, depth, seconds];
  const areNumbers = numbers.every((one) => NUMBER.test(one ?? "")) && FOCUS.test(focus ?? "");
  if (!known[0] || !known[1] || !known[2] || !areNumbers || more.length) return undefined;
  const [from, to] = [
    [fu, fv, fs],
    [tu, tv, ts],
  ].map((one) => /** @type {[number, number, number]} */ (one.map(Number)));
  const isFine =
    [from, to].every(([u, v, zoom]) => within(u, [0, 1]) && within(v, [0, 1]) && within(zoom, ZOOM_LIMITS)) &&
    within(Number(depth), [0, 1]) &&
    Number(focus) > 0 &&
    within(Number(seconds), SECONDS_LIMITS);
  if (!isFine) return undefined;
  const path = { kind: known[0], from: inside(from), to: inside(to), depth: Number(depth) };
  return { ...path, focus: Number(focus), motion: known[1], ease: known[2], seconds: Number(seconds) };
}

/** @param {number} value @param {number[]} limits */
function within(value, [least, most]) {
  return value >= least && value <= most;
}
