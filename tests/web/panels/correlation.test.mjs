import assert from "node:assert/strict";
import { test } from "node:test";
import { ranks, spearman } from "../../../dashboard/web/panels/correlation.mjs";
import { near } from "../fixtures/near.mjs";

test("equal values share the mean of their ranks", () => {
  assert.deepEqual([...ranks([3, 1, 3, 2])], [3.5, 1, 3.5, 2]);
});

test("a rank correlation is blind to any rising scale, counts known pairs, and needs values that vary", () => {
  const a = [1, 2, 3, 4, 5];
  near(spearman(a, a.map(Math.exp)).rho, 1);
  near(spearman(a, [5, 4, 3, 2, 1]).rho, -1);
  near(spearman(a, [1, 2, 2, 4, 3]).rho, spearman([1, 2, 2, 4, 3], a).rho);
  assert.equal(spearman(a, [1, NaN, 2, NaN, 3]).count, 3);
  assert.deepEqual(spearman(a, [7, 7, 7, 7, 7]), { rho: NaN, count: 5 });
  assert.deepEqual(spearman([1, 2], [1, 2]), { rho: NaN, count: 2 });
});
