import assert from "node:assert/strict";
import { test } from "node:test";
import { energies, rawConstants, standardised, weightOf } from "../../../dashboard/web/plots/energy.mjs";

test("block energies are standardised by path, and their mean is the frame's energy", () => {
  const values = [1, 2, 3, 4, 10, 20, 30, 40]; // 1 frame, 2 paths, 2 x 2 blocks
  const cells = energies(values, [1, 2, 4], { mu: [1, 10], sigma: [1, 10] });
  assert.deepEqual([...cells], [0, 1, 2, 3]);
  assert.deepEqual([...energies(values, [1, 2, 4], null)], [5.5, 11, 16.5, 22]);
});

test("a raw energy is the mean over the paths of the paper's energy, whatever the weights of the other", () => {
  const track = { mu: [1, 10], sigma: [2, 20], weights: [0, 3], paperWeights: [1, 0] };
  assert.deepEqual([...energies([5, 70], [1, 2, 1], rawConstants(track))], [5]);
  assert.deepEqual([...energies([5, 70], [1, 2, 1], track)], [9]);
});

test("the energy of every cell is the weighted sum of its standardised terms, bit for bit", () => {
  const [frames, paths, cells] = [3, 5, 7];
  const terms = Float32Array.from({ length: frames * paths * cells }, (_, i) => Math.sin(12.9898 * i) * 43.7);
  const constants = { mu: [0.1, -3, 7e-3, 11, 0], sigma: [1.3, 0.07, 2, 1e-3, 9] };
  for (const own of [constants, { ...constants, weights: [0.3, 0, 1.7, 0.01, 2] }, null]) {
    const expected = Float32Array.from({ length: frames * cells }, (_, i) => {
      const [frame, cell] = [Math.floor(i / cells), i % cells];
      let sum = 0;
      for (let path = 0; path < paths; path += 1)
        sum += weightOf(path, paths, own) * standardised(terms[(frame * paths + path) * cells + cell], path, own);
      return sum;
    });
    assert.deepEqual(energies(terms, [frames, paths, cells], own), expected);
  }
});
