/** What the gap's sentence says: a share of frames never without its size, a size never without its noise. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { gapSentence } from "../../../dashboard/web/plots/gap.mjs";

/** @param {Record<string, number[]>} series @param {Record<string, number | null>} floors @param {string} unit */
function compared(series, floors, unit = "σ") {
  const byLetter = new Map(Object.entries(series).map(([letter, values]) => [letter, Float64Array.from(values)]));
  return { measure: { id: "energy", title: "Energy", unit, byLetter, floors }, first: "A", second: "B" };
}

test("a share of frames comes with its size and the noise floor", () => {
  const one = { A: [1, 1, 1, 1], B: [0.5, 0.5, 0.5, 1.5] };
  const words = "B lower on 75 % of 4 frames, by 0.25 σ in the mean";
  assert.equal(
    gapSentence(compared(one, { B: 0.3 }), [0, 3]).replaceAll("\u00a0", " "),
    `${words}: within the noise floor of 0.30 σ`,
  );
  assert.equal(
    gapSentence(compared(one, { B: 0.1 }), [0, 3]).replaceAll("\u00a0", " "),
    `${words}: beyond the noise floor of 0.10 σ`,
  );
  assert.match(gapSentence(compared(one, { B: null }), [0, 3]), /too few frames to tell it from noise$/);
});

test("of a loop or a region no floor is claimed, which was measured for the whole clip", () => {
  const found = gapSentence(compared({ A: [2, 1], B: [1, 1] }, { B: 0.1 }), [0, 0], false).replaceAll("\u00a0", " ");
  assert.equal(found, "B lower on the only frame, by 1.00 σ in the mean");
});

test("where few frames outweigh the many, both are said", () => {
  const found = gapSentence(compared({ A: [1, 1, 1], B: [0.9, 0.9, 4] }, { B: 0.2 }, "°"), [0, 2]);
  assert.equal(
    found.replaceAll("\u00a0", " "),
    "B lower on 67 % of 3 frames; in the mean A is lower, by 0.9°: beyond the noise floor of 0.2°",
  );
});

test("equal curves and curves without common frames have no size", () => {
  assert.equal(gapSentence(compared({ A: [1, 1], B: [1, 1] }, { B: 0 }), [0, 1]), "Both equal on all 2 frames");
  assert.equal(gapSentence(compared({ A: [1], B: [NaN] }, { B: null }), [0, 0]), "No frame has a value for both");
});

test("each of several others has its share, size and noise", () => {
  const found = gapSentence(compared({ A: [1, 1], B: [0, 0], C: [2, 2] }, { B: 0.1, C: null }, ""), [0, 1]);
  assert.equal(
    found.replaceAll("\u00a0", " "),
    "B lower than A on 100 %, mean B − A −1.000 (noise 0.100); C lower than A on 0 %, mean C − A 1.000",
  );
});
