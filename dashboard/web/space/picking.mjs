// @ts-check
/** Which pixel of a depth picture is seen at a place of its pane, and where a pixel is seen. Pure. */

import { depthOf, pointOf } from "../surfaces/geometry.mjs";
import { seenAt } from "./camera.mjs";

/** Points this near to the place are candidates, in shares of the pane. */
const REACH = 0.02;
/** Candidates this much farther than the nearest lie behind it. */
const BEHIND = 0.03;

/** @typedef {{codes: Float32Array, domain: import("../surfaces/geometry.mjs").Domain, lens: import("../surfaces/geometry.mjs").Lens, camera: Float32Array}} Seen a picture of `lens.width` x `lens.height` codes */

/**
 * The pixel at a place, in shares of the pane; null: no surface is there.
 * @param {Seen} seen @param {number} u @param {number} v
 * @returns {[number, number] | null}
 */
export function pixelAt({ codes, domain, lens, camera: m }, u, v) {
  const { width, height, step } = lens;
  // Depths of whole codes, decoded once: the loop is over all pixels, at every move of the pointer. Of 16 bits each may differ.
  const depths = domain.bits === 16 ? null : Float64Array.from({ length: 256 }, (_, code) => depthOf(domain, code));
  /** @type {{x: number, y: number, apart: number, w: number}[]} */
  const near = [];
  let least = Infinity;
  for (let y = 0; y < height; y += 1) {
    const down = (y - (height - 1) / 2) * step;
    for (let x = 0; x < width; x += 1) {
      const code = codes[y * width + x];
      if (code < 0) continue;
      const z = depths ? depths[code] : depthOf(domain, code);
      const across = (x - (width - 1) / 2) * step;
      const w = z * (m[3] * across + m[7] * down + m[11]) + m[15];
      if (w <= 1e-9) continue;
      const du = 0.5 + (z * (m[0] * across + m[4] * down + m[8]) + m[12]) / (2 * w) - u;
      const dv = 0.5 - (z * (m[1] * across + m[5] * down + m[9]) + m[13]) / (2 * w) - v;
      const apart = du * du + dv * dv;
      if (apart > REACH * REACH) continue;
      near.push({ x, y, apart, w });
      least = Math.min(least, w);
    }
  }
  let best = null;
  for (const one of near) if (one.w <= (1 + BEHIND) * least && (!best || one.apart < best.apart)) best = one;
  return best && [best.x, best.y];
}

/**
 * Where a place of the picture is seen, in shares of the pane; null where its pixel has no depth or lies behind the eye.
 * @param {Seen} seen @param {number} x @param {number} y in pixels, (0, 0) being the corner of the first one
 */
export function placeOf({ codes, domain, lens, camera }, x, y) {
  const inside = (/** @type {number} */ value, /** @type {number} */ count) =>
    Math.min(Math.max(Math.floor(value), 0), count - 1);
  const depth = depthOf(domain, codes[inside(y, lens.height) * lens.width + inside(x, lens.width)]);
  return Number.isFinite(depth) ? seenAt(camera, pointOf(lens, x - 0.5, y - 0.5, depth)) : null;
}
