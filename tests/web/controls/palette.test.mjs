import assert from "node:assert/strict";
import { test } from "node:test";
import { matching } from "../../../dashboard/web/controls/palette.mjs";

test("a command is found by the beginnings of its words, those that begin with the first one before the others", () => {
  const commands = [
    { help: "play / pause", label: "Space" },
    { help: "show or hide these keys", label: "?" },
    { help: "next frame" },
    { help: "frame after frame" },
    { help: "speed 0.5×" },
  ];
  const found = (typed) => matching(commands, typed).map(({ help }) => commands.findIndex((one) => one.help === help));
  assert.deepEqual(found(""), [0, 1, 2, 3, 4]);
  assert.deepEqual(found("FRAME"), [3, 2]);
  assert.deepEqual(found("fr ne"), [2]);
  assert.deepEqual(found("rame"), []);
  assert.deepEqual([found("speed 0.5"), found("space"), found("?")[0]], [[4], [0], 1]);
});
