// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Answers, assigned, groupOf, groupOfKey, listed, saidOf } from "../../../dashboard/web/study/group_lists.mjs";

const CLIPS = ["Walk through rooms", "Yard", "Phone clip"].map((title, at) => ({ id: `k${at}`, title }));

test("a clip is in one group at a time, whichever way it was assigned", () => {
  let groups = assigned({ a: [], b: [] }, ["k0", "k1"], "a");
  assert.deepEqual(groups, { a: ["k0", "k1"], b: [] });
  groups = assigned(groups, ["k1"], "b");
  assert.deepEqual(groups, { a: ["k0"], b: ["k1"] });
  assert.deepEqual(
    ["k0", "k1", "k2"].map((id) => groupOf(groups, id)),
    ["a", "b", ""],
  );
  assert.deepEqual(assigned(groups, ["k0"], ""), { a: [], b: ["k1"] });
  assert.deepEqual(assigned(groups, ["k0"], "a"), groups);
});

test("every clip is listed in exactly one box, and a search leaves the groups alone", () => {
  const groups = { a: ["k2", "gone"], b: [] };
  const boxes = /** @type {const} */ (["a", "b", ""]).map((group) =>
    listed(CLIPS, groups, group, "").map(({ id }) => id),
  );
  assert.deepEqual(boxes, [["k2"], [], ["k0", "k1"]]);
  assert.deepEqual(
    listed(CLIPS, groups, "a", "yard").map(({ id }) => id),
    ["k2"],
  );
  assert.deepEqual(
    listed(CLIPS, groups, "", "ROOMS walk").map(({ id }) => id),
    ["k0"],
  );
  assert.deepEqual(listed(CLIPS, groups, "", "rooms yard"), []);
});

test("keys assign, other keys do nothing", () => {
  assert.deepEqual(["a", "B", "Delete", "Backspace", "c", "Enter"].map(groupOfKey), ["a", "b", "", "", null, null]);
});

test("what was done is said with the sizes of the groups", () => {
  assert.equal(saidOf([CLIPS[1]], "b", { a: ["k0"], b: ["k1"] }), "Yard: in group B. A has 1, B has 1.");
  assert.equal(saidOf(CLIPS, "", { a: [], b: [] }), "3 clips: not assigned. A has 0, B has 0.");
});

test("an answer to an older change does not undo a newer one, and another link is news", () => {
  const answers = new Answers();
  const [first, second, other] = [
    { a: ["k0"], b: [] },
    { a: ["k0"], b: ["k1"] },
    { a: [], b: [] },
  ];
  assert.equal(answers.isNews(other), true);
  answers.sent(first);
  answers.sent(second);
  assert.equal(answers.isNews(first), false);
  assert.equal(answers.isNews(second), false);
  assert.equal(answers.isNews(other), true);
  answers.sent(first);
  answers.sent(second);
  assert.equal(answers.isNews(second), false); // Streamlit may answer only the last of several
  assert.equal(answers.isNews(first), true); // Back to the link before
});
