// @ts-check
/** Which further views of the numbers are there? Buttons under the plots, each of which opens one; one at a time. */

import { element } from "../ui/dom.mjs";
import { Filmstrip } from "./filmstrip.mjs";
import { Paths } from "./energy_by_path.mjs";
import { Scatter } from "./scatter.mjs";

/**
 * @typedef {{label: string, root: HTMLElement, isAvailable: () => boolean, open: () => void, close: () => void,
 *   refresh: () => void, paint?: (frame: number) => void}} Panel `open`, `close`: when it comes and goes; `refresh`: while
 *   it is open and something is another: data, look, size, theme
 */

export class Panels {
  /** @param {any} player */
  constructor(player) {
    this.player = player;
    /** @type {Record<string, Panel>} by the name in the link */
    this.panels = { worst: new Filmstrip(player), scatter: new Scatter(player), paths: new Paths(player) };
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
      made.addEventListener("click", () => player.change({ panel: player.look.panel === name ? null : name }), {
        signal: player.abort.signal,
      });
      return made;
    });
    this.element = element(
      "div",
      { class: "panels" },
      element("div", { class: "panel-tabs" }, ...this.tabs),
      this.body,
    );
    const stop = player.curves.onChange(() => this.soon());
    player.abort.signal.addEventListener("abort", stop, { once: true });
  }

  update() {
    this.show();
    this.soon();
  }

  /** @param {any} look @param {any} before */
  look(look, before) {
    if (look.panel !== before.panel) this.show();
    const names = ["loop", "rank", "brush", "paths", "gap", "hide"];
    if (names.some((name) => look[name] !== before[name])) this.soon();
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

  // Below: how

  soon() {
    this.player.soon("panels", () => {
      this.show();
      if (this.shown) this.panels[this.shown].refresh();
    });
  }

  show() {
    const { look } = this.player;
    Object.entries(this.panels).forEach(([name, panel], index) => {
      this.tabs[index].hidden = !panel.isAvailable();
      this.tabs[index].setAttribute("aria-expanded", String(look.panel === name));
    });
    this.element.hidden = this.tabs.every((/** @type {HTMLElement} */ one) => one.hidden);
    const wanted = look.panel && this.panels[look.panel]?.isAvailable() ? look.panel : null;
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
