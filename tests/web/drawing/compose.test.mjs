import assert from "node:assert/strict";
import { test } from "node:test";
import { colourAt } from "../../../dashboard/web/drawing/colour.mjs";
import {
  differenceOf,
  drawOver,
  drawPlan,
  overlayTable,
  partnerIn,
  plansOf,
  referenceOf,
  shownScale,
  underOverlay,
} from "../../../dashboard/web/drawing/compose.mjs";
import { near } from "../fixtures/near.mjs";

test("angles, percentages and differences are computed from physical values", () => {
  const pixel = (r, g, b) => (r | (g << 8) | (b << 16)) >>> 0;
  const normal = { name: "normal", channels: 3, meaning: "direction", lo: -1, hi: 1, scale: "linear", unit: "" };
  near(differenceOf(normal, pixel(255, 128, 128), pixel(128, 128, 255)), 90, 1);
  near(differenceOf(normal, pixel(10, 20, 200), pixel(10, 20, 200)), 0);
  assert.deepEqual(differenceOf(normal, pixel(128, 128, 128), pixel(255, 0, 0)), NaN);
  const depth = { name: "depth", channels: 1, meaning: "scalar", lo: 0.1, hi: 16, scale: "log", unit: "m" };
  near(differenceOf(depth, 100, 100), 0);
  near(differenceOf(depth, 101, 100), 100 * (160 ** (1 / 255) - 1));
  const shade = { ...depth, scale: "linear", lo: 0, hi: 1, unit: "" };
  near(differenceOf(shade, 0, 51), -0.2);
  const rgb = { ...normal, meaning: "colour", lo: 0 };
  near(differenceOf(rgb, pixel(255, 0, 0), pixel(0, 0, 0)), 1 / 3);
});

test("a difference is drawn in the colour of its value, and left blank where a value is unknown", () => {
  const pixel = (r, g, b) => (r | (g << 8) | (b << 16) | 0xff000000) >>> 0;
  const pane = (role, letter, domain) => ({ id: letter || role, role, letter, domain });
  const shade = {
    name: "shade",
    channels: 1,
    meaning: "scalar",
    lo: 0,
    hi: 1,
    scale: "linear",
    unit: "",
    colour_map: "grey",
    invalid: 13 / 255,
  };
  const panes = [
    pane("truth", "", shade),
    pane("prediction", "A", shade),
    pane("input", "", { ...shade, name: "rgb", channels: 3 }),
  ];
  const look = { diff: "auto", reach: { shade: 0.2 }, maps: {} };
  const plans = plansOf(panes, look);
  assert.deepEqual(
    plans.map(({ role, reference }) => [role, reference]),
    [
      ["reference", -1],
      ["compared", 0],
      ["apart", -1],
    ],
  );
  const to = new Uint32Array(3);
  const grey = (code) => pixel(code, code, code);
  drawPlan(
    plans[1],
    Uint32Array.of(grey(100), grey(202), grey(9)),
    Uint32Array.of(grey(100), grey(100), grey(13)),
    plans[0].unknown,
    to,
  );
  const at = (position) => {
    const [r, g, b] = colourAt("diverging", position);
    return pixel(r, g, b);
  };
  assert.deepEqual([Math.abs((to[0] & 255) - (at(0.5) & 255)) <= 2, to[1], to[2]], [true, at(1), 0]);
});

test("small angles are drawn as precisely as large ones", () => {
  const pixel = (r, g, b) => (r | (g << 8) | (b << 16) | 0xff000000) >>> 0;
  const normal = {
    name: "normal",
    channels: 3,
    meaning: "direction",
    lo: -1,
    hi: 1,
    scale: "linear",
    unit: "",
    colour_map: "none",
    invalid: 0.502,
  };
  const panes = [
    { id: "A", letter: "A", domain: normal },
    { id: "B", letter: "B", domain: normal },
  ];
  const [, plan] = plansOf(panes, { diff: "auto", reach: { normal: 40 }, maps: {} });
  const to = new Uint32Array(1);
  for (const [own, other] of [
    [pixel(128, 10, 140), pixel(120, 8, 160)],
    [pixel(30, 60, 200), pixel(60, 60, 200)],
    [pixel(1, 128, 128), pixel(255, 128, 128)],
  ]) {
    drawPlan(plan, Uint32Array.of(own), Uint32Array.of(other), -1, to);
    const [r, g, b] = colourAt("magma", differenceOf(normal, own, other) / 40);
    assert.deepEqual(
      [0, 8, 16].map((shift, i) => Math.abs(((to[0] >>> shift) & 255) - [r, g, b][i]) <= 3),
      [true, true, true],
    );
  }
});

test("the reference is the truth, else A, and never a pane of another domain", () => {
  const pane = (role, letter, name) => ({ role, letter, domain: { name } });
  const panes = [
    pane("input", "", "rgb"),
    pane("prediction", "A", "normal"),
    pane("prediction", "B", "normal"),
    pane("readout", "A", "depth"),
    pane("truth", "", "depth"),
  ];
  const references = (chosen) => panes.map((_, index) => referenceOf(panes, index, chosen));
  assert.deepEqual(references("auto"), [-1, 1, 1, 4, 4]);
  assert.deepEqual(references("B"), [-1, 2, 2, -1, -1]);
  assert.deepEqual(references("truth"), [-1, -1, -1, 4, 4]);
});

test("a letter flickers with A or B in its role, and a lone pane without one with A, as its row is", () => {
  const pane = (role, letter, row) => ({ role, letter, row });
  const panes = [
    pane("input", "", 0),
    pane("truth", "", 0),
    pane("prediction", "A", 0),
    pane("prediction", "B", 0),
    pane("prediction", "C", 0),
    pane("truth", "", 1),
    pane("readout", "A", 1),
    pane("readout", "C", 1),
  ];
  const partners = (isAlone) => panes.map((_, index) => partnerIn(panes, index, isAlone));
  assert.deepEqual(partners(false), [0, 1, 3, 2, 2, 5, 6, 6]);
  assert.deepEqual(partners(true), [2, 2, 3, 2, 2, 6, 6, 6]);
});

test("on a sheet of several domains a pane flickers with the same domain of the other letter", () => {
  const ids = ["A_rgb_normal", "A_rgb_depth", "B_rgb_normal", "B_rgb_depth"];
  const panes = ids.map((id) => ({ id, letter: id[0], role: "prediction", row: 0 }));
  assert.deepEqual(
    panes.map((_, index) => partnerIn(panes, index, false)),
    [2, 3, 0, 1],
  );
});

test("overlays are blended channel by channel", () => {
  const pixel = (r, g, b, a) => (r | (g << 8) | (b << 16) | (a << 24)) >>> 0;
  const to = Uint32Array.of(pixel(200, 0, 100, 255), pixel(1, 2, 3, 255), 0, pixel(9, 9, 9, 255));
  const table = Uint32Array.of(0, pixel(0, 255, 200, 128), pixel(7, 8, 9, 255));
  drawOver(table, Uint32Array.of(1, 0, 1, 2), to);
  assert.deepEqual(
    [...to],
    [pixel(99, 128, 150, 255), pixel(1, 2, 3, 255), pixel(0, 255, 200, 128), pixel(7, 8, 9, 255)],
  );
});

test("an overlay is transparent below its threshold", () => {
  const domain = { lo: -8, hi: 24, scale: "linear", unit: "σ", colour_map: "inferno" };
  const table = overlayTable(domain, { ...domain, lo: 0, hi: 8 }, { opacity: 0.5, from: 2 });
  const code = Math.ceil((255 * 10) / 32);
  assert.deepEqual([table[code - 1], table[code] >>> 24, table[255] >>> 24], [0, 128, 128]);
});

test("a domain is shown over the range of its clip, in full on request, and never over an empty one", () => {
  const depth = { name: "depth", channels: 1, lo: 0.1, hi: 16, scale: "log", unit: "m", colour_map: "viridis" };
  const clip = { ...depth, shown: [1, 6] };
  const ends = (domain, chosen) => {
    const { lo, hi } = shownScale(domain, chosen);
    return [lo, hi];
  };
  assert.deepEqual(ends(depth), [0.1, 16]);
  assert.deepEqual(ends(clip), [1, 6]);
  assert.deepEqual(ends(clip, { map: "magma", lo: null, hi: null }), [1, 6]);
  assert.deepEqual(ends(clip, { map: null, lo: 0.1, hi: 16 }), [0.1, 16]);
  assert.deepEqual(ends({ ...depth, shown: [2, 2] }), [0.1, 16]);
});

test("what lies under an overlay is muted, and its unknown pixels stay transparent", () => {
  const pixel = (r, g, b) => (r | (g << 8) | (b << 16) | 0xff000000) >>> 0;
  const plan = { kind: "table", table: Uint32Array.of(pixel(200, 0, 0), 0), reference: -1, role: "", unknown: -1 };
  const under = underOverlay(plan, { channels: 1 });
  assert.deepEqual([...under.table], [pixel(95, 45, 45), 0]);
  assert.deepEqual([under.isMuted, plan.table[0]], [true, pixel(200, 0, 0)]);
  assert.equal(underOverlay({ ...plan, kind: "codes", table: null }, { channels: 3 }).kind, "muted");
});
