import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteLru } from "../../../dashboard/web/frames/pack.mjs";

test("the least recently used value is dropped first, the newest never", () => {
  const dropped = [];
  const lru = new ByteLru(10, (value) => dropped.push(value));
  lru.set("a", "A", 4);
  lru.set("b", "B", 4);
  lru.get("a");
  lru.set("c", "C", 4);
  assert.deepEqual([dropped, lru.bytes], [["B"], 8]);
  lru.set("d", "D", 99);
  assert.deepEqual([dropped, lru.bytes, lru.get("d")], [["B", "A", "C"], 99, "D"]);
  lru.clear();
  assert.deepEqual(lru.bytes, 0);
});
