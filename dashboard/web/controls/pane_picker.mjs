// @ts-check
/** The panel under a pane's title: a search field over the configurations, and what can be done with the pane. */

import { element } from "../ui/dom.mjs";

/** Between panel, its title and the window's edge, CSS px. */
const GAP_PX = 4;

/**
 * @typedef {import("../player/context.mjs").Choice} Choice
 * @typedef {{title: string, choices: Choice[]}} Section
 * @typedef {{text: string, isOff?: boolean, isPressed?: boolean, run: () => void}} Act
 * @typedef {{name: string, sections: Section[], none?: string, chosen: string, acts: Act[], choose: (choice: Choice) => void}} Offer
 *   name: of the panel; none: what to say where there are no sections; chosen: `open` of the choice that is shown
 */

/** @param {string} open `zoo/method/path` */
const methodOf = (open) => open.split("/").slice(0, 2).join("/");

/**
 * The choices for a pane: other paths of its method first, then the rest.
 * @param {Choice[]} choices @param {Choice | undefined} shown @returns {Section[]}
 */
export function sectionsOf(choices, shown) {
  const isOwn = (/** @type {Choice} */ { open }) => shown !== undefined && methodOf(open) === methodOf(shown.open);
  const own = choices.filter(isOwn);
  if (!shown || own.length < 2) return [{ title: "Configurations", choices }];
  return [
    { title: `Show ${shown.heading} via`, choices: own },
    { title: "Other configurations", choices: choices.filter((choice) => !isOwn(choice)) },
  ].filter((section) => section.choices.length > 0);
}

/**
 * The choices for one more pane: the suggestion first, without what is shown.
 * @param {Choice[]} choices @param {string} suggestion its `open` @param {Set<string>} shown keys @returns {Section[]}
 */
export function sectionsToAdd(choices, suggestion, shown) {
  const left = choices.filter(({ key }) => !shown.has(key));
  const isSuggested = (/** @type {Choice} */ { open }) => open === suggestion;
  return [
    { title: "Suggested", choices: left.filter(isSuggested) },
    { title: "Other configurations", choices: left.filter((choice) => !isSuggested(choice)) },
  ].filter((section) => section.choices.length > 0);
}

/** The sections with the choices that hold every word typed. @param {Section[]} sections @param {string} typed */
export function filtered(sections, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (/** @type {Choice} */ { title, detail, open }) => {
    const text = `${title} ${detail} ${open}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return sections
    .map(({ title, choices }) => ({ title, choices: choices.filter(holds) }))
    .filter(({ choices }) => choices.length > 0);
}

export class PanePicker {
  constructor() {
    this.field = element("input", {
      type: "text",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "xc-choices",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "type to filter",
    });
    this.list = element("div", { id: "xc-choices", role: "listbox", "aria-label": "configurations" });
    this.none = element("p", { class: "muted", role: "status" });
    this.acts = element("div", { class: "picker-acts" });
    this.root = element(
      "div",
      { class: "picker", role: "dialog", popover: "auto" },
      this.field,
      this.list,
      this.none,
      this.acts,
    );
    /** @type {Offer | null} */
    this.offer = null;
    /** @type {Choice[]} */
    this.found = [];
    this.at = 0;
    this.field.addEventListener("input", () => this.search());
    this.field.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => {
      const option = /** @type {HTMLElement} */ (event.target).closest("[role=option]");
      if (option) this.choose([...this.options].indexOf(/** @type {HTMLElement} */ (option)));
    });
    // Keys here are neither for the player nor for Streamlit, whose C clears its caches.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    this.root.addEventListener("toggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed") this.anchor?.setAttribute("aria-expanded", "false");
    });
    /** @type {HTMLElement | null} */
    this.anchor = null;
  }

  get options() {
    return /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[role=option]"));
  }

  /** @param {Offer} offer @param {HTMLElement} anchor the button that it hangs from */
  open(offer, anchor) {
    this.offer = offer;
    this.anchor = anchor;
    anchor.setAttribute("aria-expanded", "true");
    this.root.setAttribute("aria-label", offer.name);
    this.field.setAttribute("aria-label", offer.name);
    this.field.value = "";
    const isEmpty = offer.sections.length === 0;
    this.field.hidden = this.list.hidden = isEmpty;
    this.acts.replaceChildren(
      ...offer.acts.map(({ text, isOff = false, isPressed, run }) => {
        const made = element("button", { type: "button", text });
        made.disabled = isOff;
        if (isPressed !== undefined) made.setAttribute("aria-pressed", String(isPressed));
        made.addEventListener("click", () => {
          this.close();
          run();
        });
        return made;
      }),
    );
    this.search();
    this.root.showPopover();
    this.place(anchor.getBoundingClientRect());
    const first = isEmpty ? this.acts.querySelector("button:not(:disabled)") : this.field;
    /** @type {HTMLElement | null} */ (first)?.focus({ preventScroll: true });
  }

  close() {
    if (this.root.matches(":popover-open")) this.root.hidePopover();
  }

  /** Under its button, within the window. @param {DOMRect} under */
  place(under) {
    const { width, height } = this.root.getBoundingClientRect();
    const left = Math.max(GAP_PX, Math.min(under.left, window.innerWidth - width - GAP_PX));
    const top = Math.max(GAP_PX, Math.min(under.bottom + GAP_PX, window.innerHeight - height - GAP_PX));
    Object.assign(this.root.style, { left: `${left}px`, top: `${top}px` });
  }

  search() {
    if (!this.offer) return;
    const { chosen } = this.offer;
    const sections = filtered(this.offer.sections, this.field.value);
    this.found = sections.flatMap(({ choices }) => choices);
    let count = 0;
    this.list.replaceChildren(
      ...sections.map(({ title, choices }) => {
        const name = element("span", { class: "picker-section muted", "aria-hidden": "true", text: title });
        const options = choices.map((choice) => {
          const option = element(
            "div",
            { role: "option", id: `xc-choice-${count}`, title: choice.title },
            element("span", { text: choice.heading }),
            element("span", { class: "muted", text: choice.detail }),
          );
          if (choice.open === chosen) option.dataset.shown = "";
          count += 1;
          return option;
        });
        return element("div", { role: "group", "aria-label": title }, name, ...options);
      }),
    );
    const none = this.offer.sections.length ? "No matching configuration." : (this.offer.none ?? "");
    this.none.textContent = this.found.length ? "" : none;
    this.mark(
      this.field.value
        ? 0
        : Math.max(
            this.found.findIndex(({ open }) => open === chosen),
            0,
          ),
    );
  }

  /** @param {number} index of the option that Enter chooses */
  mark(index) {
    this.at = index;
    for (const [at, option] of this.options.entries()) option.setAttribute("aria-selected", String(at === index));
    const option = this.options[index];
    if (!option) return this.field.removeAttribute("aria-activedescendant");
    this.field.setAttribute("aria-activedescendant", option.id);
    if (this.root.matches(":popover-open")) option.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const count = this.found.length;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0;
    if (by && count) this.mark((this.at + by + count) % count);
    else if (event.key === "Enter") this.choose(this.at);
    else return;
    event.preventDefault();
  }

  /** @param {number} index */
  choose(index) {
    const choice = this.found[index];
    if (!choice || !this.offer) return;
    const { choose } = this.offer;
    this.close(); // first, so that the focus is back before the choice moves it
    choose(choice);
  }
}
