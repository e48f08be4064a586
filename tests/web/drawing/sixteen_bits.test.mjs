import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, physicalValue } from "../../../dashboard/web/drawing/colour.mjs";
import { differenceOf, drawPlan, plansOf, shownTable } from "../../../dashboard/web/drawing/compose.mjs";
import { fillCodes, halfStep } from "../../../dashboard/web/surfaces/geometry.mjs";
import { valueText } from "../../../dashboard/web/tools/probe.mjs";
import { rangeOf } from "../../../dashboard/web/tools/scales.mjs";
import { near } from "../fixtures/near.mjs";

const far = {
  name: "depth",
  channels: 1,
  meaning: "scalar",
  lo: 0.01,
  hi: 1000,
  scale: "log",
  unit: "m",
  colour_map: "viridis",
  bits: 16,
  invalid: 0,
  sky: 1,
};
const eight = { ...far, lo: 0.1, hi: 16, bits: undefined, invalid: undefined, sky: undefined };
const code = (metres) => Math.round((65535 * Math.log(metres / 0.01)) / Math.log(1e5));
const pixelOf = (code16) => ((code16 >> 8) | ((code16 & 255) << 8) | 0xff000000) >>> 0;
const pixel = (metres) => pixelOf(code(metres));
const [UNKNOWN, SKY] = [pixelOf(0), pixelOf(65535)];
const pane = (id, domain = far) => ({ id, role: id.length > 1 ? "truth" : "prediction", letter: id, domain });
const look = (diff) => ({ diff, reach: {}, maps: {} });

test("the high byte is in R, the low one in G, and a preview, which is grey, is read alike", () => {
  assert.equal(codeOf(far, pixelOf(0x1234)), 0x1234 / 257);
  assert.equal(codeOf(far, pixelOf(0x5a5a)), codeOf(eight, 0x5a));
  assert.equal(codeOf(eight, 0x1234), 0x34);
});

test("the probe gives metres to the true resolution, and tells sky from unknown", () => {
  assert.equal(valueText(far, pixel(3.7)), "3.6997 ±0.0003 m");
  assert.equal(valueText(far, pixel(300)), "300.02 ±0.03 m");
  assert.equal(valueText(far, SKY), "sky");
  near(physicalValue(far, codeOf(far, pixel(300)) / 255), 300, 0.03);
});

test("pictures have a colour for every code, none for the unknown, and the last one for the sky", () => {
  const [plan] = plansOf([pane("A", { ...far, shown: [3, 3.1] })], look(null));
  assert.equal(plan.table?.length, 65536);
  const to = new Uint32Array(5);
  drawPlan(plan, Uint32Array.of(UNKNOWN, pixel(3.02), pixel(3.04), pixel(3.2), SKY), null, -1, to);
  assert.equal(to[0], 0);
  assert.notEqual(to[1], to[2]); // 0.7 % apart, a third of a step of 8 bits
  assert.equal(to[3], to[4]);
  assert.equal(shownTable(eight, eight)?.length, 256);
});

test("differences of 16 bits, and of 16 from 8, are those of the values", () => {
  near(differenceOf(far, pixel(3.3), pixel(3)), 10, 0.05);
  near(differenceOf(far, pixel(3.3), 128, eight), 100 * (3.3 / physicalValue(eight, 128 / 255) - 1), 0.05);
  assert.ok(Number.isNaN(differenceOf(far, SKY, pixel(3))));
  const own = Uint32Array.of(pixel(3), pixel(6), UNKNOWN, SKY);
  const plan = plansOf([pane("truth"), pane("A")], look("auto"))[1];
  const to = new Uint32Array(4);
  drawPlan(plan, own, new Uint32Array(4).fill(pixel(3)), 0, to);
  const usual = plansOf([pane("truth", eight), pane("A", eight)], look("auto"))[1];
  const expected = new Uint32Array(2);
  drawPlan(usual, Uint32Array.of(100, 250), Uint32Array.of(100, 100), -1, expected);
  assert.deepEqual([...to], [expected[0], expected[1], 0, 0]);
  const mixed = plansOf([pane("truth", eight), pane("A")], look("auto"))[1];
  drawPlan(mixed, own, new Uint32Array(4).fill(128), -1, to);
  assert.deepEqual([to[2], to[3]], [0, 0]);
});

test("a range leaves out the unknown and the sky", () => {
  const rgba32 = Uint32Array.of(UNKNOWN, SKY, pixel(2), pixel(4), SKY);
  const found = rangeOf(far, [{ rgba32, unknown: 0 }]);
  near(found.lo, 2, 0.05);
  near(found.hi, 4, 0.1);
});

test("in space codes have fractions, and neither the unknown nor the sky has a place", () => {
  const rgba = new Uint8Array(Uint32Array.of(UNKNOWN, SKY, pixel(3)).buffer);
  const codes = fillCodes(rgba, far, new Float32Array(3));
  assert.ok(codes[0] < 0 && codes[1] < 0);
  near(physicalValue(far, codes[2] / 255), 3, 0.001);
  near(halfStep(far, 3), 3 * (1e5 ** (0.5 / 65535) - 1), 1e-9);
});
