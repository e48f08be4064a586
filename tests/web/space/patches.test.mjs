import assert from "node:assert/strict";
import { test } from "node:test";
import { asideText, comparable, noiseText, withFlatness } from "../../../dashboard/web/overview/flatness.mjs";
import { flatnessOf, noted, readPatches, TRUTH, unitOf, withPatch } from "../../../dashboard/web/space/patches.mjs";

const A = "mini/baseline/rgb-depth";
const B = "mini/merged/rgb-depth";
const flat = (/** @type {number} */ rms, isMetric = true) => ({ rms, depth: 2, rounding: 0.005, isMetric });
const patch = (/** @type {Record<string, any>} */ depths, frame = 3, box = [1, 2, 30, 40]) => ({
  frame,
  box,
  note: `off a plane (${box})`,
  depths,
});

test("the flatness of a configuration is the mean over the patches that measure it, with what rounding alone gives", () => {
  const patches = [patch({ [A]: flat(0.01), [TRUTH]: flat(0.002) }), patch({ [A]: flat(0.03), [B]: flat(0.5) }, 4)];
  const own = flatnessOf(patches, A, "cm");
  assert.deepEqual(
    { ...own, mean: own?.mean.toFixed(6) },
    {
      count: 2,
      mean: "2.000000",
      least: 1,
      most: 3,
      rounding: 1,
      truth: 0.2,
    },
  );
  assert.equal(asideText(/** @type {any} */ (own), "cm"), "2 patches, truth 0.2\u00a0cm");
  assert.match(noiseText(/** @type {any} */ (own), "cm"), /^from 1\.0 to 3\.0\u00a0cm over .* up to 1\.0\u00a0cm$/);
  assert.equal(flatnessOf(patches, A, "%")?.mean, 1);
  assert.equal(flatnessOf(patches, "mini/other/rgb-depth", "cm"), null);
  assert.equal(flatnessOf(patches, "toString", "cm"), null);
});

test("flatness is in centimetres only where every depth is in metres", () => {
  assert.equal(unitOf([patch({ [A]: flat(0.1) })]), "cm");
  assert.equal(unitOf([patch({ [A]: flat(0.1) }), patch({ [A]: flat(0.1), [B]: flat(0.1, false) })]), "%");
});

test("a box measured again replaces what it had measured of the same depths, and a patch counts while its note stands", () => {
  const both = withPatch([patch({ [A]: flat(0.1), [B]: flat(0.2) })], patch({ [A]: flat(0.3) }));
  assert.deepEqual(
    both.map(({ depths }) => depths),
    [{ [B]: flat(0.2) }, { [A]: flat(0.3) }],
  );
  assert.equal(withPatch(both, patch({ [A]: flat(1) }, 3, [0, 0, 9, 9])).length, 3);
  const [one] = both;
  assert.equal(noted([one], new Map([[3, `lamp; ${one.note}`]])).length, 1);
  assert.equal(noted([one], new Map([[3, "lamp"]])).length, 0);
  assert.equal(noted([one], new Map()).length, 0);
});

test("stored patches that are not sound are left out", () => {
  const sound = patch({ [A]: flat(0.1) });
  for (const text of [null, "", "{", "7", "{}"]) assert.deepEqual(readPatches(text), []);
  const wrong = [
    null,
    7,
    { ...sound, frame: -1 },
    { ...sound, box: [1, 2, 3] },
    { ...sound, note: "x".repeat(300) },
    { ...sound, depths: {} },
    patch({ [A]: flat(-1) }),
    patch({ [A]: { ...flat(1), depth: 0 } }),
    patch({ [A]: { ...flat(1), isMetric: 1 } }),
  ];
  assert.deepEqual(readPatches(JSON.stringify([...wrong, sound])), [sound]);
});

test("a table of the server gets columns by clip and configuration, whatever its titles hold", () => {
  const data = {
    target: "depth",
    clips: [{ key: "abc" }],
    configurations: [{ spelling: "mini/baseline" }, { spelling: "mini/merged" }],
  };
  const patches = flatnessOf([patch({ [A]: flat(0.01) })], A, "cm");
  const cells = /** @type {any[]} */ ([
    { clip: 0, configuration: 0, patches },
    { clip: 0, configuration: 1, patches: null },
  ]);
  const csv = ["\ufeffclip,clip key,configuration", `"a ""b"", c",abcdef,${A}`, `x,abcdef,${B}`, `x,zz,${A}`].join(
    "\r\n",
  );
  const [head, ...rows] = withFlatness(csv, data, cells, "cm").split("\r\n");
  assert.ok(head.startsWith('\ufeffclip,clip key,configuration,"flatness, RMS (cm)"'));
  assert.deepEqual(rows, [`"a ""b"", c",abcdef,${A},1,1,,1,yes`, `x,abcdef,${B},,,,0,`, `x,zz,${A},,,,0,`, ""]);
});

test("configurations are compared over the patches that all of them measured, else over none", () => {
  const easy = patch({ [A]: flat(0.01) }, 4);
  const hard = [patch({ [A]: flat(0.03) }), patch({ [B]: flat(0.02) })]; // one box, measured twice
  const { patches, isShared } = comparable([easy, ...hard], [A, B, "mini/other/rgb-depth"]);
  assert.ok(isShared);
  assert.deepEqual(
    [A, B].map((name) => flatnessOf(patches, name, "cm")?.mean),
    [3, 2],
  );
  const apart = comparable([easy, hard[1]], [A, B]);
  assert.deepEqual([apart.isShared, apart.patches.length], [false, 2]);
  const own = { .../** @type {any} */ (flatnessOf(apart.patches, B, "cm")), isShared: apart.isShared };
  assert.equal(asideText(own, "cm"), "1 other patch");
  assert.match(noiseText(own, "cm"), /^not sorted/);
  assert.ok(comparable([easy, hard[1]], [A]).isShared, "configurations that are not in the table do not count");
});

test("a table of 4,000 rows and as many cells is joined without looking at all cells for each row", () => {
  const clips = Array.from({ length: 4000 }, (_, at) => ({ key: `clip${String(at).padStart(5, "0")}` }));
  const data = { target: "depth", clips, configurations: [{ spelling: "mini/baseline" }] };
  let reads = 0;
  const cells = clips.map((_, clip) => ({
    get clip() {
      reads += 1;
      return clip;
    },
    configuration: 0,
    patches: null,
  }));
  const csv = ["clip key,configuration", ...clips.map(({ key }) => `${key},${A}`)].join("\r\n");
  withFlatness(csv, data, /** @type {any} */ (cells), "cm");
  assert.ok(reads <= 2 * cells.length, `${reads} reads`);
});
