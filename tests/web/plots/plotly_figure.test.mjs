import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutOf } from "../../../dashboard/web/plots/plotly_figure.mjs";

const PLACE = { width: 300, height: 100, xRange: [0, 1], ticksPx: 0, theme: {} };
const LINK = '<a href="https://192.0.2.1/">σ</a> &lt;b&gt; %';
const ESCAPED = '&lt;a href="https://192.0.2.1/"&gt;σ&lt;/a&gt; &amp;lt;b&amp;gt; %';

test("no unit, axis or word of a chart is read as markup", () => {
  const chart = { id: "error", title: LINK, unit: LINK, axis: LINK, series: [], words: [{ text: LINK, isTop: true }] };
  const { yaxis, annotations } = layoutOf(chart, PLACE);
  assert.equal(yaxis.title.text, `${ESCAPED} (${ESCAPED})`);
  assert.equal(annotations[0].text, ESCAPED);
});
