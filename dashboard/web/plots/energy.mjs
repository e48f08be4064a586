// @ts-check
/**
 * Consistency energy from stored terms, as in analysis/energy.py: the sum over paths of w (term - mu) / sigma, for the paper's
 * energy with equal weights (Zamir et al., CVPR 2020, section 4). tests/analysis/test_energy.py checks both and torch against
 * each other. Pure.
 */

/** @typedef {{mu: number[], sigma: number[], weights?: number[]}} Constants one number for each path; no weights: equal ones */

/**
 * The constants of the raw energy, the mean of the terms over the paths that the paper's energy has.
 * @param {{mu: number[], paperWeights?: number[]}} energy @returns {Constants}
 */
export function rawConstants({ mu, paperWeights }) {
  return { mu: mu.map(() => 0), sigma: mu.map(() => 1), weights: paperWeights };
}

/**
 * A term on the scale of the energy.
 * @param {number} term @param {number} path its index @param {Constants | null} constants null: raw
 */
export function standardised(term, path, constants) {
  return constants ? (term - constants.mu[path]) / constants.sigma[path] : term;
}

/** The weight of a path. @param {number} path @param {number} nPaths @param {Constants | null} constants null: raw */
export function weightOf(path, nPaths, constants) {
  return constants?.weights ? constants.weights[path] : 1 / nPaths;
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
      const weight = weightOf(path, paths, constants);
      if (weight === 0) continue;
      const mu = constants ? constants.mu[path] : 0;
      const sigma = constants ? constants.sigma[path] : 1;
      const from = (frame * paths + path) * cells;
      const to = frame * cells;
      for (let cell = 0; cell < cells; cell += 1) sums[to + cell] += weight * ((terms[from + cell] - mu) / sigma);
    }
  }
  return Float32Array.from(sums);
}
