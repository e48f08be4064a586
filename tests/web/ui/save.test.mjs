import assert from "node:assert/strict";
import { test } from "node:test";
import { slug } from "../../../dashboard/web/ui/save.mjs";

test("file names are plain ASCII", () => {
  assert.deepEqual(["Über/uns: ../x", "", "日本", "a".repeat(99)].map(slug), [
    "u-ber-uns-x",
    "clip",
    "clip",
    "a".repeat(40),
  ]);
});
