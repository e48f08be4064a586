import assert from "node:assert/strict";
import { test } from "node:test";
import { deedsOf } from "../../../dashboard/web/asking/request_list.mjs";

const row = { id: "1", title: "t", state: "waiting", text: "", share: null, clip: "", isLive: true, canRetry: false };

test("what is offered for a request follows from its state", () => {
  assert.deepEqual(deedsOf(row), ["cancel"]);
  assert.deepEqual(deedsOf({ ...row, state: "running", clip: "k" }), ["open", "cancel"]);
  assert.deepEqual(deedsOf({ ...row, state: "stopping" }), []);
  assert.deepEqual(deedsOf({ ...row, state: "done", isLive: false, clip: "k" }), ["open", "delete"]);
  assert.deepEqual(deedsOf({ ...row, state: "failed", isLive: false, canRetry: true }), ["again", "delete"]);
});
