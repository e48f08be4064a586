import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../../../dashboard/web/drawing/compose.mjs";
import { possibleExtras, withExtraPanes } from "../../../dashboard/web/view/extra_panes.mjs";
import { initialViewState, readViewState, writeViewState } from "../../../dashboard/web/view/view_state.mjs";

const normal = { name: "normal", channels: 3, meaning: "direction", lo: -1, hi: 1, scale: "linear", unit: "" };
const sigma = { name: "energy", channels: 1, lo: -4, hi: 12, scale: "linear", unit: "σ", colour_map: "inferno" };
const pane = (id, role, letter, column) => ({
  id,
  role,
  letter,
  title: id,
  row: 0,
  column,
  key: id,
  domain: normal,
  packs: [],
});
const energy = (key) => ({ key, domain: sigma, packs: [], paths: [], mu: [], sigma: [] });
const data = {
  panes: [
    pane("input", "input", "", 0),
    pane("truth", "truth", "", 1),
    pane("A", "prediction", "A", 2),
    pane("B", "prediction", "B", 3),
  ],
  energies: { A: energy("eA"), B: energy("eB") },
};

test("maps of the change over time stand under the energies, are never compared, and only where they are stored", () => {
  const change = { key: "sA", domain: { ...sigma, name: "stability", unit: "%", invalid: 1 }, packs: [] };
  const whole = { ...data, stabilities: { A: change } };
  assert.deepEqual(possibleExtras(whole), ["difference", "energy", "stability"]);
  assert.deepEqual(possibleExtras(data), ["difference", "energy"]);
  const { panes } = withExtraPanes(whole, ["energy", "stability"]);
  assert.deepEqual(
    panes.slice(6).map(({ id, role, row, column, key }) => [id, role, row, column, key]),
    [["stabilityA", "stability", 2, 2, "sA"]],
  );
  const plan = plansOf(panes, { diff: "truth", reach: {}, maps: {} })[6];
  assert.deepEqual([plan.role, plan.scale?.unit], ["", "%"]);
  assert.equal(plan.table?.[255], 0xff808080, "what was not seen before is grey, not the strongest change");
  assert.notEqual(plan.table?.[254], 0xff808080);
  const look = readViewState({ panes: "energy.stability" }, { ids: [], nFrames: 9 });
  assert.equal(writeViewState(look).panes, "energy.stability");
});

test("maps of a confidence stand below, grey where unknown, in their own colours", () => {
  const domain = { ...sigma, name: "confidence", unit: "", lo: 0, hi: 2, colour_map: "viridis", invalid: 1 };
  const { panes } = withExtraPanes({ ...data, confidences: { B: { key: "cB", domain, packs: [] } } }, ["confidence"]);
  assert.deepEqual(
    panes.slice(4).map(({ id, role, row, key }) => [id, role, row, key]),
    [["confidenceB", "confidence", 1, "cB"]],
  );
  const plan = plansOf(panes, { diff: "truth", reach: {}, maps: {} })[4];
  assert.deepEqual([plan.role, plan.domain.name, plan.table?.[255]], ["", "confidence", 0xff808080]);
});

test("the difference stands after the predictions and shows B's pictures, the energies stand under theirs", () => {
  const { panes } = withExtraPanes(data, ["difference", "energy"]);
  assert.deepEqual(
    panes.slice(4).map(({ id, letter, role, row, column, key }) => [id, letter, role, row, column, key]),
    [
      ["difference", "", "difference", 0, 4, "B"],
      ["energyA", "A", "energy", 1, 2, "eA"],
      ["energyB", "B", "energy", 1, 3, "eB"],
    ],
  );
  assert.equal(withExtraPanes(data, []), data);
});

test("what is not stored is not offered", () => {
  assert.deepEqual(possibleExtras(data), ["difference", "energy"]);
  assert.deepEqual(possibleExtras({ panes: data.panes.slice(0, 3), energies: {} }), []);
});

test("the pane B - A is compared with A whatever the others are compared with, and energies with nothing", () => {
  const { panes } = withExtraPanes(data, ["difference", "energy"]);
  for (const diff of [null, "auto", "truth", "A"]) {
    const plans = plansOf(panes, { diff, reach: {}, maps: {} });
    assert.deepEqual([plans[4].role, plans[4].reference, plans[4].kind], ["compared", 2, "angle"]);
    assert.deepEqual([plans[5].role, plans[5].scale.unit, plans[6].role], ["", "σ", ""]);
  }
  assert.equal(plansOf(panes, { diff: null, reach: {}, maps: {} })[3].role, "");
});

test("added panes are in the link, and an unknown one is refused", () => {
  const facts = { ids: [], nFrames: 1 };
  const state = { ...initialViewState(), panes: ["difference", "energy"] };
  assert.equal(writeViewState(state).panes, "difference.energy");
  assert.deepEqual(readViewState({ panes: "difference.energy" }, facts).panes, ["difference", "energy"]);
  assert.deepEqual(readViewState({ panes: "difference.everything" }, facts).panes, []);
  assert.equal("panes" in writeViewState(initialViewState()), false);
});
