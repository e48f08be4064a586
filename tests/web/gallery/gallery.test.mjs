// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { placeOf, spokenReadings, standings } from "../../../dashboard/web/gallery/gallery.mjs";

const ABOVE = "above the 97.5th percentile of validation rooms";
const BELOW = "below the 97.5th percentile of validation rooms";

test("a card's scale runs from its lowest value to its highest, and holds what lies beyond", () => {
  const scale = { lo: -1, hi: 3 };
  assert.deepEqual(
    [-1, 0, 3].map((value) => placeOf(value, scale)),
    [0, 25, 100],
  );
  assert.deepEqual(
    [-9, 9].map((value) => placeOf(value, scale)),
    [0, 100],
  );
});

test("two methods that lie alike among rooms are said once, others apart", () => {
  const a = { letter: "A", name: "baseline", sigma: 3, standing: ABOVE };
  const b = { letter: "B", name: "consistency", sigma: 2, standing: ABOVE };
  assert.deepEqual(standings([a, b]), [`Both ${ABOVE}`]);
  assert.deepEqual(standings([a, { ...b, standing: BELOW }]), [`A ${ABOVE}`, `B ${BELOW}`]);
  assert.deepEqual(standings([a]), [`Above${ABOVE.slice(5)}`]);
});

test("what the scale shows is also said in words, with a true minus", () => {
  const a = { letter: "A", name: "baseline", sigma: -0.5, standing: BELOW };
  const b = { letter: "B", name: "consistency", sigma: null, standing: "energy not stored" };
  assert.equal(spokenReadings([a, b]), `baseline \u22120.50\u00a0σ, ${BELOW}; consistency: energy not stored`);
});
