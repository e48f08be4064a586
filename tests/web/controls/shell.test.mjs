import assert from "node:assert/strict";
import { test } from "node:test";
import { Shell } from "../../../dashboard/web/controls/shell.mjs";

/** The little of a page that the help needs. */
const made = [];
globalThis.document = {
  createElement: (tag) => {
    const one = {
      tag,
      append() {},
      setAttribute() {},
      addEventListener() {},
      classList: { add() {} },
      open: false,
      isConnected: false,
    };
    one.showModal = () => {
      one.open = true;
    };
    made.push(one);
    return one;
  },
};
globalThis.window = { matchMedia: () => ({ matches: false }) };

test("two presses while the help loads make and open one", async () => {
  const before = (/** @type {{isConnected: boolean}} */ help) => {
    help.isConnected = true;
  };
  const shell = { help: null, spoken: { before }, announce: (text) => assert.fail(text) };
  await Promise.all([Shell.prototype.openHelp.call(shell), Shell.prototype.openHelp.call(shell)]);
  assert.deepEqual(
    made.filter(({ tag }) => tag === "dialog").map(({ open }) => open),
    [true],
  );
});
