import assert from "node:assert/strict";
import { test } from "node:test";
import { bandAt, sharesOf } from "../../../dashboard/web/panels/energy_by_path.mjs";

test("the shares of the paths sum to the energy, and a band is found above and below 0", () => {
  const track = { mu: [1, 10, 0], sigma: [1, 10, 0.5] };
  const shares = sharesOf([4, 20, -1.5, 1, 10, 0], 3, track);
  assert.deepEqual(
    shares.map((own) => [...own]),
    [
      [1, 0],
      [1 / 3, 0],
      [-1, 0],
    ],
  );
  assert.deepEqual(
    sharesOf([3, 6], 2, null).map((own) => [...own]),
    [[1.5], [3]],
  );
  const here = [2, -1, 1, -3];
  assert.deepEqual(
    [1, 1.9, 2.5, 3.1, -0.5, -2, -4.5].map((value) => bandAt(here, value)),
    [0, 0, 2, -1, 1, 3, -1],
  );
});
