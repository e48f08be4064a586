import assert from "node:assert/strict";
import { test } from "node:test";
import { energies } from "../../../dashboard/web/plots/energy.mjs";

test("block energies are standardised by path, and their mean is the frame's energy", () => {
  const values = [1, 2, 3, 4, 10, 20, 30, 40]; // 1 frame, 2 paths, 2 x 2 blocks
  const cells = energies(values, [1, 2, 4], { mu: [1, 10], sigma: [1, 10] });
  assert.deepEqual([...cells], [0, 1, 2, 3]);
  assert.deepEqual([...energies(values, [1, 2, 4], null)], [5.5, 11, 16.5, 22]);
});
