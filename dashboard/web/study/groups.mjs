// @ts-check
/** Two groups of clips that are assigned by dragging, by buttons or by keys, before Python has answered. */

import { button, DRAG_ENDS, element } from "../ui/dom.mjs";
import { Theme } from "../ui/theme.mjs";
import { Answers, assigned, GROUPS, groupOf, groupOfKey, listed, MAX_SHOWN, saidOf } from "./group_lists.mjs";

/** A press that moves this far is a drag, CSS px. */
const DRAG_PX = 6;
/** With more clips there is a field that finds them. */
const FIND_FROM = 12;
const NAMES = { a: "Group A", b: "Group B", "": "Not assigned" };

/**
 * @typedef {import("./group_lists.mjs").Clip} Clip
 * @typedef {import("./group_lists.mjs").Group} Group
 * @typedef {import("./group_lists.mjs").Groups} Groups
 * @typedef {{clips: Clip[], groups: Groups}} Data
 * @typedef {{data: Data, parentElement: ShadowRoot | HTMLElement, setStateValue: (name: string, value: unknown) => void}} Component
 */

/** The board of each place on the page: Streamlit mounts again with every run. @type {WeakMap<Node, Board>} */
const boards = new WeakMap();

/** @param {Component} component */
export function mount({ data, parentElement, setStateValue }) {
  const known = boards.get(parentElement);
  const board = known?.root.isConnected ? known : new Board(parentElement);
  boards.set(parentElement, board);
  board.send = (groups) => setStateValue("groups", { ...groups, n: ++nSent });
  board.update(data);
  return () => {};
}

/** Two equal states one after the other, with another link between them, are two changes for Streamlit only if they differ. */
let nSent = 0;

class Board {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    /** @type {Clip[]} */
    this.clips = [];
    /** @type {Groups} */
    this.groups = { a: [], b: [] };
    this.answers = new Answers();
    this.drawn = "";
    /** @type {(groups: Groups) => void} */
    this.send = () => {};
    this.said = element("p", { class: "said", role: "status" });
    this.find = element("input", { type: "search", "aria-label": "Find clips", placeholder: "Find clips" });
    this.find.addEventListener("input", () => this.draw());
    this.boxes = GROUPS.map((group) => this.box(group));
    this.hint = element("p", {
      class: "muted",
      text: "Drag a clip into a group, press its buttons, or use the keys A, B and Delete.",
    });
    this.root = element("div", { class: "xc groups" }, ...this.boxes.map(({ whole }) => whole), this.hint, this.said);
    const sheets = [new URL("../ui/player.css", import.meta.url).href, new URL("./groups.css", import.meta.url).href];
    parent.replaceChildren(...sheets.map((href) => element("link", { rel: "stylesheet", href })), this.root);
    this.theme = new Theme(this.root);
    this.root.addEventListener("keydown", (event) => this.press(event));
  }

  /** @param {Group} group */
  box(group) {
    const title = element("h3", { id: `groups-${group || "none"}` });
    const list = element("ul", { "aria-labelledby": title.id });
    const more = element("p", { class: "muted" });
    const head = element("div", { class: "head" }, title);
    if (!group) {
      const all = /** @type {const} */ (["a", "b"]).map((to) => {
        const made = button(`assign all that are listed to ${to.toUpperCase()}`, null, `All to ${to.toUpperCase()}`);
        made.addEventListener("click", () =>
          this.assign(
            this.listed("").map(({ id }) => id),
            to,
          ),
        );
        return made;
      });
      const clear = button("take all clips out of both groups", null, "Clear groups");
      clear.addEventListener("click", () => this.assign([...this.groups.a, ...this.groups.b], ""));
      head.append(this.find, ...all, clear);
    }
    const whole = element("section", { class: group ? "box" : "box rest", "data-group": group }, head, list, more);
    return { group, whole, title, list, more };
  }

  /** @param {Data} data */
  update({ clips, groups }) {
    this.theme.apply();
    this.clips = clips;
    if (this.answers.isNews(groups)) this.groups = { a: groups.a, b: groups.b };
    this.draw();
  }

  /** @param {Group} group */
  listed(group) {
    return listed(this.clips, this.groups, group, this.find.value);
  }

  /** Draws where something differs from what is drawn: a new element would lose the focus. */
  draw() {
    const state = JSON.stringify([this.clips, this.groups, this.find.value]);
    if (state === this.drawn) return;
    this.drawn = state;
    this.find.hidden = this.clips.length <= FIND_FROM;
    for (const { group, title, list, more } of this.boxes) {
      const clips = this.listed(group);
      title.textContent = `${NAMES[group]} · ${clips.length}`;
      list.replaceChildren(...clips.slice(0, MAX_SHOWN).map((clip) => this.clip(clip, group)));
      const first = list.querySelector("button");
      if (first) first.tabIndex = 0;
      more.textContent = this.below(group, clips.length);
      more.hidden = !more.textContent;
    }
  }

  /** @param {Group} group @param {number} n */
  below(group, n) {
    if (n > MAX_SHOWN) return `and ${n - MAX_SHOWN} more${group ? "" : ": type a part of their titles"}`;
    if (n > 0) return "";
    if (group) return "Drop clips here";
    return this.find.value ? "No clip has these words" : "All clips are assigned";
  }

  /** @param {Clip} clip @param {Group} group */
  clip(clip, group) {
    const acts = GROUPS.filter((to) => to !== group).map((to) => {
      const name = to ? `assign ${clip.title} to ${to.toUpperCase()}` : `take ${clip.title} out of its group`;
      const made = button(name, null, to ? to.toUpperCase() : "×");
      made.tabIndex = -1;
      made.addEventListener("click", () => this.assign([clip.id], to, group));
      return made;
    });
    const made = element(
      "li",
      { "data-id": clip.id },
      element("span", { class: "grip", "aria-hidden": "true" }),
      element("span", { class: "title", text: clip.title, title: clip.title }),
      ...acts,
    );
    made.addEventListener("pointerdown", (event) => this.drag(event, made, clip, group));
    return made;
  }

  /** @param {readonly string[]} ids @param {Group} to @param {Group} [from] where the focus stays */
  assign(ids, to, from) {
    if (!ids.length || (from !== undefined && from === to)) return;
    const place = from === undefined ? -1 : this.listed(from).findIndex(({ id }) => id === ids[0]);
    this.groups = assigned(this.groups, ids, to);
    const moved = this.clips.filter(({ id }) => ids.includes(id));
    this.draw();
    if (from !== undefined) this.focusNear(from, place, ids[0]);
    this.said.textContent = saidOf(moved, to, this.groups);
    this.answers.sent(this.groups);
    this.send(this.groups);
  }

  /** The focus goes to the clip that took the place, so that many can be assigned one after the other. @param {Group} from @param {number} place @param {string} id */
  focusNear(from, place, id) {
    const list = this.boxes[GROUPS.indexOf(from)].list;
    const next = list.children[Math.min(place, list.children.length - 1)];
    const target = next ?? this.root.querySelector(`li[data-id="${CSS.escape(id)}"]`);
    target?.querySelector("button")?.focus();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const place = event.target instanceof Element ? event.target.closest("li") : null;
    if (!place || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = groupOfKey(event.key);
    const id = place.dataset.id ?? "";
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (to !== null) this.assign([id], to, groupOf(this.groups, id));
    else if (step) this.step(/** @type {HTMLButtonElement} */ (event.target), step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {HTMLButtonElement} from @param {number} step */
  step(from, step) {
    const all = [...(from.closest("ul")?.querySelectorAll("button") ?? [])];
    const next = all[all.indexOf(from) + step];
    if (!next) return;
    for (const one of all) one.tabIndex = one === next ? 0 : -1;
    next.focus();
  }

  /** @param {PointerEvent} down @param {HTMLElement} item @param {Clip} clip @param {Group} from */
  drag(down, item, clip, from) {
    if (down.button !== 0 || (down.target instanceof Element && down.target.closest("button"))) return;
    const stop = new AbortController();
    /** @type {HTMLElement | null} */
    let ghost = null;
    /** @type {Group | null} */
    let over = null;
    const box = item.getBoundingClientRect();
    const end = () => {
      stop.abort();
      ghost?.remove();
      item.classList.remove("is-dragged");
      for (const { whole } of this.boxes) whole.classList.remove("is-over");
    };
    item.setPointerCapture(down.pointerId);
    const on = { signal: stop.signal };
    item.addEventListener(
      "pointermove",
      (event) => {
        const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
        if (!ghost && Math.hypot(dx, dy) < DRAG_PX) return;
        if (!ghost) {
          ghost = element("div", { class: "ghost", text: clip.title, "aria-hidden": "true" });
          this.root.append(ghost);
          item.classList.add("is-dragged");
        }
        ghost.style.left = `${box.left + dx}px`;
        ghost.style.top = `${box.top + dy}px`;
        over = this.groupAt(event.clientX, event.clientY);
        for (const { group, whole } of this.boxes) whole.classList.toggle("is-over", group === over && group !== from);
      },
      on,
    );
    for (const name of DRAG_ENDS)
      item.addEventListener(
        name,
        () => {
          end();
          if (name === "pointerup" && ghost && over !== null && over !== from) this.assign([clip.id], over);
        },
        on,
      );
    window.addEventListener("keydown", ({ key }) => key === "Escape" && end(), on);
  }

  /** @param {number} x @param {number} y of the viewport @returns {Group | null} */
  groupAt(x, y) {
    const found = this.boxes.find(({ whole }) => {
      const { left, right, top, bottom } = whole.getBoundingClientRect();
      return x >= left && x <= right && y >= top && y <= bottom;
    });
    return found?.group ?? null;
  }
}
