import assert from "node:assert/strict";
import { test } from "node:test";
import { allCommands } from "../../../dashboard/web/commands/command_list.mjs";
import { Commands } from "../../../dashboard/web/commands/commands.mjs";
import { BINDINGS } from "../../../dashboard/web/commands/keys.mjs";
import { matching, placeCommands } from "../../../dashboard/web/commands/palette.mjs";
import { graph } from "../../../dashboard/web/path_graph/opener.mjs";
import { initialViewState } from "../../../dashboard/web/view/view_state.mjs";

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

const ran = [];
const pane = (letter, role, title, detail, key = title) => ({ id: letter || role, letter, role, title, detail, key });
const choice = (title, detail) => ({ open: `mini/${title}/${detail}`, title, detail, key: title });
const CONTEXT = {
  commands: {
    has: () => true,
    serves: () => true,
    isStill: () => false,
    run: (...given) => ran.push(given),
    lists: [],
  },
  letters: "ABCDEFGH",
  data: {
    ptsSeconds: Array.from({ length: 240 }, (_, i) => i / 30),
    speeds: [0.5, 1],
    panes: [
      pane("", "input", "Input", "Image"),
      pane("", "truth", "Ground truth", "Surface normals"),
      pane("A", "prediction", "baseline", "Image → Surface normals"),
      pane("B", "prediction", "consistency", "Image → Surface normals"),
      pane("C", "prediction", "baseline via Depth", "Image → Depth → Surface normals"),
    ],
    choices: ["baseline", "consistency", "baseline via Depth", "consistency via Reshading"].map((one) =>
      choice(one, ""),
    ),
    menus: [
      {
        name: "clip",
        label: "Clip",
        value: "1",
        options: [
          ["1", "Walk through two rooms"],
          ["2", "Phone clip of a room"],
        ],
      },
      { name: "predict", label: "Prediction", value: "normal", options: [["depth", "Image → Depth"]] },
      {
        name: "readout",
        label: "Readout",
        value: "",
        options: [
          ["", "None"],
          ["reshading", "Normals → Reshading"],
        ],
      },
      {
        name: "scale",
        label: "Energy",
        value: "raw",
        options: [
          ["standardised", "Standardised"],
          ["raw", "Raw"],
        ],
      },
    ],
  },
  clip: { firstReady: 0, lastReady: 239 },
  playback: { speed: 1 },
  position: { painted: 0, jump: (frame) => ran.push(frame) },
  view: { state: { ...initialViewState(), loop: [3, 9] } },
  request: (wanted) => ran.push(wanted),
  ui: {},
};
graph.open = () => ran.push("graph");

test("the palette knows the words of the page and of the README", () => {
  const words = `wipe split slider worst flicker blink zoom magnify probe values swap add remove readout depth phone raw
    standardised opacity overlay heatmap theme play loop peak gap bookmark notes region box difference error truth input
    graph paths configuration prediction clip energy speed png csv parquet webm html offline link share help fullscreen
    about move baseline consistency reshading plots solo pane undo`.split(/\s+/);
  const commands = allCommands(CONTEXT);
  for (const word of words) assert.ok(matching(commands, word).length > 0, word);
});

test("every key of the help is in the palette, and every toggle says its state", () => {
  const commands = allCommands(CONTEXT);
  const listed = new Set(commands.map(({ label }) => label));
  const left = ["palette", "close", "solo", "speed"];
  for (const { label, action } of BINDINGS) assert.ok(left.includes(action) || listed.has(label), label);
  const stateOf = (typed) => matching(commands, typed)[0].state;
  assert.deepEqual(["wipe", "loop around", "energy: raw", "speed 1×"].map(stateOf), ["off", "on", "on", "on"]);
});

test("a picture is not offered what needs time", () => {
  const announced = [];
  const commands = new Commands(
    { toggle: () => ran.push("toggle"), worst: () => ran.push("worst"), wipe: () => ran.push("wipe") },
    { isStill: () => true, announce: (text) => announced.push(text) },
  );
  ran.length = 0;
  for (const action of ["toggle", "worst", "wipe", "nothing"]) commands.run(action);
  assert.deepEqual(ran, ["wipe"]);
  assert.deepEqual(announced, Array(2).fill("this is a single picture: there is nothing to play or to search"));
  const helps = allCommands({ ...CONTEXT, commands }).map(({ help }) => help);
  assert.ok(helps.some((help) => help.startsWith("wipe")));
  assert.ok(!helps.some((help) => /play|worst|speed/.test(help)));
});

test("commands for the page ask Python for what they say", () => {
  const commands = allCommands(CONTEXT);
  const ask = (typed) => {
    ran.length = 0;
    matching(commands, typed)[0].run();
    return ran[0];
  };
  assert.deepEqual(ask("phone"), { choose: "clip", value: "2" });
  assert.deepEqual(ask("readout: none"), { choose: "readout", value: "" });
  assert.deepEqual(ask("swap"), { letter: "A", do: "right" });
  assert.deepEqual(ask("remove C"), { letter: "C", do: "remove" });
  assert.deepEqual(ask("add consistency via"), { open: "mini/consistency via Reshading/" });
});

test("a typed place is the first thing found", () => {
  const found = (typed) => {
    ran.length = 0;
    const [first] = placeCommands(CONTEXT, typed);
    first?.run();
    return [first?.help, ran[0]];
  };
  assert.deepEqual(found("100"), ["go to frame 100 · 3.333 s", 100]);
  assert.deepEqual(found("frame 120"), ["go to frame 120 · 4.000 s", 120]);
  assert.deepEqual(found("0:03"), ["go to frame 90 · 3.000 s", 90]);
  assert.deepEqual(found("999"), ["go to frame 239 · 7.967 s (went to the last frame, 239)", 239]);
  assert.deepEqual(found("wipe"), [undefined, undefined]);
});
