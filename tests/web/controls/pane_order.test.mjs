import assert from "node:assert/strict";
import { test } from "node:test";
import { arranged, reordered } from "../../../dashboard/web/controls/pane_order.mjs";

const ALL = "ABCDEFGH";

test("an arrangement puts letters in their new order, as the server does", () => {
  const letters = ["A", "B", "C"];
  assert.deepEqual(arranged(letters, "A", { do: "right" }, ALL), ["B", "A", "C"]);
  assert.deepEqual(arranged(letters, "C", { do: "left" }, ALL), ["A", "C", "B"]);
  assert.deepEqual(arranged(letters, "C", { to: "A" }, ALL), ["C", "A", "B"]);
  assert.deepEqual(arranged(letters, "A", { to: "C" }, ALL), ["B", "C", "A"]);
  assert.deepEqual(arranged(letters, "B", { do: "remove" }, ALL), ["A", "C"]);
  assert.deepEqual(arranged(letters, "B", { do: "duplicate" }, ALL), ["A", "B", "B", "C"]);
});

test("an arrangement beyond the ends, of two that must stay, or of no one changes nothing", () => {
  assert.equal(arranged(["A", "B"], "A", { do: "left" }, ALL), null);
  assert.equal(arranged(["A", "B"], "B", { do: "right" }, ALL), null);
  assert.equal(arranged(["A", "B"], "B", { do: "remove" }, ALL), null);
  assert.equal(arranged(["A", "B"], "A", { to: "A" }, ALL), null);
  assert.equal(arranged(["A", "B"], "Z", { to: "A" }, ALL), null);
  assert.equal(arranged([...ALL], "A", { do: "duplicate" }, ALL), null);
});

const pane = (letter, role, key, column) => ({ id: letter + role, letter, role, key, row: 0, column });
const data = {
  panes: [
    pane("", "input", "i", 0),
    pane("A", "prediction", "a", 1),
    pane("B", "prediction", "b", 2),
    pane("A", "readout", "a2", 1),
    pane("B", "readout", "b2", 2),
  ],
  energies: { A: { key: "ea" }, B: { key: "eb" } },
  stabilities: { A: { key: "sa" }, B: { key: "sb" } },
  confidences: { A: { key: "ca" }, B: { key: "cb" } },
};

test("panes, readouts and energies change places together, and twice is as before", () => {
  const swapped = reordered(data, ["A", "B"], ["B", "A"]);
  assert.deepEqual(
    swapped.panes.map(({ id, key, column }) => [id, key, column]),
    [
      ["input", "i", 0],
      ["Aprediction", "b", 1],
      ["Bprediction", "a", 2],
      ["Areadout", "b2", 1],
      ["Breadout", "a2", 2],
    ],
  );
  assert.deepEqual(
    [swapped.energies, swapped.stabilities, swapped.confidences].map(({ A }) => A.key),
    ["eb", "sb", "cb"],
  );
  assert.deepEqual(reordered(swapped, ["A", "B"], ["B", "A"]), data);
});

test("where a configuration lacks what another has, the server decides", () => {
  const without = { ...data, panes: data.panes.slice(0, 4) };
  assert.equal(reordered(without, ["A", "B"], ["B", "A"]), null);
  assert.equal(reordered({ ...data, energies: { A: { key: "ea" } } }, ["A", "B"], ["B", "A"]), null);
  assert.equal(reordered(data, ["A", "B"], ["A"]), null);
});
