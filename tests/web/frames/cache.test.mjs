import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteLru, Failures, roomFor } from "../../../dashboard/web/frames/cache.mjs";

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

test("room is counted beside the value in use, and is unlimited while sizes are unknown", () => {
  assert.deepEqual([roomFor(100, 30), roomFor(100, 200), roomFor(100, 0)], [2, 0, Infinity]);
  const lru = new ByteLru(100);
  assert.equal(lru.roomFor(2), Infinity);
  lru.set("a", "A", 10);
  lru.set("b", "B", 20);
  assert.equal(lru.roomFor(2), 2, "100 bytes hold three pairs of 15 bytes each");
});

test("a failure is remembered for four seconds", (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const failures = new Failures();
  failures.add("a", "away");
  now = 3999;
  assert.deepEqual([failures.get("a"), failures.get("b")], ["away", null]);
  now = 4000;
  assert.equal(failures.get("a"), null);
});
