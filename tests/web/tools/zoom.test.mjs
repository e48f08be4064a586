import assert from "node:assert/strict";
import { test } from "node:test";
import { panBy, showing, visiblePart, zoomAt } from "../../../dashboard/web/tools/zoom.mjs";
import { near } from "../fixtures/near.mjs";

test("the point under the pointer stays there while zooming", () => {
  let view = null;
  for (const [u, v, factor] of [
    [0.2, 0.7, 2],
    [0.9, 0.1, 1.7],
    [0.5, 0.5, 0.6],
  ]) {
    const before = visiblePart(view);
    view = zoomAt(view, factor, u, v, 32);
    const after = visiblePart(view);
    near(before.left + u * before.side, after.left + u * after.side);
    near(before.top + v * before.side, after.top + v * after.side);
  }
});

test("a view never leaves the picture, and a scale of 1 shows all of it", () => {
  const corner = panBy({ scale: 4, x: 0.5, y: 0.5 }, 9, -9, 32);
  assert.deepEqual(corner, { scale: 4, x: 0.125, y: 0.875 });
  assert.deepEqual(zoomAt(corner, 0.1, 0, 0, 32), null);
  assert.deepEqual(zoomAt(null, 1000, 0.5, 0.5, 32).scale, 32);
  assert.deepEqual(panBy(null, 0.3, 0.3, 32), null);
});

test("a point outside the view is brought in with a margin, and one inside moves nothing", () => {
  const view = { scale: 4, x: 0.5, y: 0.5 };
  assert.deepEqual(showing(view, 0.55, 0.45, 32), view);
  assert.deepEqual(showing(view, 0.9, 0.5, 32), { scale: 4, x: 0.8, y: 0.5 });
  assert.deepEqual(showing(null, 0.9, 0.5, 32), null);
});
