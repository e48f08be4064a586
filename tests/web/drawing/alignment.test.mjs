import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { alignmentText, fit, NOT_ALIGNED } from "../../../dashboard/web/drawing/alignment.mjs";
import { physicalValue } from "../../../dashboard/web/drawing/colour.mjs";
import { alignedDomain, differenceOf, drawPlan, plansOf } from "../../../dashboard/web/drawing/compose.mjs";
import { UNREACHABLE } from "../../../dashboard/web/frames/fetch.mjs";
import { alignedTo, aligning, lacksReference } from "../../../dashboard/web/tools/aligning.mjs";
import { valueText } from "../../../dashboard/web/tools/probe.mjs";
import { rangeOf } from "../../../dashboard/web/tools/scales.mjs";
import { near } from "../fixtures/near.mjs";

const metric = {
  name: "depth",
  channels: 1,
  meaning: "scalar",
  lo: 0.1,
  hi: 16,
  scale: "log",
  unit: "m",
  colour_map: "viridis",
};
const relative = { ...metric, lo: 0.5, hi: 1.5, scale: "linear", unit: "" };
const pane = (id, domain = metric, role = id.length > 1 ? "truth" : "prediction") => ({
  id,
  key: `key of ${id}`,
  role,
  letter: role === "truth" ? "" : id,
  domain,
});
const twice = { kind: "depth", scale: 2, shift: 1, problem: "", to: 0 };
const look = (diff) => ({ diff, reach: {}, maps: {} });

test("the values of an aligned depth are those of the reference's unit and range", () => {
  const domain = alignedDomain(relative, twice, metric);
  near(physicalValue(domain, 0.5), 2 * 1 + 1);
  assert.deepEqual([domain.unit, domain.lo, domain.hi], ["m", 0.1, 16]);
  near(physicalValue(alignedDomain(relative, { ...twice, kind: "inverse", shift: -1.9 }, metric), 0.5), 1 / 0.1, 1e-6);
  near(physicalValue(alignedDomain(relative, { ...twice, kind: "inverse", shift: -9 }, metric), 0.5), 16);
});

test("a depth without a fit stays as it is", () => {
  for (const fitted of [null, { ...NOT_ALIGNED, to: 0 }, { ...twice, problem: "constant depth" }])
    assert.equal(alignedDomain(relative, fitted, metric), relative);
});

test("pictures, differences, ranges and the probe show the aligned values", () => {
  const panes = [pane("truth"), pane("A", relative)];
  const [truth, own] = plansOf(panes, look(null), [null, twice]);
  const code = (metres) => Math.round((255 * Math.log(metres / 0.1)) / Math.log(160));
  // Code 128 of A is 1.002, which is 3.004 m.
  assert.equal(own.table?.[128], truth.table?.[code(3.004)]);
  assert.equal(valueText(own.domain, 128), "3.004 ±0.004 m");
  near(differenceOf(own.domain, 128, code(3.004), truth.domain), 0, 1);
  near(differenceOf(own.domain, 128, code(6.008), truth.domain), -50, 1);
  const range = rangeOf(metric, [{ rgba32: Uint32Array.of(0, 255), unknown: -1, domain: own.domain }]);
  assert.deepEqual(range, { lo: 2, hi: 4 });
  const compared = plansOf(panes, look("auto"), [null, twice])[1];
  const to = new Uint32Array(2);
  drawPlan(compared, Uint32Array.of(128, 128), Uint32Array.of(code(3.004), code(6.008)), -1, to);
  const unaligned = plansOf([pane("truth"), pane("A")], look("auto"))[1];
  const expected = new Uint32Array(2);
  drawPlan(unaligned, Uint32Array.of(code(3.004), code(3.004)), Uint32Array.of(code(3.004), code(6.008)), -1, expected);
  assert.equal(to[1], expected[1]);
});

test("predictions are aligned to the truth, else to A, and nothing to itself", () => {
  const normal = { ...metric, name: "normal", channels: 3, scale: "linear", meaning: "direction" };
  const panes = [pane("truth"), pane("A"), pane("B"), pane("C", normal)];
  const to = (chosen, among = panes) => among.map((_, index) => alignedTo(among, index, chosen));
  assert.deepEqual(to("auto"), [-1, 0, 0, -1]);
  assert.deepEqual(to("B"), [-1, 2, -1, -1]);
  assert.deepEqual(to("auto", panes.slice(1)), [-1, 0, -1]);
  // The difference of B from A shows B's picture, and is aligned as B is.
  const difference = { ...pane("B"), id: "difference", role: "difference", letter: "" };
  assert.deepEqual(to("auto", [...panes, difference]), [-1, 0, 0, -1, 0]);
  assert.deepEqual(to("B", [...panes, difference])[4], -1);
});

test("an alignment is told in words, and so is why there is none", () => {
  const told = { to: "truth", per: "clip", unit: "m" };
  assert.equal(alignmentText(NOT_ALIGNED, told), "");
  assert.equal(
    alignmentText({ kind: "depth", scale: 1.04, shift: -0.12, problem: "" }, told),
    "aligned to truth per clip: 1.04 d − 0.12\u00a0m",
  );
  assert.equal(
    alignmentText({ kind: "inverse", scale: 2, shift: 0.5, problem: "" }, { ...told, per: "frame" }),
    "aligned to truth per frame: 1/(2/d + 0.5)",
  );
  assert.equal(alignmentText(fit("scale", [1], [2]), told), "not aligned: too few known pixels");
});

/** The clip's alignment of A to the truth, over a clip of two frames. @param {(frame: number, key: string) => any} load */
function clipAlignment(load) {
  const panes = [pane("truth"), pane("A")];
  const context = {
    stage: { panes, clipFits: new Map(), aligner: null },
    view: { state: { align: { kind: "scale", per: "clip", to: "auto" } } },
    clip: { firstReady: 0, lastReady: 1 },
    data: {},
    isDestroyed: false,
    painted: 0,
    position: { repaint: () => (context.painted += 1) },
    frames: { loadSingle: async ({ key }, frame) => load(frame, key) },
  };
  aligning(context).update(context.data, true);
  return context;
}

const pictureOf = (frame) => ({
  codes: { data: new Uint8ClampedArray(4 * 4096).map((_, i) => 50 + frame + ((i >> 2) % 150)) },
  error: null,
});
const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test("a frame that does not come is asked for again, so that the clip's alignment is of all its frames", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let failures = 2;
  const came = [];
  const context = clipAlignment((frame, key) => {
    if (frame === 1 && failures > 0) {
      failures -= 1;
      return { codes: null, error: failures ? UNREACHABLE : "not loaded" };
    }
    came.push(`${frame} ${key}`);
    return pictureOf(frame);
  });
  context.stage.aligner([null, null]);
  await settled();
  assert.deepEqual([...context.stage.clipFits.values()], [null]);
  mock.timers.tick(5000);
  await settled();
  mock.timers.reset();
  assert.deepEqual(came, ["0 key of A", "0 key of truth", "1 key of A", "1 key of truth"]);
  assert.equal([...context.stage.clipFits.values()][0].problem, "");
});

test("an alignment that fails is begun again after a pause", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const context = clipAlignment(() => {
    throw new Error("no answer");
  });
  context.stage.aligner([null, null]);
  await settled();
  assert.deepEqual([context.stage.clipFits.size, context.painted], [1, 0]);
  mock.timers.tick(5000);
  await settled();
  mock.timers.reset();
  assert.deepEqual([context.stage.clipFits.size, context.painted], [0, 1]);
});

test("a pane says that what it is aligned to is not shown, and the others say nothing of it", () => {
  const normal = { ...metric, name: "normal", channels: 3, scale: "linear" };
  const panes = [pane("truth"), pane("A"), pane("B", normal)];
  const lacking = (chosen) => panes.map((_, index) => lacksReference(panes, index, chosen));
  assert.deepEqual(lacking("C"), [false, true, false]);
  for (const chosen of ["auto", "truth", "A"]) assert.deepEqual(lacking(chosen), [false, false, false]);
  const context = clipAlignment(() => pictureOf(0));
  context.view.state.align.to = "C";
  assert.deepEqual(context.stage.aligner([null, null]).texts, ["", "not aligned: C is not shown"]);
});
