// @ts-check
/** Further views of the numbers: buttons under the plots, each of which opens a panel; one panel at a time. */

import { element } from "../ui/dom.mjs";

/**
 * @typedef {import("../player/context.mjs").Context} Context
 * @typedef {{root: HTMLElement, open: () => void, close: () => void, refresh: () => void, paint?: (frame: number) => void}} Panel
 *   `open`, `close`: when it opens and closes; `refresh`: while it is open and data, view state, size or theme have changed
 * @typedef {{label: string, isAvailable: (context: Context) => boolean, load: (context: Context) => Promise<Panel>}} Kind
 * @typedef {import("../view/view_state.mjs").ViewState} ViewState
 */

/** What else a panel is called. @type {Record<string, string>} */
const PANEL_WORDS = {
  worst: "panels filmstrip pictures browse ranked",
  scatter: "panels plot correlation brush",
  paths: "panels shares stacked contributions",
  believe: "panels sparsification ause aurg uncertainty trust oracle",
};

/** By the name in the link. Their modules are loaded when one is opened: pictures come first. @type {Record<string, Kind>} */
const KINDS = {
  worst: {
    label: "Worst frames",
    isAvailable: ({ series }) => series.measures.length > 0,
    load: async (context) => new (await import("../plots/filmstrip.mjs")).Filmstrip(context),
  },
  scatter: {
    label: "Scatter",
    isAvailable: ({ series }) => {
      const { size = 0 } = series.measure("energy")?.byLetter ?? {};
      return size > 1 || (size > 0 && series.measures.some(({ id }) => id.startsWith("error")));
    },
    load: async (context) => new (await import("./scatter.mjs")).Scatter(context),
  },
  paths: {
    label: "Energy by path",
    isAvailable: ({ data }) => Object.keys(data.energies ?? {}).length > 0,
    load: async (context) => new (await import("./energy_by_path.mjs")).Paths(context),
  },
  believe: {
    label: "Which confidence to believe",
    isAvailable: ({ data }) => Boolean(data.believed),
    load: async (context) => new (await import("./believe.mjs")).Believe(context),
  },
};

export class Panels {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** Those that have been opened. @type {Record<string, Panel>} */
    this.panels = {};
    /** @type {string | null} the one whose module is on its way */
    this.awaited = null;
    /** @type {string | null} the one that is open */
    this.shown = null;
    this.body = element("div", { class: "panel-body", id: "panel" });
    this.body.hidden = true;
    this.tabs = Object.entries(KINDS).map(([name, { label }]) => {
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
    return Object.entries(KINDS).flatMap(([name, { label, isAvailable }]) =>
      isAvailable(this.context)
        ? [
            {
              help: `panel: ${label}`,
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
    Object.entries(KINDS).forEach(([name, { isAvailable }], index) => {
      this.tabs[index].hidden = !isAvailable(this.context);
      this.tabs[index].setAttribute("aria-expanded", String(open === name));
    });
    this.element.hidden = this.tabs.every((one) => one.hidden);
    const wanted = open && KINDS[open]?.isAvailable(this.context) ? open : null;
    if (wanted === this.shown) return;
    if (wanted && !this.panels[wanted]) return this.load(wanted);
    if (this.shown) this.panels[this.shown].close();
    this.shown = wanted;
    this.body.replaceChildren(...(wanted ? [this.panels[wanted].root] : []));
    this.body.hidden = !wanted || !this.panels[wanted].root.firstChild; // one that is a plot stands with the plots
    if (!wanted) return;
    this.panels[wanted].open();
    this.soon();
  }
  /** @param {string} name */
  async load(name) {
    if (this.awaited === name) return;
    this.awaited = name;
    try {
      this.panels[name] = await KINDS[name].load(this.context);
    } catch (error) {
      this.context.ui.announce(error instanceof Error ? error.message : String(error));
      return;
    } finally {
      this.awaited = null;
    }
    if (!this.context.isDestroyed) this.show();
  }
}
