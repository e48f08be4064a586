// @ts-check
/** Further views of the numbers: buttons under the plots, each of which opens a panel; one panel at a time. */

import { element } from "../ui/dom.mjs";
import { Paths } from "./energy_by_path.mjs";
import { Filmstrip } from "./filmstrip.mjs";
import { Scatter } from "./scatter.mjs";

/**
 * @typedef {{label: string, root: HTMLElement, isAvailable: () => boolean, open: () => void, close: () => void,
 *   refresh: () => void, paint?: (frame: number) => void}} Panel `open`, `close`: when it opens and closes; `refresh`: while
 *   it is open and data, view state, size or theme have changed
 * @typedef {import("../player/view_state.mjs").ViewState} ViewState
 */

/** What else a panel is called. @type {Record<string, string>} */
const PANEL_WORDS = {
  worst: "panels filmstrip pictures browse ranked",
  scatter: "panels plot correlation brush",
  paths: "panels shares stacked contributions",
};

export class Panels {
  /** @param {import("../player/context.mjs").Context} context */
  constructor(context) {
    this.context = context;
    /** @type {Record<string, Panel>} by the name in the link */
    this.panels = { worst: new Filmstrip(context), scatter: new Scatter(context), paths: new Paths(context) };
    /** @type {string | null} the one that is open */
    this.shown = null;
    this.body = element("div", { class: "panel-body", id: "panel" });
    this.body.hidden = true;
    this.tabs = Object.entries(this.panels).map(([name, { label }]) => {
      const made = element("button", {
        type: "button",
        "aria-expanded": "false",
        "aria-controls": "panel",
        text: label,
      });
      made.addEventListener(
        "click",
        () => context.view.change({ panel: context.view.state.panel === name ? null : name }),
        {
          signal: context.signal,
        },
      );
      return made;
    });
    this.element = element(
      "div",
      { class: "panels" },
      element("div", { class: "panel-tabs" }, ...this.tabs),
      this.body,
    );
    const stop = context.series.onChange(() => this.soon());
    context.signal.addEventListener("abort", stop, { once: true });
  }

  /** For the palette: each panel by its name. */
  commands() {
    const { state } = this.context.view;
    return Object.entries(this.panels).flatMap(([name, panel]) =>
      panel.isAvailable()
        ? [
            {
              help: `panel: ${panel.label}`,
              words: PANEL_WORDS[name] ?? "",
              state: state.panel === name ? "on" : "off",
              run: () => this.context.view.change({ panel: state.panel === name ? null : name }),
            },
          ]
        : [],
    );
  }

  update() {
    this.show();
    this.soon();
  }

  /** @param {ViewState} state @param {ViewState} before */
  view(state, before) {
    if (state.panel !== before.panel) this.show();
    const names = /** @type {const} */ (["loop", "rank", "brush", "paths", "gap", "hide"]);
    if (names.some((name) => state[name] !== before[name])) this.soon();
  }

  fit() {
    this.soon();
  }

  restyle() {
    this.soon();
  }

  /** @param {number} frame */
  paint(frame) {
    if (this.shown) this.panels[this.shown].paint?.(frame);
  }

  destroy() {
    if (this.shown) this.panels[this.shown].close();
  }

  soon() {
    this.context.timers.soon("panels", () => {
      this.show();
      if (this.shown) this.panels[this.shown].refresh();
    });
  }

  show() {
    const { panel: open } = this.context.view.state;
    Object.entries(this.panels).forEach(([name, panel], index) => {
      this.tabs[index].hidden = !panel.isAvailable();
      this.tabs[index].setAttribute("aria-expanded", String(open === name));
    });
    this.element.hidden = this.tabs.every((one) => one.hidden);
    const wanted = open && this.panels[open]?.isAvailable() ? open : null;
    if (wanted === this.shown) return;
    if (this.shown) this.panels[this.shown].close();
    this.shown = wanted;
    this.body.replaceChildren(...(wanted ? [this.panels[wanted].root] : []));
    this.body.hidden = !wanted || !this.panels[wanted].root.firstChild; // one that is a plot stands with the plots
    if (!wanted) return;
    this.panels[wanted].open();
    this.soon();
  }
}
