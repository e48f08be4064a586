// @ts-check
/** Shades a picture by stored normals, predicted or true, as the shader shades by those of the depth. Pure. */

import { physicalValue } from "../drawing/colour.mjs";
import { LIGHT, SHADES } from "./shaders.mjs";

/** Shorter normals have no direction. */
const SHORTEST = 0.1;

/**
 * @param {ArrayLike<number>} rgba codes of normals (x right, y down, z forward), four a pixel @param {import("./geometry.mjs").Domain} domain
 * @param {Uint8ClampedArray} to greys, four a pixel; transparent where no direction is known
 */
export function shadeByNormals(rgba, domain, to) {
  const values = Float64Array.from({ length: 256 }, (_, code) => physicalValue(domain, code / 255));
  for (let at = 0; at < to.length; at += 4) {
    const [x, y, z] = [values[rgba[at]], values[rgba[at + 1]], values[rgba[at + 2]]];
    const length = Math.sqrt(x * x + y * y + z * z);
    const light = Math.max((x * LIGHT[0] + y * LIGHT[1] + z * LIGHT[2]) / length, 0);
    to[at] = to[at + 1] = to[at + 2] = 255 * (SHADES.dark + SHADES.span * light);
    to[at + 3] = length > SHORTEST ? 255 : 0;
  }
  return to;
}
