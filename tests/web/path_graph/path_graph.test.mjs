import assert from "node:assert/strict";
import { test } from "node:test";
import { disagreement, lineWidth, missingMark, Picker } from "../../../dashboard/web/path_graph/path_graph.mjs";

test("paths that disagree less than usual still differ in width, and no energy breaks a line", () => {
  const widths = [-9, -3, -2, -1, 0, 1, 3, 9].map(lineWidth);
  assert.deepEqual(
    widths,
    [...widths].sort((a, b) => a - b),
  );
  assert.ok(lineWidth(-2) < lineWidth(-1) && lineWidth(-1) < lineWidth(0));
  assert.equal(lineWidth(-9), lineWidth(-3));
  assert.equal(lineWidth(null), 2);
});

test("a path with a number and no picture lacks the picture, one without a number is not computed", () => {
  assert.equal(missingMark(-1.57, true), "picture not stored");
  assert.equal(missingMark(null, true), "not computed");
  assert.equal(missingMark(-1.57, false), "");
});

test("a disagreement is said with its side of the mean, and without one nothing is said", () => {
  assert.match(disagreement(-1.4, undefined, 3), /less than usual \(1\.40\sσ below the mean of validation images\)/);
  assert.match(disagreement(0.3, -0.2, 3), /more than usual \(0\.30\sσ above .*; −0\.20\sσ in frame 3\)/);
  assert.equal(disagreement(null, 1, 3), "");
});

test("the graph is opened once where its button was pressed twice while it loaded", () => {
  const panel = {
    open: false,
    showModal() {
      assert.equal(this.open, false);
      this.open = true;
    },
  };
  const picker = { panel, host: { append() {} }, theme: { apply() {} }, draw() {}, uncover() {} };
  Picker.prototype.open.call(picker);
  Picker.prototype.open.call(picker);
  assert.equal(panel.open, true);
});
