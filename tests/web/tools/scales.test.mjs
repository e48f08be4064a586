import assert from "node:assert/strict";
import { test } from "node:test";
import { reachOf } from "../../../dashboard/web/drawing/compose.mjs";
import { domainNow, rangeOf } from "../../../dashboard/web/tools/scales.mjs";

test("the range of a frame holds nearly all of its values", () => {
  const domain = { lo: 0, hi: 255, scale: "linear" };
  const rgba32 = Uint32Array.from({ length: 1000 }, (_, i) => (i < 5 ? 0 : i < 995 ? 50 + (i % 101) : 255));
  assert.deepEqual(rangeOf(domain, [{ rgba32, unknown: -1 }]), { lo: 50, hi: 150 });
  assert.deepEqual(rangeOf(domain, [{ rgba32: new Uint32Array(9), unknown: -1 }]), null);
  assert.deepEqual(rangeOf(domain, []), null);
});

test("pixels without a value affect neither the range nor the reach of differences", () => {
  const domain = { lo: 0, hi: 255, scale: "linear", channels: 1, unit: "" };
  const truth = Uint32Array.from({ length: 1000 }, (_, i) => (i < 200 ? 255 : 50 + (i % 101)));
  const own = { rgba32: truth.map((code) => (code === 255 ? 100 : code + 3)), unknown: -1 };
  assert.deepEqual(rangeOf(domain, [{ rgba32: truth, unknown: 255 }]), { lo: 51, hi: 150 });
  assert.deepEqual(reachOf(domain, own, { rgba32: truth, unknown: 255 }), 3);
  assert.deepEqual(reachOf(domain, { rgba32: truth, unknown: 255 }, own), 3);
});

test("the menu of a legend is about the values as they are aligned now, and of a pane that is gone as they are stored", () => {
  const domain = { name: "depth", lo: 0, hi: 1, unit: "" };
  const aligned = { name: "depth", lo: 0.1, hi: 16, unit: "m" };
  const subject = { domain, kind: "map", pane: "B" };
  const panes = [
    { id: "A", domain },
    { id: "B", domain },
  ];
  const plans = [{ domain }, { domain: aligned }];
  assert.equal(domainNow(subject, { panes, plans }), aligned);
  assert.equal(domainNow(subject, { panes, plans: [{ domain }, { domain }] }), domain);
  assert.equal(domainNow(subject, { panes: panes.slice(0, 1), plans }), domain);
  assert.equal(domainNow({ domain, kind: "energy" }, { panes, plans }), domain);
});
