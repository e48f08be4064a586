import assert from "node:assert/strict";
import { test } from "node:test";
import { TYPE_SCALE, typePx, typeScaleAt } from "../../../dashboard/web/ui/type_scale.mjs";

test("type grows with the largest screens, and never by more than 1.6", () => {
  assert.equal(TYPE_SCALE, 1, "without a window");
  assert.equal(typePx(13), 13);
  assert.deepEqual([360, 1280, 1920, 2559].map(typeScaleAt), [1, 1, 1, 1]);
  assert.ok(typeScaleAt(2560) > 1.1 && typeScaleAt(2560) < typeScaleAt(3840));
  assert.equal(typeScaleAt(20000), typeScaleAt(3840));
});
