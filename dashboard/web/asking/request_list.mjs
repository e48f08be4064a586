// @ts-check
/** The list of what this visitor asked for: states, progress, and what can be done about each. */

import { button, element } from "../ui/dom.mjs";

/**
 * @typedef {{id: string, title: string, state: string, text: string, share: number | null, clip: string, isLive: boolean,
 *   canRetry: boolean}} Row share: of the current stage that is done; clip: key of what can be shown, or ""
 * @typedef {"open" | "cancel" | "again" | "delete"} Deed
 */

/** What can be done about a request, in the order of its buttons. Pure. @param {Row} row @returns {Deed[]} */
export function deedsOf({ clip, state, isLive, canRetry }) {
  /** @type {[Deed, boolean][]} */
  const all = [
    ["open", clip !== ""],
    ["cancel", isLive && state !== "stopping"],
    ["again", canRetry],
    ["delete", !isLive],
  ];
  return all.filter(([, isOffered]) => isOffered).map(([deed]) => deed);
}

/** @type {Record<Deed, string>} */
const WORDS = { open: "Open", cancel: "Cancel", again: "Try again", delete: "Delete" };

export class RequestList {
  /** @param {(deed: Deed, row: Row) => void} act */
  constructor(act) {
    this.act = act;
    this.none = element("p", { class: "muted", text: "Nothing yet." });
    this.list = element("ul", { class: "requests" });
    this.root = element("section", {}, element("h3", { text: "Your videos" }), this.none, this.list);
    /** Drawn rows by id: they keep the focus while they change. @type {Map<string, {root: HTMLElement, update: (row: Row) => void}>} */
    this.drawn = new Map();
  }

  /** @param {Row[]} rows the newest first */
  show(rows) {
    this.none.hidden = rows.length > 0;
    const ids = new Set(rows.map(({ id }) => id));
    for (const [id, { root }] of this.drawn) {
      if (ids.has(id)) continue;
      root.remove();
      this.drawn.delete(id);
    }
    for (const [at, row] of rows.entries()) {
      const one = this.drawn.get(row.id) ?? this.made(row.id);
      one.update(row);
      if (this.list.children[at] !== one.root) this.list.insertBefore(one.root, this.list.children[at] ?? null);
    }
  }

  /** @param {string} id */
  made(id) {
    const title = element("strong");
    const text = element("span", { class: "request-text" });
    const bar = element("progress", { max: "1" });
    const buttons = element("div", { class: "group" });
    const root = element("li", {}, element("div", { class: "request-about" }, title, text, bar), buttons);
    let shown = "";
    const update = (/** @type {Row} */ row) => {
      root.dataset.state = row.state;
      title.textContent = row.title;
      text.textContent = row.text;
      bar.hidden = row.state !== "running";
      bar.setAttribute("aria-label", `progress of ${row.title}`);
      if (row.share === null) bar.removeAttribute("value");
      else bar.value = row.share;
      const deeds = deedsOf(row);
      const now = JSON.stringify([deeds, row.title, row.clip]);
      if (now === shown) return;
      shown = now;
      buttons.replaceChildren(
        ...deeds.map((deed) => {
          const made = button(`${WORDS[deed].toLowerCase()}: ${row.title}`, null, WORDS[deed]);
          made.addEventListener("click", () => this.act(deed, row));
          return made;
        }),
      );
    };
    const one = { root, update };
    this.drawn.set(id, one);
    return one;
  }
}
