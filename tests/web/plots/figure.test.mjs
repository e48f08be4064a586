import assert from "node:assert/strict";
import { test } from "node:test";
import { DASHES, layoutOf, tracesOf } from "../../../dashboard/web/plots/plotly_figure.mjs";

const STYLE = { letters: "ABCDEFGH", hide: "", ofLetter: () => "rgba(1, 2, 3, 1)" };
const A = { letter: "A", name: "baseline", values: [1, null] };
const B = { letter: "B", name: "consistency", values: [3, 4] };
const CHART = { id: "energy", title: "Energy", unit: "σ", series: [A, B] };

test("every letter has a line style of its own, which it keeps when the others are absent", () => {
  assert.equal(new Set(DASHES).size, STYLE.letters.length);
  const dashOfB = (series) => tracesOf({ ...CHART, series }, ["", ""], STYLE).at(-1).line.dash;
  assert.equal(dashOfB([A, B]), DASHES[1]);
  assert.equal(dashOfB([B]), DASHES[1]);
});

test("traces hold the values of the series, and a hidden letter is not drawn", () => {
  const traces = tracesOf(CHART, ["red", "blue"], { ...STYLE, hide: "B" });
  assert.deepEqual(
    traces.map(({ y, visible, line }) => [y, visible, line.color]),
    [
      [[1, null], true, "red"],
      [[3, 4], false, "blue"],
    ],
  );
});

test("an entry of the legend alone has no trace", () => {
  assert.deepEqual(tracesOf({ ...CHART, series: [{ ...A, isDrawn: false }] }, [""], STYLE), []);
});

test("the axis is named by what is measured and its unit", () => {
  const place = { width: 300, height: 100, xRange: [0, 1], ticksPx: 0, theme: {} };
  const title = (changes) => layoutOf({ ...CHART, ...changes }, place).yaxis.title?.text;
  assert.deepEqual([{}, { axis: "gap" }, { axis: "gap", unit: "" }, { unit: "" }].map(title), [
    "σ",
    "gap (σ)",
    "gap",
    undefined,
  ]);
});
