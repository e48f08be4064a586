import assert from "node:assert/strict";
import { test } from "node:test";
import { correlationText, framesInside, limits, widthOf } from "../../../dashboard/web/panels/scatter.mjs";

test("a box in a scatter plot selects the frames of all points inside", () => {
  const points = [
    { letter: "A", x: [0, 1, 2, NaN], y: [0, 1, 2, 1] },
    { letter: "B", x: [5, 5, 1, 1], y: [5, 5, 5, 1] },
  ];
  assert.deepEqual(framesInside({ points }, [0.5, 1.5, 0.5, 1.5]), [1, 3]);
  assert.deepEqual(limits({ points: [{ letter: "", x: [NaN], y: [1] }], isSquare: false }), null);
  const [x0, x1, y0, y1] = limits({ points, isSquare: true });
  assert.deepEqual([x0 === y0, x1 === y1, x0 < 0, x1 > 5], [true, true, true, true]);
});

test("scatter plots share the width there is, and wrap where each would be too narrow", () => {
  assert.deepEqual([widthOf(1240, 2), widthOf(1240, 1), widthOf(500, 2), widthOf(280, 1)], [610, 900, 500, 280]);
});

test("the rank correlation is given with the number of frames, or why there is none", () => {
  const points = (letter, x, y) => ({ letter, x, y });
  const words = (...all) => correlationText({ points: all });
  assert.equal(words(points("", [1, 2, 3], [1, 5, 9])), "Spearman's ρ: 1.00 (n = 3 frames)");
  assert.equal(
    words(points("A", [1, 2, 3, 4], [4, 3, 2, 1]), points("B", [1, 2, NaN, 4], [1, 2, 3, 4])),
    "Spearman's ρ: A −1.00 (n = 4 frames), B 1.00 (n = 3 frames)",
  );
  for (const y of [[5, 5, 5], [1]])
    assert.match(words(points("A", [1, 2, 3], y)), /^No rank correlation: .*\(n = (3 frames|1 frame)\)$/);
});
