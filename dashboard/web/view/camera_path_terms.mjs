// @ts-check
/** What a camera path is stated by in the link: its terms and their limits. Pure; ../space/camera_path.mjs says where it leads. */

/**
 * @typedef {[number, number, number]} Window centre u, v in shares of the picture, and zoom: the window's sides are 1 / zoom
 * @typedef {typeof KINDS[number]} Kind
 * @typedef {typeof MOTIONS[number]} Motion
 * @typedef {typeof EASES[number]} Ease
 * @typedef {{kind: Kind, from: Window, to: Window, depth: number, motion: Motion, ease: Ease}} CameraPath auto: a zoom whose
 *   `to` autozoom has chosen; orbit and dolly keep the window `to`; depth: 0: the eye stays (a flat zoom), 1: the lens stays
 */

export const KINDS = /** @type {const} */ (["auto", "zoom", "orbit", "dolly"]);
export const MOTIONS = /** @type {const} */ (["once", "pingpong", "loop"]);
export const EASES = /** @type {const} */ (["smooth", "linear"]);
export const ZOOM_LIMITS = [1, 4];

/** The window moved and magnified no more than fits into the picture. @param {Window} window @returns {Window} */
export function inside([u, v, zoom]) {
  const fitting = Math.min(Math.max(zoom, ZOOM_LIMITS[0]), ZOOM_LIMITS[1]);
  const half = 0.5 / fitting;
  return [Math.min(Math.max(u, half), 1 - half), Math.min(Math.max(v, half), 1 - half), fitting];
}
