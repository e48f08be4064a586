// @ts-check
/**
 * Undoes the rounding of depth to codes, as far as it may: every code moves by less than half a step, so that rounding it
 * again gives the stored one. Pure.
 *
 * A slope is stored as bands of one code. Inside a band the code rises from where it meets the band below to where it meets
 * the one above, by the distances to both. Neighbours that differ by more are another surface, and count as no band.
 */

/** Where a band has a neighbour on one side only, it rises towards that one from here on, pixels. */
const REACH_PX = 8;
/** Passes over the picture, back and forth: distances follow the band around corners. */
const PASSES = 2;
/** Below half a step. */
const MOST = 0.499;

/**
 * @param {Float32Array} codes whole numbers, below 0: unknown @param {number} width px
 * @param {Float32Array} to
 */
export function deband(codes, width, to) {
  const above = distances(codes, width, 1);
  const below = distances(codes, width, -1);
  for (let i = 0; i < codes.length; i += 1) {
    const [up, down] = [above[i], below[i]];
    let shift = 0;
    if (up < Infinity && down < Infinity) shift = (0.5 * (down - up)) / (down + up);
    else if (up < Infinity) shift = 0.5 * Math.max(0, 1 - up / REACH_PX);
    else if (down < Infinity) shift = -0.5 * Math.max(0, 1 - down / REACH_PX);
    to[i] = codes[i] < 0 ? codes[i] : Math.max(0, codes[i] + Math.min(Math.max(shift, -MOST), MOST)); // below 0 is unknown
  }
  return to;
}

/**
 * The distance of each pixel from the edge at which its band meets the one of `step` more, through its own band, pixels.
 * @param {Float32Array} codes @param {number} width @param {1 | -1} step
 */
function distances(codes, width, step) {
  const count = codes.length;
  const found = new Float32Array(count).fill(Infinity);
  const near = (/** @type {number} */ i, /** @type {number} */ other) => {
    const code = codes[other];
    if (code === codes[i] + step) {
      if (found[i] > 0.5) found[i] = 0.5;
    } else if (code === codes[i] && found[other] + 1 < found[i]) found[i] = found[other] + 1;
  };
  for (let pass = 0; pass < PASSES; pass += 1) {
    for (let i = 0; i < count; i += 1) {
      if (i % width > 0) near(i, i - 1);
      if (i >= width) near(i, i - width);
    }
    for (let i = count - 1; i >= 0; i -= 1) {
      if (i % width < width - 1) near(i, i + 1);
      if (i + width < count) near(i, i + width);
    }
  }
  return found;
}
