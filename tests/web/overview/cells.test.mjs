// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { found, ranksOf, readCell, rivalOf, sorted, sparkPath } from "../../../dashboard/web/overview/cells.mjs";

const CLIPS = [{ label: "Attic" }, { label: "Cellar" }];
const CONFIGURATIONS = [{ label: "baseline" }, { label: "consistency via Depth" }];

/** @param {number} clip @param {number} configuration @param {Partial<import("../../../dashboard/web/overview/cells.mjs").Cell>} [more] */
function cell(clip, configuration, more = {}) {
  return { ...readCell([clip, configuration, null, null, null, null, null, null, null, null, "", null]), ...more };
}

test("cells are sorted by a column both ways, and those without a value come last in both", () => {
  const cells = [cell(0, 0, { error: 3 }), cell(0, 1), cell(1, 0, { error: -1 })];
  const errors = (/** @type {boolean} */ isDown) =>
    sorted(cells, { column: "error", isDown }, [0, 1]).map(({ error }) => error);
  assert.deepEqual(errors(false), [-1, 3, null]);
  assert.deepEqual(errors(true), [3, -1, null]);
  assert.equal(cells[0].error, 3, "the cells stay in their order");
});

test("energies are sorted within each configuration, in the order of the ranking", () => {
  const cells = [
    cell(0, 0, { energy: -2 }),
    cell(0, 1, { energy: 5 }),
    cell(1, 0, { energy: -3 }),
    cell(1, 1, { energy: 4 }),
  ];
  const energies = sorted(cells, { column: "energy", isDown: false }, ranksOf([1, 0], 2)).map(({ energy }) => energy);
  assert.deepEqual(energies, [4, 5, -3, -2]);
});

test("equal values keep their order", () => {
  const cells = [cell(1, 0, { error: 1 }), cell(0, 0, { error: 1 })];
  assert.deepEqual(sorted(cells, { column: "error", isDown: true }, [0]), cells);
});

test("every word must be found, in the clip or the configuration, whatever its case", () => {
  const cells = [cell(0, 0), cell(1, 1)];
  const places = (/** @type {string} */ words) => found(cells, words, CLIPS, CONFIGURATIONS).map(({ clip }) => clip);
  assert.deepEqual(places("  "), [0, 1]);
  assert.deepEqual(places("CELL depth"), [1]);
  assert.deepEqual(places("attic depth"), []);
});

test("a cell is compared with the first of the ranking that its clip has, and never with itself", () => {
  const ranks = ranksOf([2, 0], 3);
  const ofClip = new Map([
    [0, new Set([0, 1, 2])],
    [1, new Set([1])],
  ]);
  assert.equal(rivalOf(cell(0, 0), ofClip, ranks), 2);
  assert.equal(rivalOf(cell(0, 2), ofClip, ranks), 0);
  assert.equal(rivalOf(cell(1, 1), ofClip, ranks), -1);
});

test("a curve spans its box, breaks where nothing is known, and is level for a single point", () => {
  assert.equal(sparkPath("0z", 10, 20), "M0 20L10 0");
  assert.equal(sparkPath("0.z", 10, 20), "M0 20M10 0");
  assert.equal(sparkPath("z", 10, 20), "M0 0h10");
  assert.equal(sparkPath("", 10, 20), "");
  assert.equal(sparkPath(".", 10, 20), "");
});
