import assert from "node:assert/strict";
import { test } from "node:test";
import { byColumn } from "../../../dashboard/web/plots/curves.mjs";
import { tracesOf } from "../../../dashboard/web/plots/plotly_figure.mjs";

const N = 100_000;
const WIDTH = 600;
/** A walk with lone peaks, and unknown stretches. */
const VALUES = (() => {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const found = Array.from({ length: N }, (_, i) => Math.sin(i / 900) + random());
  found[12_345] = 40;
  found[77_777] = -30;
  return /** @type {(number | null)[]} */ (found.map((value, i) => (i > 50_000 && i < 53_000 ? null : value)));
})();

/** @param {(number | null)[]} values */
const known = (values) => values.filter((value) => value !== null);

test("each column of the frames that are shown keeps its lowest and highest value", () => {
  for (const [first, last] of [
    [0, N - 1],
    [10_000, 60_000],
    [40_000, 90_000],
  ]) {
    const thinned = byColumn(VALUES, [first - 0.5, last + 0.5], WIDTH);
    assert.ok(thinned && thinned.x.length <= 4 * (WIDTH + 2));
    assert.ok(thinned.x.every((frame, i) => i === 0 || frame > thinned.x[i - 1]));
    assert.ok(thinned.x.every((frame, i) => thinned.y[i] === null || thinned.y[i] === VALUES[frame]));
    const step = (last - first + 1) / WIDTH;
    for (let column = 0; column < WIDTH; column += 7) {
      // A column of the screen lies in two of the thinned ones at most.
      const [from, to] = [Math.floor(first + column * step), Math.ceil(first + (column + 1) * step)];
      const near = thinned.x.flatMap((frame, i) =>
        frame >= from - step - 2 && frame < to + step + 2 ? [thinned.y[i]] : [],
      );
      const own = known(VALUES.slice(from, to));
      if (!own.length) continue;
      assert.ok(Math.max(...known(near)) >= Math.max(...own) && Math.min(...known(near)) <= Math.min(...own));
    }
    assert.equal(Math.max(...known(thinned.y)), 40, "the axis of values stays, whatever is shown");
    assert.equal(Math.min(...known(thinned.y)), -30);
  }
});

test("an unknown stretch breaks the thinned curve", () => {
  const thinned = byColumn(VALUES, [0, N - 1], WIDTH);
  const inside = thinned?.x.flatMap((frame, i) => (frame > 50_400 && frame < 52_600 ? [thinned.y[i]] : [])) ?? [];
  assert.ok(inside.length > 5 && inside.every((value) => value === null));
});

test("few frames are drawn whole, and so is a short range of many", () => {
  assert.equal(byColumn(VALUES.slice(0, 2400), [0, 2399], WIDTH), null);
  const thinned = byColumn(VALUES, [999.5, 1999.5], WIDTH);
  const shown = Array.from({ length: 1000 }, (_, i) => 1000 + i);
  assert.deepEqual(
    shown.map((frame) => thinned?.y[thinned.x.indexOf(frame)]),
    VALUES.slice(1000, 2000),
  );
});

test("a chart of a long clip is drawn with few points, at the frames that they belong to", () => {
  const chart = { id: "error", title: "Error", unit: "°", series: [{ letter: "A", name: "a", values: VALUES }] };
  const style = { letters: "A", hide: "", ofLetter: () => "red", styles: {} };
  const [trace] = tracesOf(chart, ["red"], style, { xRange: [-0.5, N - 0.5], width: WIDTH });
  assert.ok(trace.x.length === trace.y.length && trace.y.length <= 4 * WIDTH);
  assert.ok(trace.x.includes(12_345) && trace.x.includes(77_777));
  assert.equal(tracesOf(chart, ["red"], style)[0].y.length, N);
});
