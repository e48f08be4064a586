import assert from "node:assert/strict";
import { test } from "node:test";
import { onDemand } from "../../../dashboard/web/commands/on_demand.mjs";

/** The little of a page that a part needs for its place. */
globalThis.document = {
  createElement: () => ({
    style: {},
    children: [],
    append(...all) {
      this.children.push(...all);
    },
    setAttribute() {},
  }),
};

function contextWith(said) {
  return { data: { clip: "one" }, isDestroyed: false, ui: { announce: (text) => said.push(text) } };
}

test("a part is imported by the first of its actions, once, with the data of that moment", async () => {
  const ran = [];
  const context = contextWith([]);
  let imports = 0;
  const part = onDemand(context, ["open", "save"], async () => {
    imports += 1;
    return {
      element: "panel",
      actions: { open: () => ran.push("open"), save: (name) => ran.push(`save ${name}`) },
      update: ({ clip }, isNewClip) => ran.push(`${clip} ${isNewClip}`),
    };
  });
  part.update(context.data, true);
  assert.deepEqual([imports, ran], [0, []]);
  context.data = { clip: "two" };
  await Promise.all([part.actions.save("table"), part.actions.open()]);
  assert.deepEqual([imports, ran], [1, ["two true", "save table", "open"]]);
  part.update({ clip: "three" }, false);
  assert.deepEqual([ran.at(-1), part.element.children], ["three false", ["panel"]]);
});

test("a module that does not come is reported, and asked for again by the next use", async () => {
  const said = [];
  const ran = [];
  let imports = 0;
  const part = onDemand(contextWith(said), ["open"], async () => {
    imports += 1;
    if (imports === 1) throw new Error("no answer");
    return { actions: { open: () => ran.push("open") } };
  });
  await part.actions.open();
  assert.deepEqual([ran, said.length, said[0].includes("no answer")], [[], 1, true]);
  assert.match(said[0], /Reload the page\.$/); // most browsers keep the failure
  await part.actions.open();
  assert.deepEqual([ran, said.length], [["open"], 1]);
});

test("a part that comes after the player has ended is ended itself", async () => {
  const context = contextWith([]);
  const ran = [];
  const part = onDemand(context, ["open"], async () => {
    context.isDestroyed = true;
    return { actions: { open: () => ran.push("open") }, destroy: () => ran.push("ended") };
  });
  await part.actions.open();
  assert.deepEqual(ran, ["ended"]);
});
