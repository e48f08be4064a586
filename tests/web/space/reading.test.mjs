import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boxOf,
  depthMarks,
  flatnessNote,
  flatnessNumbers,
  flatnessText,
  placeText,
  sliceOf,
} from "../../../dashboard/web/space/reading.mjs";
import { depthOf, fillCodes, lensOf, pointOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { DEPTH } from "../fixtures/depth.mjs";

const lens = lensOf({ width: 32, height: 32 }, 60);
const depth = {
  name: "A net",
  letter: "A",
  domain: DEPTH,
  lens,
  unit: "m",
  codes: new Float32Array(32 * 32).fill(150),
};

test("a slice has the depth of every pixel of the line, its ends included, and none where it is unknown", () => {
  const codes = fillCodes(
    Uint8ClampedArray.from({ length: 4096 }, (_, i) => Math.floor(i / 4) % 32),
    DEPTH,
    new Float32Array(1024),
  );
  codes[5 * 32 + 4] = -1;
  const values = sliceOf({ ...depth, codes }, { x: 2, y: 5 }, { x: 6, y: 5 });
  assert.equal(values.length, 5);
  assert.deepEqual(
    [0, 4].map((i) => values[i]),
    [2, 6].map((code) => depthOf(DEPTH, code)),
  );
  assert.ok(Number.isNaN(values[2]));
  assert.equal(sliceOf(depth, { x: 3, y: 3 }, { x: 3, y: 3 }).length, 1);
});

test("a wall before the camera is flat and not tilted, and what has no unit has no centimetres", () => {
  const [from, to] = [
    { x: 20, y: 4 },
    { x: 4, y: 20 },
  ];
  assert.deepEqual(boxOf(from, to), [4, 4, 17, 17]);
  const text = flatnessText(depth, from, to);
  assert.match(text, /^A net: off a plane by (< 0\.1|0\.0)\u00a0cm RMS.*tilted by (< 0\.1|0\.0)°$/);
  assert.doesNotMatch(flatnessText({ ...depth, unit: "" }, from, to), /cm/);
  assert.equal(flatnessText(depth, from, { x: 21, y: 5 }), "");
  assert.equal(flatnessText({ ...depth, codes: depth.codes.map(() => -1) }, from, to), "");
});

test("the note of a flatness names each depth, its share and the box, and is empty where there is none", () => {
  const [from, to] = [
    { x: 4, y: 4 },
    { x: 20, y: 20 },
  ];
  const seen = [depth, { ...depth, letter: "", name: "Ground truth" }].map((one) => ({ depth: one, from, to }));
  const text = flatnessNote(seen, [4, 4, 17, 17]);
  assert.match(text, /^off a plane: \S+ .*%, Ground truth .*% \(17 × 17 px at 4, 4\)$/);
  assert.equal(flatnessNote([{ depth, from, to: { x: 5, y: 5 } }], [4, 4, 2, 2]), "");
  const source = "mini/baseline/rgb-depth";
  const numbers = flatnessNumbers([{ depth: { ...depth, source }, from, to }, seen[1]]);
  assert.deepEqual(Object.keys(numbers), [source]);
  assert.ok(numbers[source].rms < 1e-6 && numbers[source].isMetric);
  // Steps of 2.01 %, as a standard deviation.
  assert.ok(Math.abs(numbers[source].rounding - 0.0058) < 1e-4);
});

test("a place is stated in the camera's axes, and an unknown one as unknown", () => {
  const [x] = pointOf(lens, 0, 16, depthOf(DEPTH, 150));
  assert.ok(placeText(depth, { x: 0, y: 16 }).includes(`${x.toFixed(2).replace("-", "−")} right`));
  assert.equal(placeText({ ...depth, codes: depth.codes.map(() => -1) }, { x: 1, y: 1 }), "A net: unknown");
});

test("what has no unit has three decimals, and a place just left of the axis is not minus nothing", () => {
  assert.match(placeText({ ...depth, unit: "" }, { x: 20, y: 16 }), /^A net: \d\.\d{3} right, /);
  const fine = { ...depth, lens: lensOf({ width: 32, height: 32 }, 0.1) };
  assert.match(placeText(fine, { x: 15, y: 16 }), /^A net: > −0\.01 right, < 0\.01 down, /);
});

test("the marks of the depth differ however small its range, and have a unit where all curves have it", () => {
  const texts = (/** @type {number} */ low, /** @type {number} */ high, /** @type {string[]} */ ...units) =>
    depthMarks(low, high, units).map(({ text }) => text);
  assert.deepEqual(texts(1, 3, "m", "m"), ["1\u00a0m", "2\u00a0m", "3\u00a0m"]);
  assert.deepEqual(texts(1, 3, "m", ""), ["1", "2", "3"]);
  assert.deepEqual(texts(0.1, 0.104, "m"), ["0.100\u00a0m", "0.102\u00a0m", "0.104\u00a0m"]);
});
