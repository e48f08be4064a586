// @ts-check
/** The command palette: everything in the key table, and what has no key, found by typing. */

import { dialog } from "../ui/dialog.mjs";
import { element } from "../ui/dom.mjs";
import { BINDINGS } from "./keys.mjs";

/**
 * @typedef {import("../player/context.mjs").Command} Command
 * @typedef {import("../player/context.mjs").Context} Context
 */

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function palettePart(context) {
  const palette = new Palette(() => commandsOf(context));
  return { element: palette.root, actions: { palette: () => palette.open() } };
}

/** The commands of keys, parts, panes and speeds. @param {Context} context @returns {Command[]} */
function commandsOf({ commands, data, playback }) {
  const left = new Set(["palette", "close", "solo", "speed"]);
  const fromKeys = BINDINGS.filter(({ action, release }) => !left.has(action) && !release && commands.has(action)).map(
    ({ label, help, action, value }) => ({ label, help, run: () => commands.run(action, value) }),
  );
  const solos = data.panes.map(({ letter, title, detail }, index) => ({
    label: index < 9 ? String(index + 1) : undefined,
    help: `show only ${[letter, title, detail].filter(Boolean).join(" ")} (press again for all)`,
    run: () => commands.run("solo", index),
  }));
  const rates = data.speeds.map((speed) => ({ help: `speed ${speed}×`, run: () => playback.setSpeed(speed) }));
  return [...fromKeys, ...commands.lists.flatMap((list) => list()), ...solos, ...rates];
}

/**
 * The commands in which every word typed begins a word; those that begin with the first word come first. Pure.
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
    /** Those in the list. @type {Command[]} */
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
    this.field.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => {
      const option = /** @type {Element} */ (event.target).closest("[role=option]");
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
    this.none.textContent = this.found.length ? "" : "No matching command.";
    this.choose(0);
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    for (const [at, option] of [...this.list.children].entries())
      option.setAttribute("aria-selected", String(at === index));
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
