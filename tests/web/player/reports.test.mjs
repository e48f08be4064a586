import assert from "node:assert/strict";
import { test } from "node:test";
import { Reports } from "../../../dashboard/web/player/reports.mjs";
import { FIELDS } from "../../../dashboard/web/view/view_state.mjs";

const FILM = {
  kind: "zoom",
  from: [0.5, 0.5, 1],
  to: [0.6, 0.5, 1.25],
  depth: 1,
  focus: 2,
  motion: "pingpong",
  ease: "smooth",
  seconds: 4,
};

test("a path that is being edited waits as a zoom does, so that it is one step of the Back button", () => {
  const initial = Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.initial]));
  const player = {
    data: { clip: "one" },
    position: { wanted: 3 },
    playback: { speed: 1 },
    view: { state: { ...initial, film: FILM } },
  };
  const reports = new Reports(player);
  reports.acknowledge();
  player.view.state = { ...player.view.state, film: { ...FILM, to: [0.7, 0.5, 1.5] } };
  assert.equal(reports.isZooming(), true);
  player.position.wanted = 4;
  assert.equal(reports.isZooming(), false);
});
