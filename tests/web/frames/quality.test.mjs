import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Bandwidth,
  isLongWait,
  meanFrameBytes,
  tierOf,
  tierOfPlay,
  transferred,
} from "../../../dashboard/web/frames/quality.mjs";
import { near } from "../fixtures/near.mjs";

test("bandwidth counts only the time while requests are open, however many at once", () => {
  let now = 0;
  const line = new Bandwidth(() => now);
  assert.deepEqual(line.bytesPerSecond, null);
  line.begin();
  line.begin();
  now = 200;
  line.add(1000);
  assert.deepEqual(line.bytesPerSecond, null);
  for (let i = 0; i < 100; i += 1) {
    now += 10;
    line.add(2000);
    line.add(2000);
  }
  near(line.bytesPerSecond, 400_000, 20_000);
  line.end();
  line.end();
  const known = line.bytesPerSecond;
  now += 60_000; // nobody asked
  assert.deepEqual(line.bytesPerSecond, known);
  line.begin();
  now += 1000; // nothing came
  assert.deepEqual(line.bytesPerSecond < known / 10, true);
});

test("bandwidth follows recent transfers, even after a fast start", () => {
  let now = 0;
  const line = new Bandwidth(() => now);
  line.begin();
  for (const [rate, ms] of [
    [5e7, 100],
    [1e6, 1500],
    [1e5, 1500],
    [1e6, 1500],
  ]) {
    for (let passed = 0; passed < ms; passed += 10) {
      now += 10;
      line.add(rate / 100);
    }
    near(line.bytesPerSecond, rate, rate / 2);
  }
});

test("play requests the quality that the connection sustains, without oscillating", () => {
  const facts = { bytesPerSecond: 1e6, frameBytes: 30_000, fps: 30, before: "exact" };
  assert.deepEqual(tierOfPlay(facts), "exact");
  assert.deepEqual(tierOfPlay({ ...facts, before: "preview" }), "preview");
  assert.deepEqual(tierOfPlay({ ...facts, before: "preview", bytesPerSecond: 1.5e6 }), "exact");
  assert.deepEqual(tierOfPlay({ ...facts, frameBytes: 35_000 }), "preview");
  assert.deepEqual(tierOfPlay({ ...facts, fps: 60 }), "preview");
  for (const before of ["exact", "preview"]) {
    assert.deepEqual(tierOfPlay({ ...facts, before, bytesPerSecond: null }), before);
    assert.deepEqual(tierOfPlay({ ...facts, before, frameBytes: null }), before);
  }
});

test("a wait is long when a block takes longer than a moment", () => {
  const facts = { bytesPerSecond: 1e6, frameBytes: 25_000 };
  assert.deepEqual(isLongWait(facts), true);
  assert.deepEqual(isLongWait({ ...facts, bytesPerSecond: 2e6 }), false);
  assert.deepEqual(isLongWait({ ...facts, bytesPerSecond: null }), false);
  assert.deepEqual(isLongWait({ ...facts, frameBytes: null }), false);
});

test("previews are requested only where every track has them and exact frames are too slow", () => {
  const offsets = [0, 20_000, 50_000];
  const header = { offsets, previews: { codec: "jpeg", offsets } };
  const facts = { headers: [header, header], bytesPerSecond: 1e6, fps: 0, before: "exact" };
  assert.equal(meanFrameBytes(facts.headers), 50_000);
  assert.equal(meanFrameBytes([header, null]), null);
  assert.equal(tierOf(facts), "preview");
  assert.equal(tierOf({ ...facts, bytesPerSecond: 1e7 }), "exact");
  assert.equal(tierOf({ ...facts, isExactOnly: true }), "exact");
  assert.equal(tierOf({ ...facts, headers: [header, { offsets, previews: null }] }), "exact");
  assert.equal(tierOf({ ...facts, headers: [header, null] }), "exact");
  assert.equal(tierOf({ ...facts, headers: [] }), "exact");
  assert.equal(tierOf({ ...facts, fps: 30 }), "preview");
  assert.equal(tierOf({ ...facts, fps: 30, bytesPerSecond: 1e7 }), "exact");
  assert.equal(tierOf({ ...facts, fps: 30, bytesPerSecond: 1e7, isTooSlow: true }), "preview");
});

test("the speed of the line is expected from what the page itself took, counting overlapping responses once", () => {
  const of = (transferSize, responseStart, responseEnd) => ({ transferSize, responseStart, responseEnd });
  const page = [of(100_000, 100, 1100), of(100_000, 600, 1600), of(0, 0, 5000), of(50_000, 3000, 3500)];
  assert.deepEqual(transferred(page), { bytes: 250_000, ms: 2000 });
  const line = new Bandwidth(() => 0);
  line.expect({ bytes: 1000, ms: 10 });
  assert.equal(line.bytesPerSecond, null, "too little to judge by");
  line.expect(transferred(page));
  near(line.bytesPerSecond, 125_000, 1);
});

test("many small files do not make a fast connection look slow", () => {
  const small = Array.from({ length: 100 }, (_, i) => ({
    transferSize: 5000,
    responseStart: 10 * i + 1,
    responseEnd: 10 * i + 10,
  }));
  const large = { transferSize: 150_000, responseStart: 2000, responseEnd: 2006 };
  assert.deepEqual(transferred([...small, large]), { bytes: 150_000, ms: 6 });
  assert.deepEqual(transferred(small), { bytes: 500_000, ms: 900 });
  const slower = { ...large, responseEnd: 2012 };
  assert.deepEqual(transferred([slower, slower]), { bytes: 300_000, ms: 12 }, "two at once share the line");
});
