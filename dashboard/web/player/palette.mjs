// @ts-check
/** What can be done here? Everything of the key table and what has no key, to be found by typing. */

import { dialog } from "../ui/dialog.mjs";
import { element } from "../ui/dom.mjs";
import { BINDINGS } from "./keys.mjs";

/** @typedef {{help: string, label?: string, run: () => void}} Command label: its key */

/** @param {any} player @returns {import("./player.mjs").Part} */
export function palettePart(player) {
  const palette = new Palette(() => commandsOf(player));
  return { element: palette.root, actions: { palette: () => palette.open() } };
}

/** @param {any} player @returns {Command[]} those of keys, of speeds, of pictures, and of the parts */
export function commandsOf(player) {
  const { panes, speeds } = player.data;
  const left = new Set(["palette", "close", "solo", "speed"]);
  const fromKeys = BINDINGS.filter(
    ({ action, release }) => !left.has(action) && !release && action in player.actions,
  ).map(({ label, help, action, value }) => ({ label, help, run: () => player.actions[action](value) }));
  const solos = panes.map(
    (/** @type {import("./player.mjs").Pane} */ { letter, title, detail }, /** @type {number} */ index) => ({
      label: index < 9 ? String(index + 1) : undefined,
      help: `${[letter, title, detail].filter(Boolean).join(" ")} alone, again: all pictures`,
      run: () => player.actions.solo(index),
    }),
  );
  const rates = speeds.map((/** @type {number} */ speed) => ({
    help: `speed ${speed}×`,
    run: () => player.setSpeed(speed),
  }));
  const ofParts = player.parts.flatMap((/** @type {import("./player.mjs").Part} */ part) => part.commands?.() ?? []);
  return [...fromKeys, ...ofParts, ...solos, ...rates];
}

/**
 * Those in which every word typed begins a word, those that begin with it first. Pure.
 * @template {{help: string, label?: string}} T
 * @param {T[]} commands @param {string} typed
 * @returns {T[]}
 */
export function matching(commands, typed) {
  const plain = (/** @type {string} */ text) =>
    text
      .toLowerCase()
      .split(/[^\p{L}\p{N}.×]+/u)
      .filter(Boolean);
  const words = plain(typed);
  const rank = (/** @type {T} */ { help, label }) => {
    if (typed.trim() && label?.toLowerCase() === typed.trim().toLowerCase()) return 0;
    const own = plain(help);
    if (!words.every((word) => own.some((one) => one.startsWith(word)))) return Infinity;
    return words.length && own[0]?.startsWith(words[0]) ? 1 : 2;
  };
  return commands
    .map((command) => ({ command, at: rank(command) }))
    .filter(({ at }) => at < Infinity)
    .sort((a, b) => a.at - b.at)
    .map(({ command }) => command);
}

class Palette {
  /** @param {() => Command[]} commands */
  constructor(commands) {
    this.commands = commands;
    /** @type {Command[]} those in the list */
    this.found = [];
    this.chosen = 0;
    this.field = element("input", {
      type: "text",
      role: "combobox",
      "aria-label": "command",
      "aria-expanded": "true",
      "aria-controls": "xc-commands",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "type a command",
      autofocus: "",
    });
    this.list = element("ul", { id: "xc-commands", role: "listbox", "aria-label": "commands" });
    this.none = element("p", { class: "muted", role: "status" });
    this.root = dialog("Commands", { className: "palette" }, this.field, this.list, this.none);
    this.field.addEventListener("input", () => this.search());
    this.field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.onKey(event));
    this.list.addEventListener("click", (/** @type {any} */ event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.run([...this.list.children].indexOf(option));
    });
  }

  open() {
    if (this.root.open) return;
    this.field.value = "";
    this.root.showModal();
    this.field.focus({ preventScroll: true });
    this.search();
  }

  search() {
    this.found = matching(this.commands(), this.field.value);
    this.list.replaceChildren(
      ...this.found.map(({ help, label }, index) => {
        const option = element("li", { role: "option", id: `xc-command-${index}` }, element("span", { text: help }));
        if (label) option.append(element("kbd", { text: label }));
        return option;
      }),
    );
    this.none.textContent = this.found.length ? "" : "No such command.";
    this.choose(0);
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    const option = this.list.children[index];
    if (option) {
      this.field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      this.field.removeAttribute("aria-activedescendant");
    }
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const count = this.found.length;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const by = Object.hasOwn(moves, event.key) ? moves[/** @type {keyof typeof moves} */ (event.key)] : 0;
    if (by && count) {
      event.preventDefault();
      const to = this.chosen + by;
      // Single steps go round, pages stop at the ends.
      this.choose(Math.abs(by) === 1 ? (to + count) % count : Math.min(Math.max(to, 0), count - 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.run(this.chosen);
    }
  }

  /** @param {number} index */
  run(index) {
    const command = this.found[index];
    if (!command) return;
    this.root.close(); // first, so that the focus is back before a command moves it
    command.run();
  }
}
