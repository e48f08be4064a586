// @ts-check
/** What the matrices of cameras say, 4 x 4 and column by column as WebGL takes them. Pure. */

/** How large one unit across the view is seen at distance 1, where the width of the pane is 2. @param {ArrayLike<number>} camera */
export function acrossOf(camera) {
  const [row, forward] = [0, 3].map((at) => [camera[at], camera[4 + at], camera[8 + at]]);
  const along = dot(row, forward);
  return Math.hypot(...row.map((value, c) => value - along * forward[c]));
}

/**
 * The camera that hides points as if they were farther by a share, and shows them where they are: squares of pixels lie behind
 * the triangles of their own surface, and before what they are torn from.
 * @param {ArrayLike<number>} camera @param {number} share
 */
export function setBack(camera, share) {
  const [row, forward] = [2, 3].map((at) => [camera[at], camera[4 + at], camera[8 + at]]);
  const along = dot(row, forward) / dot(forward, forward);
  const made = Float32Array.from(camera);
  made[14] = along * camera[15] + (camera[14] - along * camera[15]) / (1 + share);
  return made;
}

/** @param {number[]} a @param {number[]} b */
function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
