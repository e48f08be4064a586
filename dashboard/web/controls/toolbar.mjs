// @ts-check
/** The row of controls under the pictures: places that parts fill, and the buttons of link and keys. */

import { button, element } from "../ui/dom.mjs";

/** Between the rows of the controls, CSS px. */
const OPTIONS_GAP_PX = 6;

export class Toolbar {
  /** @param {(action: string) => void} run an action of keys.mjs */
  constructor(run) {
    const link = button("copy a link to this frame (S)", "link");
    this.help = button("show the keys (?)", null, "?");
    link.addEventListener("click", () => run("copyLink"));
    this.help.addEventListener("click", () => run("help"));
    /** Buttons of the tools, then what they report. */
    this.tools = element("div", { class: "group tools" });
    /** Settings of the active tools, in a line of their own. */
    this.options = element("div", { class: "options" });
    this.options.hidden = true;
    this.spring = element("span", { class: "spring" });
    const end = element("div", { class: "group" }, link, this.help);
    this.row = element("div", { class: "transport" }, this.tools, this.spring, end);
    this.root = element("div", { class: "controls" }, this.row, this.options);
  }

  /** Without the line of options, which comes and goes without the pictures changing their size. */
  get heightPx() {
    return this.root.offsetHeight - (this.options.hidden ? 0 : this.options.offsetHeight + OPTIONS_GAP_PX);
  }

  /** @param {...HTMLElement} buttons */
  addTools(...buttons) {
    const reports = this.tools.querySelector("output");
    for (const made of buttons) this.tools.insertBefore(made, reports);
  }
}
