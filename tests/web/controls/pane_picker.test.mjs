import assert from "node:assert/strict";
import { test } from "node:test";
import { filtered, sectionsOf, sectionsToAdd } from "../../../dashboard/web/controls/pane_picker.mjs";

const choice = (method, via = "") => ({
  open: `mini/${method}/rgb-${via ? `${via}-` : ""}normal`,
  key: `${method} ${via}`,
  title: via ? `${method} via ${via}` : method,
  heading: method,
  detail: via ? `via ${via}` : "Image → Surface normals",
});
const CHOICES = [choice("baseline"), choice("consistency"), choice("baseline", "depth"), choice("cycle", "depth")];
const opens = (sections) => sections.map(({ choices }) => choices.map(({ open }) => open.slice(5)));

test("a pane's menu offers the same method by other paths first", () => {
  const found = sectionsOf(CHOICES, CHOICES[0]);
  assert.deepEqual(
    found.map(({ title }) => title),
    ["Show baseline via", "Other configurations"],
  );
  assert.deepEqual(opens(found), [
    ["baseline/rgb-normal", "baseline/rgb-depth-normal"],
    ["consistency/rgb-normal", "cycle/rgb-depth-normal"],
  ]);
});

test("a method with one path has no other way to be shown, but stands in the menu", () => {
  const sections = sectionsOf(CHOICES, CHOICES[1]);
  assert.equal(sections.length, 1);
  assert.ok(sections[0].choices.includes(CHOICES[1]));
});

test("what is added is suggested first, and what is shown is left out", () => {
  const found = sectionsToAdd(CHOICES, CHOICES[3].open, new Set([CHOICES[0].key]));
  assert.deepEqual(opens(found), [["cycle/rgb-depth-normal"], ["consistency/rgb-normal", "baseline/rgb-depth-normal"]]);
});

test("typing keeps what holds every word, in any case", () => {
  const sections = sectionsOf(CHOICES, undefined);
  assert.deepEqual(opens(filtered(sections, "DEPTH base")), [["baseline/rgb-depth-normal"]]);
  assert.deepEqual(filtered(sections, "nothing"), []);
  assert.equal(filtered(sections, "  ")[0].choices.length, 4);
});
