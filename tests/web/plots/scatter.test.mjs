import assert from "node:assert/strict";
import { test } from "node:test";
import { framesInside, limits, roundTicks } from "../../../dashboard/web/plots/scatter.mjs";

test("a box in a scatter plot selects the frames of all points inside", () => {
  const points = [
    { letter: "A", x: [0, 1, 2, NaN], y: [0, 1, 2, 1] },
    { letter: "B", x: [5, 5, 1, 1], y: [5, 5, 5, 1] },
  ];
  assert.deepEqual(framesInside({ points }, [0.5, 1.5, 0.5, 1.5]), [1, 3]);
  assert.deepEqual(limits({ points: [{ letter: "", x: [NaN], y: [1] }], isSquare: false }), null);
  const [x0, x1, y0, y1] = limits({ points, isSquare: true });
  assert.deepEqual([x0 === y0, x1 === y1, x0 < 0, x1 > 5], [true, true, true, true]);
  assert.deepEqual(roundTicks(-0.13, 0.42, 5), [0, 0.2, 0.4]);
});
