import assert from "node:assert/strict";
import { test } from "node:test";
import { orbited, topCamera } from "../../../dashboard/web/space/camera.mjs";
import { MAX_LETTERS } from "../../../dashboard/web/view/pane_view_state.mjs";
import { initialViewState, readViewState, writeViewState } from "../../../dashboard/web/view/view_state.mjs";

const FACTS = { ids: ["A"], nFrames: 3 };

test("a view in space comes back from its link, which Python passes on", () => {
  const camera = { ...orbited(topCamera(12345.678), -170.125, -33.3), target: [-1234.567, 0.001, 99999.999] };
  const chosen = {
    ...initialViewState(),
    camera,
    surface: { name: "tear", tolerance: 0.1 },
    colour: "shade",
    gaps: "hatched",
    fov: 68.5,
    film: {
      kind: "orbit",
      from: [0.5, 0.5, 1],
      to: [0.4123, 0.55, 1.75],
      depth: 0.85,
      focus: 0.012345,
      motion: "loop",
      ease: "linear",
      seconds: 7.5,
    },
  };
  const texts = writeViewState(chosen);
  for (const text of Object.values(texts)) assert.match(text, new RegExp(`^[A-Za-z0-9.,~_-]{1,${MAX_LETTERS}}$`));
  const found = readViewState(texts, FACTS);
  assert.deepEqual(
    [found.surface, found.colour, found.gaps, found.fov],
    [chosen.surface, chosen.colour, chosen.gaps, chosen.fov],
  );
  assert.deepEqual(found.film, chosen.film);
  assert.ok(Math.abs(found.camera.yaw - camera.yaw) < 1e-3);
  assert.deepEqual(found.camera.target, camera.target);
});

test("the camera of the clip is a word in the link", () => {
  assert.equal(writeViewState({ ...initialViewState(), camera: "clip" }).camera, "clip");
  assert.equal(readViewState({ camera: "clip" }, FACTS).camera, "clip");
});

test("a link that states nonsense shows the default", () => {
  for (const [name, text] of [
    ["camera", "1~2~3~4~5"],
    ["camera", "1~2~0~4~5~6"],
    ["camera", "1~90~3~4~5~6"],
    ["camera", "1~2~NaN~4~5~6"],
    ["surface", "tear~0"],
    ["surface", "tear~9"],
    ["surface", "points~1"],
    ["surface", "glass"],
    ["colour", "__proto__"],
    ["gaps", "shut"],
    ["film", "zoom~0.5~0.5~1~0.5~0.5~1.25~1~2~once~smooth"],
    ["film", "zoom~0.5~0.5~1~0.5~0.5~1.25~1~2~once~smooth~4~1"],
    ["film", "spin~0.5~0.5~1~0.5~0.5~1.25~1~2~once~smooth~4"],
    ["film", "zoom~0.5~0.5~1~0.5~0.5~1.25~1~0~once~smooth~4"],
    ["film", "zoom~0.5~0.5~1~0.5~0.5~99~1~2~once~smooth~4"],
    ["film", "zoom~0.5~0.5~1~0.5~NaN~1.25~1~2~once~smooth~4"],
    ["film", "zoom~0.5~0.5~1~0.5~0.5~1.25~1~2~once~smooth~9999"],
    ["fov", "180"],
    ["fov", "-5"],
  ])
    assert.deepEqual(readViewState({ [name]: text }, FACTS), initialViewState(), `${name} ${text}`);
});
