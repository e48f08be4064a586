// @ts-check
/**
 * Which frames did the viewer mark, and why? Marks on the scrubber and a list with notes, kept in this browser by clip.
 *
 * A link carries the frames alone: notes are for those who wrote them, and go out in files only (see share_dialog.mjs).
 */

import { formatTime } from "./clock.mjs";
import { button, element } from "../ui/dom.mjs";

const STORED_AS = "crosscheck.bookmarks.";
export const MAX_NOTE_LETTERS = 200;
const MAX_BOOKMARKS = 500;

/** @param {any} player @returns {import("./player.mjs").Part} */
export function bookmarking(player) {
  const own = new Bookmarks(player);
  return {
    element: own.root,
    actions: {
      bookmark: () => own.toggle(player.painted),
      toBookmark: (value = 1) => own.goTo(value),
    },
    update: (data, isNewClip) => {
      if (isNewClip) own.begin(data);
    },
  };
}

class Bookmarks {
  /** @param {any} player */
  constructor(player) {
    this.player = player;
    this.list = element("ol", {});
    this.root = element(
      "section",
      { class: "bookmarks", "aria-label": "Bookmarks" },
      element("h3", { text: "Bookmarks" }),
      this.list,
    );
    this.root.hidden = true;
    this.layer = element("div", { class: "bookmark-marks", "aria-hidden": "true" });
    player.transport.slider.querySelector(".thumb-rail").before(this.layer);
  }

  /** @returns {Map<number, string>} */
  get notes() {
    return this.player.notes;
  }

  get key() {
    return STORED_AS + this.player.data.clip;
  }

  /** Those of this clip: kept here, brought by the link, or part of the page. @param {import("./player.mjs").Data} data */
  begin(data) {
    const { player } = this;
    const own = data.isFile ? new Map(data.notes ?? []) : readNotes(recall(this.key), data.ptsSeconds.length);
    for (const frame of player.look.marks) if (!own.has(frame)) own.set(frame, "");
    player.notes = sorted(own);
    // Without a word to the page: nothing was chosen, and every change of the link is a step of the Back button.
    player.look = { ...player.look, marks: [...player.notes.keys()] };
    player.reported = player.positionText();
    this.draw();
  }

  /** @param {number} frame */
  toggle(frame) {
    const { player, notes } = this;
    if (frame < 0) return;
    const note = notes.get(frame);
    if (note === undefined) {
      if (notes.size >= MAX_BOOKMARKS) return player.say(`${MAX_BOOKMARKS} bookmarks are as many as are kept`);
      this.set(frame, "");
      player.say(`frame ${frame} bookmarked`);
      return;
    }
    notes.delete(frame);
    this.changed();
    const undo = button("put the bookmark back", null, "undo");
    undo.addEventListener("click", () => {
      this.set(frame, note);
      player.toast.hidden = true;
      player.root.focus({ preventScroll: true });
    });
    player.say(`bookmark of frame ${frame} removed`, undo);
  }

  /** @param {number} frame @param {string} note */
  set(frame, note) {
    this.player.notes = sorted(new Map([...this.notes, [frame, note]]));
    this.changed();
  }

  changed() {
    remember(this.key, this.notes);
    this.draw();
    this.player.change({ marks: [...this.notes.keys()] });
  }

  /** @param {number} direction */
  goTo(direction) {
    const { player } = this;
    const frames = [...this.notes.keys()];
    const next =
      direction > 0 ? frames.find((frame) => frame > player.wanted) : frames.findLast((frame) => frame < player.wanted);
    if (next === undefined)
      player.say(direction > 0 ? "no bookmark after this frame" : "no bookmark before this frame");
    else player.jump(next);
  }

  draw() {
    const { player, notes } = this;
    const { ptsSeconds } = player.data;
    this.root.hidden = notes.size === 0;
    this.list.replaceChildren(...[...notes].map(([frame, note]) => this.line(frame, note, ptsSeconds[frame])));
    this.layer.replaceChildren(
      ...[...notes].map(([frame, note]) => {
        const mark = element("i", { title: `frame ${frame}${note && `: ${note}`}` });
        mark.style.left = `${((100 * (frame + 0.5)) / ptsSeconds.length).toFixed(3)}%`;
        return mark;
      }),
    );
  }

  /** @param {number} frame @param {string} note @param {number} seconds */
  line(frame, note, seconds) {
    const { player } = this;
    const to = element("button", { type: "button", class: "number", text: `frame ${frame} · ${formatTime(seconds)}` });
    const field = element("input", {
      type: "text",
      value: note,
      maxlength: String(MAX_NOTE_LETTERS),
      placeholder: "note",
      "aria-label": `note of frame ${frame}`,
    });
    const remove = button(`remove the bookmark of frame ${frame}`, null, "×");
    to.addEventListener("click", () => player.jump(frame));
    field.addEventListener("input", () => {
      // Neither drawn anew, which would take the field away, nor part of the link.
      this.notes.set(frame, field.value.slice(0, MAX_NOTE_LETTERS));
      remember(this.key, this.notes);
    });
    field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" || event.key === "Escape") player.root.focus({ preventScroll: true });
    });
    remove.addEventListener("click", () => {
      this.toggle(frame);
      player.root.focus({ preventScroll: true });
    });
    return element("li", {}, to, field, remove);
  }
}

/**
 * Bookmarks as they were written, whoever wrote them; what makes no sense is left out.
 * @param {string | null} text @param {number} nFrames
 * @returns {Map<number, string>}
 */
export function readNotes(text, nFrames) {
  let pairs;
  try {
    pairs = JSON.parse(text ?? "[]");
  } catch {
    return new Map();
  }
  if (!Array.isArray(pairs)) return new Map();
  const sound = pairs.filter(
    (pair) =>
      Array.isArray(pair) &&
      Number.isInteger(pair[0]) &&
      pair[0] >= 0 &&
      pair[0] < nFrames &&
      typeof pair[1] === "string",
  );
  return sorted(
    new Map(sound.slice(0, MAX_BOOKMARKS).map(([frame, note]) => [frame, note.slice(0, MAX_NOTE_LETTERS)])),
  );
}

/** @param {Map<number, string>} notes */
function sorted(notes) {
  return new Map([...notes].sort(([a], [b]) => a - b));
}

/** @param {string} key */
function recall(key) {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null; // storage is forbidden here: bookmarks last as long as the page
  }
}

/** @param {string} key @param {Map<number, string>} notes */
function remember(key, notes) {
  try {
    if (notes.size) window.localStorage.setItem(key, JSON.stringify([...notes]));
    else window.localStorage.removeItem(key);
  } catch {
    // forbidden or full: see recall
  }
}
