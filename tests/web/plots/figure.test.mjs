import assert from "node:assert/strict";
import { test } from "node:test";
import { DASHES, layoutOf, tracesOf } from "../../../dashboard/web/plots/plotly_figure.mjs";

const STYLE = { letters: "ABCDEFGH", hide: "", ofLetter: () => "rgba(1, 2, 3, 1)", styles: {} };
const A = { letter: "A", name: "baseline", values: [1, null] };
const B = { letter: "B", name: "consistency", values: [3, 4] };
const CHART = { id: "energy", title: "Energy", unit: "σ", series: [A, B] };

test("a line has the dash of its path, and without a style that of its letter", () => {
  assert.equal(new Set(DASHES).size, STYLE.letters.length);
  const lineOfB = (styles) => tracesOf(CHART, ["", ""], { ...STYLE, styles }).at(-1).line;
  assert.equal(lineOfB({}).dash, DASHES[1]);
  assert.equal(lineOfB({ B: { hue: 0, dash: 3, shade: 0 } }).dash, DASHES[3]);
  const [second, third] = [1, 2].map((shade) => lineOfB({ B: { hue: 0, dash: 0, shade } }).width);
  assert.ok(third > second, "a third zoo of one method and path has thicker lines");
});

test("a value between unknown ones is a point, as it makes no line", () => {
  const modes = [[1], [1, 2], [null, 1, null, 2, 3]].map((values) => {
    const [found] = tracesOf({ ...CHART, series: [{ ...A, values }] }, [""], STYLE);
    return [found.mode, found.marker?.size];
  });
  assert.deepEqual(modes, [
    ["lines+markers", [6]],
    ["lines", undefined],
    ["lines+markers", [0, 6, 0, 0, 0]],
  ]);
});

test("a standardised energy has a band of usual values, and a line at the limit once it comes near", () => {
  const place = { width: 300, height: 100, xRange: [0, 1], ticksPx: 0, theme: {} };
  const limit = { value: 3, label: "3 σ" };
  const drawn = (values) => {
    const series = [{ ...A, values }];
    const { yaxis, shapes, annotations } = layoutOf(
      { ...CHART, series, isAnchored: true, hasBand: true, limit },
      place,
    );
    return { range: yaxis.range, shapes: shapes.map(({ type }) => type), words: annotations.map(({ text }) => text) };
  };
  const calm = drawn([0.01, 0.02]);
  assert.ok(calm.range[0] < -1 && calm.range[1] > 1 && calm.range[1] < 1.5, "noise stays flat");
  assert.deepEqual([calm.shapes, calm.words], [["rect"], ["3 σ ↑"]]);
  const bad = drawn([5.06, 5.15]);
  assert.ok(bad.range[0] < -1 && bad.range[1] > 5.15, "0 is in sight where everything is broken");
  assert.deepEqual([bad.shapes, bad.words], [["rect", "line"], ["3 σ"]]);
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
