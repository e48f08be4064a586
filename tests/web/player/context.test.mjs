import assert from "node:assert/strict";
import { test } from "node:test";
import { completed, sourceOf } from "../../../dashboard/web/player/context.mjs";
import { readViewState } from "../../../dashboard/web/view/view_state.mjs";

globalThis.document = { baseURI: "https://host/page/" };

test("addresses of packs are taken from the base of the page", () => {
  const tracks = { role: "input", packs: [{ url: "packs/a.pack", start: 0, n_frames: 3 }] };
  const { panes, energies, choices } = completed({ panes: [tracks], energies: { A: tracks }, choices: [tracks] });
  for (const { packs } of [panes[0], energies.A, choices[0]])
    assert.equal(packs[0].url, "https://host/page/packs/a.pack");
});

test("a prediction and its readout have one source, and so have truth and its readout", () => {
  assert.equal(sourceOf({ letter: "A", role: "readout" }), sourceOf({ letter: "A", role: "prediction" }));
  assert.equal(sourceOf({ letter: "", role: "truth" }), "truth");
});

test("a link may name only the letters that the data has", () => {
  const facts = { ids: [], nFrames: 9, letters: "ABC" };
  assert.equal(readViewState({ hide: "AC" }, facts).hide, "AC");
  assert.equal(readViewState({ hide: "AD" }, facts).hide, "");
  assert.equal(readViewState({ paths: "D" }, facts).paths, null);
  assert.deepEqual(readViewState({ gap: "energy.C" }, facts).gap, { of: "energy", against: "C" });
  assert.equal(readViewState({ gap: "energy.D" }, facts).gap, null);
  assert.equal(readViewState({ gap: "energy.A" }, facts).gap, null);
});
