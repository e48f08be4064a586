import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenAlignment } from "../../../dashboard/web/tools/aligning.mjs";
import { initialViewState, readViewState, writeViewState } from "../../../dashboard/web/view/view_state.mjs";

const FACTS = { ids: ["A", "B"], nFrames: 10 };

test("relative depths are aligned as they need until the viewer chooses, and no alignment is a choice that a link keeps", () => {
  const chosen = (look, alignBy) => chosenAlignment({ view: { state: readViewState(look, FACTS) }, data: { alignBy } });
  assert.deepEqual(chosen({}, "inverse"), { kind: "inverse", per: "clip", to: "auto" });
  assert.deepEqual(chosen({}, undefined).kind, "none");
  assert.deepEqual(writeViewState(initialViewState()).align, undefined);
  const none = writeViewState({ ...initialViewState(), align: { kind: "none", per: "clip", to: "auto" } });
  assert.equal(none.align, "none~clip~auto");
  assert.equal(chosen(none, "inverse").kind, "none");
});
