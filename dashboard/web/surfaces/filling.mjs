// @ts-check
/**
 * The layer behind a depth picture: what the near side of each tear hides, invented from the far side. Pure.
 *
 * Every pixel within REACH of a tear, on its near side, gets a second depth and colour: those of the far side, spread by
 * push-pull (Gortler et al., The Lumigraph, 1996, section 3.4.4). precompute/films/filling.py computes the same.
 */

import { decoding, tearing, UNKNOWN } from "./geometry.mjs";

/** How far behind the near side the layer reaches, a share of the picture's longer side. */
const REACH = 1 / 12;
/** How deep the far side is read, in vertices. Its first vertex is left out: right at a tear, colours are blends of both sides. */
const FAR_DEPTH = 4;

/**
 * @typedef {import("./geometry.mjs").Domain} Domain
 * @typedef {{codes: Float32Array<ArrayBuffer>, colours: Uint8Array<ArrayBuffer>, isInvented: Uint8Array<ArrayBuffer>,
 *   width: number, height: number}} Layer codes: UNKNOWN where the layer is not; colours: RGBA; isInvented: 1 or 0, of
 *   the colour at least. Pixels that nothing hides repeat the surface where it is torn, so that the layer meets it
 */

/**
 * @param {Float32Array} codes from `fillCodes`, one a vertex @param {number} width vertices in a row
 * @param {ArrayLike<number>} rgba four a vertex
 * @param {Pick<Domain, "lo" | "hi" | "scale">} domain @param {number} tolerance at which surfaces tear
 * @returns {Layer}
 */
export function fillBehind(codes, width, rgba, domain, tolerance) {
  const height = codes.length / width;
  const limits = limitsOfCodes(domain, tolerance);
  const { near, far, isTorn } = tears(codes, width, limits);
  const reach = Math.max(1, Math.round(REACH * Math.max(width, height)));
  // Behind a near side lies what is farther than it, and a far side is what is farther than what hides it.
  const hidden = flood(near, codes, width, reach, (code, carried) => isTornPair(code, carried, limits), Math.max);
  const known = flood(far, codes, width, FAR_DEPTH, (code, carried) => isTornPair(carried, code, limits), Math.min);
  const isBlend = (/** @type {number} */ i) => far[i] >= 0 && hidden[i] < 0;
  const deep = codes.map((_, i) => (known[i] >= 0 && far[i] < 0 && hidden[i] < 0 ? 1 : 0));
  const weights = deep.includes(1) ? deep : codes.map((_, i) => (isBlend(i) ? 1 : 0));
  const channels = [codes, ...[0, 1, 2].map((c) => codes.map((_, i) => rgba[4 * i + c]))];
  const [depths, ...spread] = pushPull(channels, weights, width);
  const layer = {
    codes: new Float32Array(codes.length).fill(UNKNOWN),
    colours: new Uint8Array(4 * codes.length),
    isInvented: new Uint8Array(codes.length),
    width,
    height,
  };
  for (let i = 0; i < codes.length; i += 1) {
    const isHidden = hidden[i] >= 0;
    if (!isHidden && !isTorn[i]) continue;
    const isInvented = isHidden || (isBlend(i) && weights[i] === 0);
    layer.isInvented[i] = isInvented ? 1 : 0;
    // Never before the surface that hides it.
    layer.codes[i] = isHidden ? Math.max(depths[i], limits.ratio * codes[i] + limits.offset) : codes[i];
    for (let c = 0; c < 3; c += 1) layer.colours[4 * i + c] = isInvented ? spread[c][i] + 0.5 : rgba[4 * i + c];
    layer.colours[4 * i + 3] = 255;
  }
  return layer;
}

/** What two neighbours may differ by, in codes on either scale. @param {Pick<Domain, "lo" | "hi" | "scale" | "bits">} domain @param {number} tolerance */
export function limitsOfCodes(domain, tolerance) {
  const { lo, slope, isLog } = decoding(domain);
  const { ratio, offset } = tearing(domain, tolerance);
  return isLog ? { ratio: 1, offset: Math.log(ratio) / slope } : { ratio, offset: ((ratio - 1) * lo + offset) / slope };
}

/** Whether the second lies behind the first, beyond a tear. @param {number} near @param {number} far @param {{ratio: number, offset: number}} limits */
function isTornPair(near, far, { ratio, offset }) {
  return far > ratio * near + offset;
}

/**
 * Both sides of the tears along the edges of triangles: of each pixel on a near side the farthest code across it, of each on a far
 * side the nearest one; UNKNOWN elsewhere. isTorn: 1 at the corners of triangles that are torn.
 * @param {Float32Array} codes @param {number} width @param {{ratio: number, offset: number}} limits
 */
function tears(codes, width, limits) {
  const near = new Float32Array(codes.length).fill(UNKNOWN);
  const far = new Float32Array(codes.length).fill(UNKNOWN);
  const isTorn = new Uint8Array(codes.length);
  const tear = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ c) => {
    const [least, most] = [Math.min(codes[a], codes[b], codes[c]), Math.max(codes[a], codes[b], codes[c])];
    if (least >= 0 && isTornPair(least, most, limits)) isTorn[a] = isTorn[b] = isTorn[c] = 1;
  };
  const note = (/** @type {number} */ a, /** @type {number} */ b) => {
    if (codes[a] < 0 || codes[b] < 0) return;
    const [front, back] = codes[a] < codes[b] ? [a, b] : [b, a];
    if (!isTornPair(codes[front], codes[back], limits)) return;
    near[front] = Math.max(near[front], codes[back]);
    far[back] = far[back] < 0 ? codes[front] : Math.min(far[back], codes[front]);
  };
  for (let i = 0; i < codes.length; i += 1) {
    const isLast = (i + 1) % width === 0;
    if (!isLast) note(i, i + 1);
    if (i + width >= codes.length) continue;
    note(i, i + width);
    if (isLast) continue;
    note(i + 1, i + width); // the diagonal of the two triangles
    tear(i, i + 1, i + width);
    tear(i + 1, i + width, i + width + 1);
  }
  return { near, far, isTorn };
}

/**
 * What pixels within some steps of the seeds carry from there; UNKNOWN where none reaches.
 * @param {Float32Array} seeds @param {Float32Array} codes @param {number} width @param {number} steps
 * @param {(code: number, carried: number) => boolean} goesOn @param {(a: number, b: number) => number} choose of two that arrive
 */
function flood(seeds, codes, width, steps, goesOn, choose) {
  const found = Float32Array.from(seeds);
  const arriving = new Float32Array(codes.length).fill(UNKNOWN);
  const height = codes.length / width;
  /** @type {number[]} */
  let front = [];
  for (let i = 0; i < seeds.length; i += 1) if (seeds[i] >= 0) front.push(i);
  for (let step = 1; step < steps && front.length > 0; step += 1) {
    /** @type {number[]} */
    const next = [];
    const visit = (/** @type {number} */ i, /** @type {number} */ carried) => {
      if (codes[i] < 0 || found[i] >= 0 || !goesOn(codes[i], carried)) return;
      if (arriving[i] < 0) next.push(i);
      arriving[i] = arriving[i] < 0 ? carried : choose(arriving[i], carried);
    };
    for (const i of front) {
      const [x, y] = [i % width, Math.floor(i / width)];
      if (x > 0) visit(i - 1, found[i]);
      if (x < width - 1) visit(i + 1, found[i]);
      if (y > 0) visit(i - width, found[i]);
      if (y < height - 1) visit(i + width, found[i]);
    }
    for (const i of next) found[i] = arriving[i];
    front = next;
  }
  return found;
}

/**
 * Spreads what is known over all of the picture: averages of 2 x 2 pixels down to one, then what is missing from the coarser
 * picture, interpolated.
 * @param {Float32Array[]} channels @param {Float32Array} weights 1 where they are known, else 0 @param {number} width
 * @returns {Float32Array[]}
 */
export function pushPull(channels, weights, width) {
  const height = weights.length / width;
  if (width <= 1 && height <= 1) return channels.map((channel) => Float32Array.from(channel));
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const sums = channels.map(() => new Float32Array(w * h));
  const total = new Float32Array(w * h);
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (weights[i] === 0) continue;
      const at = (y >> 1) * w + (x >> 1);
      total[at] += weights[i];
      for (let c = 0; c < channels.length; c += 1) sums[c][at] += weights[i] * channels[c][i];
    }
  }
  for (let at = 0; at < total.length; at += 1) {
    if (total[at] === 0) continue;
    for (const sum of sums) sum[at] /= total[at];
    total[at] = Math.min(total[at], 1);
  }
  const coarse = pushPull(sums, total, w);
  const made = channels.map((channel) => Float32Array.from(channel));
  for (let y = 0, i = 0; y < height; y += 1) {
    // Bilinear: the fine pixel's middle lies a quarter of a coarse pixel off its own coarse one's.
    const row = (y >> 1) * w;
    const otherRow = Math.min(Math.max((y >> 1) + (y % 2 === 0 ? -1 : 1), 0), h - 1) * w;
    for (let x = 0; x < width; x += 1, i += 1) {
      const weight = weights[i];
      if (weight === 1) continue;
      const column = x >> 1;
      const other = Math.min(Math.max(column + (x % 2 === 0 ? -1 : 1), 0), w - 1);
      for (let c = 0; c < channels.length; c += 1) {
        const from = coarse[c];
        const near = 0.75 * from[row + column] + 0.25 * from[row + other];
        const far = 0.75 * from[otherRow + column] + 0.25 * from[otherRow + other];
        made[c][i] = weight * channels[c][i] + (1 - weight) * (0.75 * near + 0.25 * far);
      }
    }
  }
  return made;
}
