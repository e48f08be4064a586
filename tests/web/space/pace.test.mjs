import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../../../dashboard/web/space/pace.mjs";

const TRIANGLES = 2 * 255 * 255;

test("a GPU draws everything, whatever moves", () => {
  const pace = new Pace("ANGLE (NVIDIA GeForce RTX 3060)");
  for (let i = 0; i < 9; i += 1) pace.note(TRIANGLES, 0.3);
  assert.equal(pace.coarser(8, TRIANGLES), 1);
});

test("without a GPU a moving surface is coarser from the first paint on, the more panes the more", () => {
  const pace = new Pace("ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)), SwiftShader driver)");
  assert.deepEqual(
    [1, 3, 8].map((panes) => pace.coarser(panes, TRIANGLES)),
    [2, 2, 4],
  );
  assert.equal(pace.coarser(1, 2 * 31 * 31), 1);
});

test("what is measured replaces what was assumed, in both directions", () => {
  const pace = new Pace("SwiftShader");
  for (let i = 0; i < 30; i += 1) pace.note(TRIANGLES, 5);
  assert.equal(pace.coarser(2, TRIANGLES), 1);
  for (let i = 0; i < 30; i += 1) pace.note(TRIANGLES, 400);
  assert.equal(pace.coarser(2, TRIANGLES), 4);
  pace.note(0, 50);
  assert.ok(Number.isFinite(pace.costMs));
});
