// @ts-check
/** All that the palette offers: the keys' actions, those of parts, and what the page's own menus and buttons do. */

import { graph } from "../path_graph/opener.mjs";
import { setTheme, THEMES } from "../ui/theme.mjs";
import { BINDINGS } from "./keys.mjs";

/**
 * @typedef {import("../player/context.mjs").Command} Command
 * @typedef {import("../player/context.mjs").Context} Context
 */

/** What people call a menu of the page beside its name. @type {Record<string, string>} */
const MENU_WORDS = { clip: "video", predict: "target task domain", readout: "second path", scale: "energy scale" };

/** @param {Context} context @returns {Command[]} */
export function allCommands(context) {
  const { commands, data, playback } = context;
  return [
    ...fromKeys(context),
    ...commands.lists.flatMap((list) => list()),
    ...panes(context),
    ...configurations(context),
    ...menus(context),
    ...(commands.isStill() ? [] : data.speeds).map((speed) => ({
      help: `speed ${speed}×`,
      state: playback.speed === speed ? "on" : "",
      run: () => playback.setSpeed(speed),
    })),
    ...(graph.open
      ? [{ help: "graph of paths and readouts", words: "network nodes edges choose arrange", run: graph.open }]
      : []),
    {
      help: "about consistency: what this page shows",
      words: "help paper",
      run: () => window.location.assign(`about${window.location.search}`),
    },
    ...THEMES.map((name) => ({
      help: `theme: ${name}`,
      words: "themes colours appearance mode",
      run: () => setTheme(name),
    })),
  ];
}

/** The actions of the key table, with the state of those that switch something. @param {Context} context @returns {Command[]} */
function fromKeys({ commands, view, position }) {
  const { wipe, diff, overlay, probe, region, loop, marks } = view.state;
  /** @type {Record<string, boolean>} */
  const states = {
    wipe: wipe !== null,
    difference: diff !== null,
    energy: overlay !== null,
    probe: probe !== null,
    region: region !== null,
    loopToggle: loop !== null,
    bookmark: marks.includes(position.painted),
  };
  const left = new Set(["palette", "close", "solo", "speed"]);
  return BINDINGS.filter(({ action, release }) => !left.has(action) && !release && commands.serves(action)).map(
    ({ label, help, words, action, value }) => ({
      label,
      help,
      words,
      state: action in states ? (states[action] ? "on" : "off") : "",
      run: () => commands.run(action, value),
    }),
  );
}

/** @param {Context} context @returns {Command[]} */
function panes({ data, commands, view, ui }) {
  const solos = data.panes.map(({ id, letter, title, detail }, index) => ({
    label: index < 9 ? String(index + 1) : undefined,
    help: `show only ${[letter, title, detail].filter(Boolean).join(" ")} (press again for all)`,
    words: "solo pane single picture",
    state: view.state.solo === id ? "on" : "",
    run: () => commands.run("solo", index),
  }));
  const held = BINDINGS.filter(({ release }) => release).map(({ label, help, words }) => ({
    label,
    help,
    words,
    run: () => ui.announce(`${label} to ${help}`),
  }));
  return [...solos, ...held];
}

/** Adding, removing, moving and exchanging configurations: what the buttons of the page and the menus of panes do. @param {Context} context @returns {Command[]} */
function configurations({ data, request, letters }) {
  const shown = data.panes.filter(({ role, letter }) => role === "prediction" && letter);
  const choices = data.choices ?? [];
  if (shown.length === 0) return [];
  const nameOf = (/** @type {{title: string, detail: string}} */ { title, detail }) =>
    [title, detail].filter(Boolean).join(" · ");
  const others = choices.filter(({ key }) => !shown.some((pane) => pane.key === key));
  const arrange = (/** @type {string} */ letter, /** @type {string} */ what) => () => request({ letter, do: what });
  /** @type {Command[]} */
  const found = [];
  if (shown.length > 1)
    found.push({ help: "swap A and B", words: "exchange switch", run: arrange(shown[0].letter, "right") });
  if (shown.length < letters.length) {
    for (const choice of others)
      found.push({
        help: `add ${nameOf(choice)}`,
        words: "configuration network method pane more plus",
        run: () => request({ open: choice.open }),
      });
  }
  for (const [at, pane] of shown.entries()) {
    for (const choice of others)
      found.push({
        help: `show ${nameOf(choice)} as ${pane.letter}`,
        words: "configuration network method replace",
        run: () => request({ letter: pane.letter, open: choice.open }),
      });
    const own = `${pane.letter} ${pane.title}`;
    if (shown.length > 2)
      found.push({ help: `remove ${own}`, words: "delete close configuration", run: arrange(pane.letter, "remove") });
    if (at > 0) found.push({ help: `move ${own} left`, words: "order", run: arrange(pane.letter, "left") });
    if (at < shown.length - 1)
      found.push({ help: `move ${own} right`, words: "order", run: arrange(pane.letter, "right") });
  }
  return found;
}

/** The options of the page's menus: clips, predictions, readouts, scales. @param {Context} context @returns {Command[]} */
function menus({ data, request }) {
  return (data.menus ?? []).flatMap(({ name, label, value, options }) =>
    options.map(([option, text]) => ({
      help: `${label.toLowerCase()}: ${text}`,
      words: MENU_WORDS[name] ?? "",
      state: option === value ? "on" : "",
      run: () => request({ choose: name, value: option }),
    })),
  );
}
