import assert from "node:assert/strict";
import { test } from "node:test";
import { wholePixelRatio } from "../../../dashboard/web/export/snapshot.mjs";

test("a stored pixel becomes a square of whole pixels, at least as fine as the screen", () => {
  const scaleOf = (least, shown, limit = Infinity) =>
    (wholePixelRatio(least, limit, { stored: 256, shown }) * shown) / 256;
  assert.deepEqual(
    [301, 256, 128, 600].map((shown) => scaleOf(1, shown)),
    [2, 1, 1, 4],
  );
  assert.equal(scaleOf(2, 256), 2);
});

test("where no whole pixels are allowed, the picture is as fine as is allowed", () => {
  assert.equal(wholePixelRatio(1, 0.5, { stored: 256, shown: 301 }), 0.5);
  assert.equal(
    wholePixelRatio(1, 9, { stored: 256, shown: 2000 }),
    1,
    "stored pixels would be more than four pixels wide",
  );
  assert.equal(wholePixelRatio(2, 9, null), 2);
});
