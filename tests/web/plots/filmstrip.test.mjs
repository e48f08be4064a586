import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureDomain } from "../../../dashboard/web/plots/filmstrip.mjs";

test("the pictures of the worst frames are aligned as their pane is, or say that they are not", () => {
  const domain = { name: "depth", lo: 0, hi: 1 };
  const aligned = { ...domain, lo: 0.1, hi: 16, alignment: { kind: "scale", scale: 2, shift: 0, problem: "", to: 0 } };
  const pane = { id: "A", domain };
  const stage = { panes: [{ id: "truth" }, { id: "A" }], plans: [{ domain }, { domain: aligned }] };
  assert.deepEqual(pictureDomain(pane, stage, "clip"), { domain: aligned, note: "" });
  assert.deepEqual(pictureDomain(pane, stage, "frame"), { domain, note: "pictures not aligned" });
  const plain = { ...stage, plans: [{ domain }, { domain }] };
  for (const per of ["clip", "frame"]) assert.deepEqual(pictureDomain(pane, plain, per), { domain, note: "" });
  assert.deepEqual(pictureDomain(pane, { panes: [], plans: [] }, "clip"), { domain, note: "" });
});
