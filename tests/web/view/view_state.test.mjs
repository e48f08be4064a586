import assert from "node:assert/strict";
import { test } from "node:test";
import { initialViewState, readViewState, writeViewState } from "../../../dashboard/web/view/view_state.mjs";

test("the panes' view state survives a round trip through text that fits a link", () => {
  const facts = { ids: ["input", "A", "B"], nFrames: 50 };
  const chosen = {
    ...initialViewState(),
    zoom: { scale: 4.5, x: 0.25, y: 0.125 },
    wipe: { first: "A", second: "B", at: 0.25, isUpright: false },
    diff: "truth",
    align: { kind: "inverse", per: "frame", to: "B" },
    reach: { normal: 45, energy: 0.02 },
    overlay: { opacity: 0.6, from: -1.5 },
    maps: {
      depth: { map: "magma", lo: null, hi: 8 },
      energy: { map: null, lo: -2, hi: 12.5 },
      edge2d: { map: "grey", lo: null, hi: null },
    },
    probe: [12, 255],
    size: 61.5,
  };
  const texts = writeViewState(chosen);
  assert.deepEqual(
    Object.values(texts).every((text) => /^[A-Za-z0-9.,~_-]{1,100}$/.test(text)),
    true,
  );
  assert.deepEqual(readViewState(texts, facts), chosen);
});

test("invalid texts for panes leave the default", () => {
  const facts = { ids: ["input", "A", "B"], nFrames: 50 };
  const nonsense = {
    zoom: ["1~0.5~0.5", "4~2~0.5", "4~0.5", "a~b~c", "4e3~0.5~0.5", "-4~0~0"],
    wipe: ["A~A~0.5~v", "A~C~0.5~v", "A~B~2~v", "A~B~0.5~x", "A~B", "A~B~0.5~v~v"],
    diff: ["<b>", "a b"],
    align: ["twice", "scale~hour", "scale~clip~<b>", "scale~clip~A~B"],
    reach: ["normal~0", "normal~-3", "normal", "normal~4~5", "~3", "__proto__~3"],
    overlay: ["2~0", "0.5", "x~y"],
    maps: ["depth~rainbow", "depth~magma~x", "~magma", "__proto__~magma"],
    probe: ["1", "-1~2", "1~2~3"],
    size: ["1", "200", "x"],
  };
  for (const [name, texts] of Object.entries(nonsense)) {
    for (const text of texts)
      assert.deepEqual(
        [name, text, readViewState({ [name]: text }, facts)[name]],
        [name, text, initialViewState()[name]],
      );
  }
});

test("a text that would be too long leaves out the oldest entries", () => {
  const reach = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`domain${i}`, 5]));
  const text = writeViewState({ ...initialViewState(), reach }).reach;
  assert.deepEqual([text.length <= 100, text.includes("domain29"), text.includes("domain0~")], [true, true, false]);
});

test("a view state survives a round trip through text, and the default writes none", () => {
  const facts = { ids: ["input", "A", "B"], nFrames: 50 };
  const more = {
    span: [3, 20],
    hide: "AC",
    gap: { of: "error2", against: "D" },
    region: [1, 0, 7, 1],
    panel: "worst",
    rank: { by: "energy", pane: "A2" },
    paths: "C",
    strip: "stability",
    brush: { plot: "pair", box: [-1.5, 2, 1e-7, 3] },
  };
  const chosen = { ...initialViewState(), loop: [3, 49], solo: "B", ...more };
  assert.deepEqual(readViewState(writeViewState(chosen), facts), chosen);
  assert.deepEqual(writeViewState(initialViewState()), {});
  assert.deepEqual(readViewState({}, facts), initialViewState());
});

test("texts that do not fit this clip leave the default", () => {
  const facts = { ids: ["input", "A"], nFrames: 50 };
  for (const loop of ["3-50", "9-3", "4-4", "-1-3", "a", "", "1-2-3", null, 7, ["1-2"]]) {
    assert.deepEqual(readViewState({ loop }, facts).loop, null);
  }
  const nonsense = {
    region: ["1-2-0-4", "1-2-3", "a"],
    panel: ["nope"],
    rank: ["energy", "a.b.c"],
    paths: ["AB", "Z"],
    strip: ["error", "nothing", "<b>"],
    brush: ["pair~1~2~3", "pair~2~1~0~1", "all~0~1~0~1", "pair~a~1~0~1"],
    hide: ["Z"],
    gap: ["energy.A"],
    span: ["9-3"],
  };
  for (const [name, texts] of Object.entries(nonsense)) {
    for (const text of texts) assert.deepEqual(readViewState({ [name]: text }, facts), initialViewState());
  }
  assert.deepEqual(readViewState({ solo: "B", constructor: "x", toString: "1" }, facts), initialViewState());
});

test("bookmarks in a link survive a round trip, as many as fit", () => {
  const roundTrip = (marks) =>
    readViewState(writeViewState({ ...initialViewState(), marks }), { ids: [], nFrames: 1e6 }).marks;
  assert.deepEqual(roundTrip([3, 10, 22]), [3, 10, 22]);
  const many = Array.from({ length: 40 }, (_, i) => 100_000 + i);
  assert.deepEqual(roundTrip(many), many.slice(0, 14));
  for (const marks of ["x", "1.", "1..2", "999999999", "-1", "1e3"]) {
    assert.deepEqual([marks, readViewState({ marks }, { ids: [], nFrames: 5 }).marks], [marks, []]);
  }
});
