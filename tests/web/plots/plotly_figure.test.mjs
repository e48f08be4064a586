import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutOf, tracesOf } from "../../../dashboard/web/plots/plotly_figure.mjs";

const PLACE = { width: 300, height: 100, xRange: [0, 1], ticksPx: 0, theme: {} };
const LINK = '<a href="https://192.0.2.1/">σ</a> &lt;b&gt; %';
const ESCAPED = '&lt;a href="https://192.0.2.1/"&gt;σ&lt;/a&gt; &amp;lt;b&amp;gt; %';

test("no unit, axis or word of a chart is read as markup", () => {
  const chart = { id: "error", title: LINK, unit: LINK, axis: LINK, series: [], words: [{ text: LINK, isTop: true }] };
  const { yaxis, annotations } = layoutOf(chart, PLACE);
  assert.equal(yaxis.title.text, `${ESCAPED} (${ESCAPED})`);
  assert.equal(annotations[0].text, ESCAPED);
});

test("the area of an interval breaks where frames have none, and is hidden with its curve", () => {
  const band = { low: [1, 2, null, 4], high: [3, 5, null, 6], coverage: 0.9 };
  const chart = {
    id: "expected",
    title: "",
    unit: "",
    series: [{ letter: "A", name: "a", values: [2, 3, 4, 5], band }],
  };
  const style = { letters: "A", hide: "", ofLetter: () => "rgba(1, 2, 3, 1)", styles: {} };
  const [area, line] = tracesOf(chart, ["rgba(1, 2, 3, 1)"], style);
  assert.deepEqual(area.x, [0, 1, 1, 0, null, 3, 3, null]);
  assert.deepEqual(area.y, [3, 5, 2, 1, null, 6, 4, null]);
  assert.deepEqual(line.y, [2, 3, 4, 5]);
  assert.equal(tracesOf(chart, ["rgba(1, 2, 3, 1)"], { ...style, hide: "A" }).length, 1);
});
