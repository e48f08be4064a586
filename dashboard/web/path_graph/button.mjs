// @ts-check
/** The button that opens the graph of paths. The graph is imported when it is first opened: the first picture does not wait for it. */

import { button, element } from "../ui/dom.mjs";
import { graph } from "./opener.mjs";

/**
 * @typedef {import("./path_graph.mjs").Component} Component
 * @typedef {import("./path_graph.mjs").Picker} Picker
 */

/** @type {WeakMap<object, GraphButton>} */
const buttons = new WeakMap();

/** Streamlit's entry, called again with new data or another theme. @param {Component} component */
export function mount(component) {
  const { parentElement } = component;
  const known = buttons.get(parentElement);
  const own = known?.host.isConnected ? known : new GraphButton(parentElement);
  buttons.set(parentElement, own);
  own.update(component);
  return () => {};
}

class GraphButton {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    /** @type {Component | null} */
    this.given = null;
    /** @type {Picker | null} */
    this.picker = null;
    this.opener = button("choose paths, arrange or remove configurations", "paths");
    this.opener.addEventListener("click", () => this.open());
    this.problem = element("span", { role: "status" });
    this.host = element("div", { class: "graph-opener" }, this.opener, this.problem);
    graph.open = () => this.open();
    parent.replaceChildren(
      element("link", { rel: "stylesheet", href: new URL("../ui/player.css", import.meta.url).href }),
      this.host,
    );
  }

  /** @param {Component} component */
  update(component) {
    this.given = component;
    this.picker?.update(component.data, component.setTriggerValue);
  }

  async open() {
    this.problem.textContent = "";
    try {
      const { Picker } = await import("./path_graph.mjs");
      this.picker ??= new Picker(this.host, this.opener);
    } catch (error) {
      this.problem.textContent = `The graph cannot be loaded (${error instanceof Error ? error.message : error}). Reload the page.`;
      return;
    }
    if (this.given) this.picker.update(this.given.data, this.given.setTriggerValue);
    this.picker.open();
  }
}
