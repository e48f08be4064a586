// @ts-check
/** The command palette: everything that can be done on the page, and every place in the clip, found by typing. */

import { formatTime } from "../player/clock.mjs";
import { dialog } from "../ui/dialog.mjs";
import { element } from "../ui/dom.mjs";
import { placesOf, readPlace } from "../view/place_text.mjs";
import { allCommands } from "./command_list.mjs";

/**
 * @typedef {import("../player/context.mjs").Command} Command
 * @typedef {import("../player/context.mjs").Context} Context
 */

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function palettePart(context) {
  const palette = new Palette((typed) => [...placeCommands(context, typed), ...matching(allCommands(context), typed)]);
  return { element: palette.root, actions: { palette: () => palette.open() } };
}

/** The place in the clip that is typed, if it is one. @param {Context} context @param {string} typed @returns {Command[]} */
export function placeCommands({ data, clip, position }, typed) {
  const place = readPlace(typed, placesOf({ data, clip }));
  if (!place) return [];
  const { frame, note } = place;
  const help = `go to frame ${frame} · ${formatTime(data.ptsSeconds[frame] ?? 0)}${note && ` (${note})`}`;
  return [{ help, run: () => position.jump(frame) }];
}

/**
 * The commands in which every word typed begins a word: of what they do, or of what else they are called. Those that begin
 * with the first word come first, whole words before their beginnings, and those found by another name last. Pure.
 * @template {{help: string, label?: string, words?: string}} T
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
  const rank = (/** @type {T} */ { help, label, words: others = "" }) => {
    if (typed.trim() && label?.toLowerCase() === typed.trim().toLowerCase()) return 0;
    const own = plain(help);
    const isIn = (/** @type {string[]} */ texts) => words.every((word) => texts.some((one) => one.startsWith(word)));
    const isWhole = words.every((word) => own.includes(word));
    if (isIn(own)) return (words.length && own[0]?.startsWith(words[0]) ? 1 : 2) - Number(isWhole) / 4;
    return isIn([...own, ...plain(others)]) ? 3 : Infinity;
  };
  return commands
    .map((command) => ({ command, at: rank(command) }))
    .filter(({ at }) => at < Infinity)
    .sort((a, b) => a.at - b.at)
    .map(({ command }) => command);
}

class Palette {
  /** @param {(typed: string) => Command[]} find */
  constructor(find) {
    this.find = find;
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
      placeholder: "a command, a clip, a configuration, frame 120, 0:03 ...",
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
    this.found = this.find(this.field.value);
    this.list.replaceChildren(
      ...this.found.map(({ help, label, state }, index) => {
        const option = element("li", { role: "option", id: `xc-command-${index}` }, element("span", { text: help }));
        if (state) option.append(element("span", { class: "muted state", text: state }));
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
