// @ts-check
/** The rows of controls under the pictures: places that parts fill, the find row, and the buttons of link, screen and help. */

import { NEEDS_TIME } from "../commands/keys.mjs";
import { button, element, worded } from "../ui/dom.mjs";

export class Toolbar {
  /** @param {(action: string, ...given: any[]) => void} run an action of keys.mjs */
  constructor(run) {
    const link = button("copy a link to this frame (S)", "link");
    const full = button("fill the screen with the player (Shift F)", "fullscreen");
    this.help = button("help: what this is, keys and gestures (?)", null, "?");
    link.addEventListener("click", () => run("copyLink"));
    full.addEventListener("click", () => run("fullscreen"));
    full.hidden = !document.fullscreenEnabled;
    this.help.addEventListener("click", () => run("help"));
    /** What tools report: always there, so that nothing moves when they do. */
    this.reports = element("div", { class: "group reports" });
    /** Buttons of the tools. */
    this.tools = element("div", { class: "group tools", role: "group", "aria-label": "tools" });
    /** Settings of the active tools, over the pictures' lower edge. */
    this.options = element("div", { class: "options" });
    this.options.hidden = true;
    this.spring = element("span", { class: "spring" });
    this.end = element("div", { class: "group ends" }, link, full, this.help);
    this.row = element("div", { class: "transport" }, this.reports, this.spring, this.end);
    this.finds = findButtons(run);
    const title = element("span", { class: "muted", text: "Find" });
    const find = element("div", { class: "group find", role: "group", "aria-label": "find a frame" }, title);
    find.append(...this.finds.map(({ made }) => made));
    const toolRow = element("div", { class: "transport tool-row" }, this.tools, find);
    this.root = element("div", { class: "controls" }, this.options, this.row, toolRow);
  }

  get heightPx() {
    return this.root.offsetHeight;
  }

  /** @param {...HTMLElement} buttons */
  addTools(...buttons) {
    this.tools.append(...buttons);
  }

  /** Leave out the find row's buttons of parts that this page does not have. @param {(action: string) => boolean} has */
  keepFinds(has) {
    for (const { action, made } of this.finds) if (!has(action)) made.remove();
  }

  /** Before the buttons of link, screen and help. @param {...HTMLElement} buttons */
  addButtons(...buttons) {
    this.help.before(...buttons);
  }
}

/** Ways to a frame that matters, each with its key. @param {(action: string, ...given: any[]) => void} run */
function findButtons(run) {
  /** @type {[string, string, string, string][]} action, word, key, what it does */
  const ways = [
    ["worst", "Worst", "X", "worst frame: the highest point of the first plot"],
    ["peak", "Next peak", "N", "next peak of the first plot"],
    ["largestGap", "Largest gap", "G", "largest gap between A and the other configuration"],
    ["bookmark", "Bookmark", "B", "add or remove a bookmark of this frame"],
    ["loopToggle", "Loop", "O", "loop around this frame, or over the whole clip again"],
    ["palette", "Commands", "/", "find a command, a frame, a clip"],
  ];
  return ways.map(([action, word, key, help]) => {
    const made = worded(`${help} (${key})`, null, word);
    if (NEEDS_TIME.has(action)) made.classList.add("of-time");
    made.append(element("kbd", { text: key, "aria-hidden": "true" }));
    made.addEventListener("click", () => run(action));
    return { action, made };
  });
}
