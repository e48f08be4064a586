import assert from "node:assert/strict";
import { test } from "node:test";
import { blockWeights, boxBetween, boxName, insideOf, meanInside } from "../../../dashboard/web/tools/region.mjs";
import { near } from "../fixtures/near.mjs";

test("blocks are weighted by their share of the box", () => {
  const size = { width: 8, height: 4 };
  const whole = blockWeights([0, 0, 8, 4], size, [2, 2]);
  assert.deepEqual(
    whole,
    [0, 1, 2, 3].map((index) => ({ index, weight: 0.25 })),
  );
  assert.deepEqual(blockWeights([0, 0, 1, 1], size, [2, 2]), [{ index: 0, weight: 1 }]);
  assert.deepEqual(blockWeights([3, 0, 4, 2], size, [2, 2]), [
    { index: 0, weight: 0.25 },
    { index: 1, weight: 0.75 },
  ]);
  // Blocks of no whole number of pixels: 32 over a side of 37.
  const odd = blockWeights([5, 7, 11, 20], { width: 37, height: 50 }, [32, 32]);
  near(
    odd.reduce((sum, { weight }) => sum + weight, 0),
    1,
  );
});

test("the mean inside a box uses only its own pixels", () => {
  const codes = {
    width: 3,
    height: 2,
    data: Uint8ClampedArray.from([0, 51, 102, 153, 204, 255].flatMap((r) => [r, r, r, 255])),
  };
  near(meanInside(codes, [1, 0, 2, 2], { lo: -1, hi: 4 }), (0 + 1 + 3 + 4) / 4);
  near(meanInside(codes, [0, 1, 1, 1], { lo: -1, hi: 4 }), 2);
});

test("a box spans two points in any order, in whole pixels, inside the picture", () => {
  const size = { width: 10, height: 8 };
  assert.deepEqual(boxBetween({ x: 6.2, y: 3.9 }, { x: 2.5, y: 1.1 }, size), [2, 1, 5, 3]);
  assert.deepEqual(boxBetween({ x: 4.9, y: 4.9 }, { x: 4.1, y: 4.1 }, size), [4, 4, 1, 1]);
  assert.deepEqual(boxBetween({ x: -5, y: 2 }, { x: 50, y: 70 }, size), [0, 2, 10, 6]);
  assert.deepEqual(insideOf([8, -3, 5, 99], size), [5, 0, 5, 8]);
  assert.deepEqual([boxName([3, 4, 1, 1]), boxName([3, 4, 2, 1])], ["pixel 3, 4", "region 3, 4 to 4, 4"]);
});
