// @ts-check
/**
 * Consistency energy from stored terms, as in analysis/energy.py: the mean over paths of (term - mu) / sigma
 * (Zamir et al., CVPR 2020, section 4). tests/analysis/test_energy.py checks both and torch against each other. Pure.
 */

/** @typedef {{mu: number[], sigma: number[]}} Constants one number for each path */

/**
 * A term on the scale of the energy.
 * @param {number} term @param {number} path its index @param {Constants | null} constants null: raw
 */
export function standardised(term, path, constants) {
  return constants ? (term - constants.mu[path]) / constants.sigma[path] : term;
}

/**
 * The energy of each cell of each frame; a whole frame is one cell.
 * @param {ArrayLike<number>} terms frames x paths x cells @param {[number, number, number]} shape
 * @param {Constants | null} constants null: raw
 * @returns {Float32Array} frames x cells
 */
export function energies(terms, [frames, paths, cells], constants) {
  const sums = new Float64Array(frames * cells);
  for (let frame = 0; frame < frames; frame += 1) {
    for (let path = 0; path < paths; path += 1) {
      // `standardised`, written out: a call for each of some million cells would be several times slower.
      const mu = constants ? constants.mu[path] : 0;
      const sigma = constants ? constants.sigma[path] : 1;
      const from = (frame * paths + path) * cells;
      const to = frame * cells;
      for (let cell = 0; cell < cells; cell += 1) sums[to + cell] += (terms[from + cell] - mu) / sigma;
    }
  }
  const means = new Float32Array(sums.length);
  for (let i = 0; i < means.length; i += 1) means[i] = sums[i] / paths;
  return means;
}
