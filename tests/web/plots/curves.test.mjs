import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byFrame,
  Curves,
  cellMaxima,
  followSpan,
  highest,
  moveSpan,
  percent,
  sides,
  wins,
  winsSentence,
  zoomSpan,
} from "../../../dashboard/web/plots/curves.mjs";

test("the lower curve is counted over the range, where both values are known", () => {
  const a = [1, 2, 3, NaN, 5];
  const b = [2, 1, 2, 0, 5];
  assert.deepEqual(wins(a, b, [0, 4]), { a: 1, b: 2, frames: 4 });
  assert.deepEqual(wins(a, b, [0, 0]), { a: 1, b: 0, frames: 1 });
  const words = (range) => winsSentence(["A", "B"], wins(a, b, range));
  assert.deepEqual(words([0, 4]), "B lower on 50 % of 4 frames");
  assert.deepEqual(words([0, 0]), "A lower on the only frame");
  assert.deepEqual(words([0, 1]), "Even: 50 % each of 2 frames");
  assert.deepEqual([words([4, 4]), words([3, 3])], ["Both equal on the only frame", "No frame has a value for both"]);
});

test("percentages are whole, and 0 and 100 only where exact", () => {
  const shares = [
    [0, 7],
    [7, 7],
    [1, 8],
    [3, 8],
    [1, 1000],
    [999, 1000],
    [1, 10000],
    [9999, 10000],
  ];
  const words = ["0 %", "100 %", "12 %", "38 %", "0.1 %", "99.9 %", "< 0.1 %", "> 99.9 %"];
  assert.deepEqual(
    shares.map(([count, whole]) => percent(count, whole)),
    words,
  );
});

test("the two sides of a curve meet where it crosses 0", () => {
  const { x, above, below } = sides([1, -3, NaN, 2]);
  assert.deepEqual(x, [0, 0.25, 1, 2, 3]);
  assert.deepEqual(above, [1, 0, 0, null, 2]);
  assert.deepEqual(below, [0, 0, -3, null, 0]);
});

test("the highest frames are well separated and inside the range", () => {
  const values = [0, 9, 8, 1, 2, 7, NaN, 3];
  assert.deepEqual(highest(values, 3, [0, 7], 2), [1, 5, 7]);
  assert.deepEqual(highest(values, 2, [2, 4], 1), [2, 4]);
  assert.deepEqual(highest([NaN], 2, [0, 0]), []);
});

test("a cell holds the highest value of the frames that share it", () => {
  assert.deepEqual([...cellMaxima([1, 5, 2, 3, NaN, 0], 3)], [5, 3, 0]);
  assert.deepEqual([...cellMaxima([1, 2], 4)], [1, 1, 2, 2]);
  // No frame is lost where cells and frames do not fit.
  assert.deepEqual([...cellMaxima([0, 0, 9, 0, 0], 2)], [9, 9]);
});

test("a zoomed axis keeps the frame in place and never leaves the clip", () => {
  assert.deepEqual(zoomSpan(null, 0.5, 50, 101), [25, 75]);
  assert.deepEqual(zoomSpan(null, 0.5, 0, 100), [0, 49]);
  assert.deepEqual(zoomSpan(null, 0.5, 99, 100), [50, 99]);
  assert.deepEqual(zoomSpan([10, 29], 0.001, 20, 100), [16, 23]);
  assert.deepEqual(zoomSpan([10, 29], 100, 20, 100), null);
  assert.deepEqual(zoomSpan(null, 0.5, 2, 5), null);
  assert.deepEqual(moveSpan([10, 19], -30, 100), [0, 9]);
});

test("a zoomed axis follows the frame and keeps its length", () => {
  const span = [10, 29];
  assert.deepEqual(followSpan(span, 15, 100) === span, true);
  for (const frame of [0, 9, 30, 31, 99]) {
    const [first, last] = followSpan(span, frame, 100);
    assert.deepEqual([last - first, first <= frame && frame <= last, first >= 0 && last <= 99], [19, true, true]);
  }
});

test("energies of a region replace those of the frame until the region is cleared", () => {
  const model = new Curves();
  let told = 0;
  model.onChange(() => (told += 1));
  const series = [
    { letter: "A", name: "baseline", values: [1, 2] },
    { letter: "B", name: "consistency", values: [3, 4] },
  ];
  model.set([{ id: "energy", title: "Energy", unit: "σ", series }], 2, "AB");
  model.setRegion({ byLetter: new Map([["B", new Float64Array([7, 8])]]), note: "region" });
  assert.deepEqual(
    [...model.main().byLetter].map(([letter, y]) => [letter, ...y]),
    [
      ["A", 1, 2],
      ["B", 7, 8],
    ],
  );
  model.setRegion(null);
  assert.deepEqual([...model.main().byLetter.get("B")], [3, 4]);
  assert.deepEqual(told, 3);
});

test("a series has a number or NaN for every frame", () => {
  assert.deepEqual(Array.from(byFrame([1, null, 3], 5)), [1, NaN, 3, NaN, NaN]);
  assert.deepEqual(Array.from(byFrame(Float64Array.of(1, NaN), 1)), [1]);
});

test("the strip shows what guides unless another measure of trust is chosen that has values", () => {
  const curves = new Curves();
  const chart = (/** @type {string} */ id, /** @type {(number | null)[]} */ values) => ({
    id,
    title: id,
    unit: "",
    series: [{ letter: "A", name: "", values }],
  });
  curves.set(
    [chart("energy", [1, 2]), chart("error", [1, 2]), chart("stability", [null, 2]), chart("expected", [null, null])],
    2,
  );
  assert.deepEqual(
    curves.forStrip().options.map(({ id }) => id),
    ["energy", "stability"],
  );
  assert.equal(curves.forStrip().chosen?.id, "energy");
  assert.equal(curves.forStrip("stability").chosen?.id, "stability");
  for (const id of ["expected", "error", "nothing"]) assert.equal(curves.forStrip(id).chosen?.id, "energy");
  curves.set([chart("error", [1, 2])], 2);
  assert.equal(curves.forStrip("stability").chosen?.id, "error");
});
