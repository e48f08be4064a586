import assert from "node:assert/strict";
import { test } from "node:test";
import { readNotes } from "../../../dashboard/web/controls/notes.mjs";

test("invalid bookmarks are left out", () => {
  for (const text of [null, "", "{", "7", "[1]", "[[1]]", '[[-1,""],[10,""],[1.5,""]]']) {
    assert.deepEqual([text, ...readNotes(text, 10)], [text]);
  }
  const long = JSON.stringify([
    [9, "x".repeat(300)],
    [2, "<b>"],
  ]);
  assert.deepEqual(
    [...readNotes(long, 10)],
    [
      [2, "<b>"],
      [9, "x".repeat(200)],
    ],
  );
});
