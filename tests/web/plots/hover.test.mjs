import assert from "node:assert/strict";
import { test } from "node:test";
import { tailOf } from "../../../dashboard/web/plots/filmstrip.mjs";
import { hoverText } from "../../../dashboard/web/plots/hover.mjs";

test("the hover line names the frame and the values of the configurations shown", () => {
  const entries = [
    { letter: "A", values: [1, -0.41], isShown: true },
    { letter: "B", name: "A − B", values: [1, NaN], isShown: true },
    { letter: "C", values: [1, 2], isShown: false },
    { letter: "", values: [1, 2], isShown: true },
  ];
  assert.equal(hoverText(1, "σ", entries), "frame 1 · A −0.41, A − B –\u00a0σ");
  assert.equal(hoverText(0, "°", entries.slice(0, 1)), "frame 0 · A 1.0°");
  assert.equal(hoverText(0, "", []), "frame 0");
});

test("a list of the worst frames says where it falls below the mean", () => {
  assert.deepEqual(tailOf([3, 2, 0], [0, 1, 2, 5, NaN]), { mean: 2, from: 2 });
  assert.deepEqual(tailOf([1, 0], [4, 4]), { mean: 4, from: 2 });
});
