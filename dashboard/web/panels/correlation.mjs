// @ts-check
/** Spearman's rank correlation, as analysis/statistics.py computes it. Pure. */

/** Fewer pairs say nothing. */
const LEAST_PAIRS = 3;

/**
 * Pearson's correlation of the ranks over the pairs in which both are finite, and how many they are; NaN where there are
 * too few, or one side does not vary.
 * @param {ArrayLike<number>} a @param {ArrayLike<number>} b
 */
export function spearman(a, b) {
  /** @type {number[][]} */
  const pairs = [];
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    if (Number.isFinite(a[i]) && Number.isFinite(b[i])) pairs.push([a[i], b[i]]);
  }
  const [x, y] = [0, 1].map((side) => ranks(pairs.map((pair) => pair[side])));
  return { rho: pairs.length < LEAST_PAIRS ? NaN : pearson(x, y), count: pairs.length };
}

/** Ranks from 1; equal values share the mean of their ranks. @param {number[]} values */
export function ranks(values) {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const found = new Float64Array(values.length);
  for (let first = 0; first < order.length; ) {
    let last = first;
    while (last + 1 < order.length && values[order[last + 1]] === values[order[first]]) last += 1;
    for (let i = first; i <= last; i += 1) found[order[i]] = 1 + (first + last) / 2;
    first = last + 1;
  }
  return found;
}

/** @param {ArrayLike<number>} x @param {ArrayLike<number>} y */
function pearson(x, y) {
  const mean = (x.length + 1) / 2; // of ranks, on either side
  let [both, ofX, ofY] = [0, 0, 0];
  for (let i = 0; i < x.length; i += 1) {
    both += (x[i] - mean) * (y[i] - mean);
    ofX += (x[i] - mean) ** 2;
    ofY += (y[i] - mean) ** 2;
  }
  return ofX > 0 && ofY > 0 ? both / Math.sqrt(ofX * ofY) : NaN;
}
