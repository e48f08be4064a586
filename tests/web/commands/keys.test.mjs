import assert from "node:assert/strict";
import { test } from "node:test";
import { BINDINGS, bindingOf, chord, isForPlayer } from "../../../dashboard/web/commands/keys.mjs";

test("keys are recognised with Shift, without Alt, and r and c stay unbound", () => {
  const press = (key, more = {}) =>
    bindingOf({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });
  const does = (binding) => binding && [binding.action, binding.value];
  assert.deepEqual(does(press(" ")), ["toggle", undefined]);
  assert.deepEqual(does(press("N", { shiftKey: true })), ["peak", -1]);
  assert.deepEqual(does(press("N")), ["peak", 1]); // Caps Lock
  assert.deepEqual(does(press("?", { shiftKey: true })), ["help", undefined]);
  assert.deepEqual(does(press("ArrowLeft", { shiftKey: true })), ["step", -10]);
  assert.deepEqual(
    [press("ArrowLeft", { altKey: true }), press("r"), press("c"), press("Tab")],
    [null, null, null, null],
  );
});

test("a key press is spelled as in the table, and left to the browser with Alt, Ctrl or Command, but for the palette", () => {
  const spelled = (key, more = {}) =>
    chord({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });
  assert.deepEqual(
    [spelled(" "), spelled("a"), spelled("A", { shiftKey: true }), spelled("Home", { shiftKey: true })],
    ["Space", "a", "Shift+A", "Shift+Home"],
  );
  assert.deepEqual(
    [spelled("k", { ctrlKey: true }), spelled("K", { metaKey: true }), spelled("k", { ctrlKey: true, shiftKey: true })],
    ["Ctrl+K", "Ctrl+K", null],
  );
  assert.deepEqual([spelled("s", { ctrlKey: true }), spelled("ArrowLeft", { altKey: true })], [null, null]);
});

test("brackets are recognised on keyboards that type them with Alt or AltGr", () => {
  const press = (key, more) =>
    bindingOf({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more })?.action;
  assert.deepEqual(press("[", { altKey: true }), "loopIn"); // Option + 5, a German Mac
  assert.deepEqual(press("]", { altKey: true, ctrlKey: true }), "loopOut"); // AltGr + 9, German Windows
  assert.deepEqual(press("\\", { altKey: true, shiftKey: true }), "loopClear");
  const ofTheBrowser = [{ ctrlKey: true }, { metaKey: true }, { metaKey: true, altKey: true }];
  assert.deepEqual(
    ofTheBrowser.map((more) => press("[", more)),
    [undefined, undefined, undefined],
  );
  assert.deepEqual(press("n", { altKey: true }), undefined);
});

test("on non-Latin layouts, keys are recognised by position", () => {
  const press = (key, code, shiftKey = false) =>
    bindingOf({ key, code, shiftKey, altKey: false, ctrlKey: false, metaKey: false })?.action;
  const latin = (key, shiftKey = false) => press(shiftKey ? key.toUpperCase() : key, "", shiftKey);
  assert.deepEqual(
    [press("т", "KeyN"), press("Т", "KeyN", true), press("ν", "KeyN")],
    [latin("n"), latin("n", true), latin("n")],
  );
  assert.deepEqual([press("ü", "KeyN"), press("ł", "KeyN")], [undefined, undefined]);
});

test("only a slider responds to slider keys", () => {
  const press = (key, isOnSlider) =>
    bindingOf({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false }, isOnSlider)?.value;
  const names = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "ArrowLeft"];
  assert.deepEqual(
    names.map((key) => press(key, true)),
    [1, -1, 10, -10, -1],
  );
  assert.deepEqual(
    names.map((key) => press(key, false)),
    [undefined, undefined, undefined, undefined, -1],
  );
});

test("no key has two meanings, and every key has a label, a text and a group in the help", () => {
  const all = BINDINGS.flatMap((binding) => binding.keys);
  assert.deepEqual(new Set(all).size, all.length);
  assert.ok(BINDINGS.every(({ label, help, group }) => label && help && group));
});

/** Stands in for an element that is all of these: a selector list matches it by any of its parts. */
const like = (...parts) => ({
  matches: (selector) => selector.split(/, (?![^(]*\))/).some((one) => parts.includes(one)),
});
const FIELD = like("input", "input:not([type=checkbox], [type=radio], [type=button], [type=range])");
const BODY = like("body");

test("keys act wherever no field, menu or dialog has the focus", () => {
  const acts = (name, ...path) => isForPlayer(name, [...path, BODY], null);
  for (const name of ["Space", "ArrowLeft", "Home", "n", "?"]) assert.equal(acts(name), true, name);
  for (const inside of [FIELD, like("select"), like("[role=combobox]"), like("[role=listbox]"), like("textarea")])
    for (const name of ["Space", "ArrowLeft", "n", "?"]) assert.equal(acts(name, inside), false, name);
  assert.equal(acts("n", like("button"), like("dialog")), false);
  assert.equal(acts("n", like("span"), like("[role=dialog]")), false);
});

test("a focused button keeps Space and Enter, a slider its arrows, and both leave the other keys", () => {
  const acts = (name, own) => isForPlayer(name, [like(own), BODY], null);
  assert.deepEqual(
    [acts("Space", "button"), acts("Enter", "a[href]"), acts("Space", "summary")],
    [false, false, false],
  );
  assert.deepEqual([acts("n", "button"), acts("ArrowRight", "button"), acts("Home", "button")], [true, true, true]);
  const moved = ["ArrowRight", "Shift+ArrowLeft", "Home", "PageUp"];
  assert.deepEqual(
    moved.map((name) => acts(name, "[role=slider]")),
    [false, false, false, false],
  );
  assert.equal(acts("n", "[role=slider]"), true);
  const scrubber = like("[role=slider]");
  assert.equal(isForPlayer("ArrowRight", [scrubber, BODY], scrubber), true);
});
