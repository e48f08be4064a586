// @ts-check
/**
 * Bookmarks: marks on the scrubber and a list with notes, stored in this browser by clip.
 *
 * A link carries the frames only. Notes are for those who wrote them, and leave in files only (see share_dialog.mjs).
 */

import { formatTime } from "../player/clock.mjs";
import { Charts } from "../plots/charts.mjs";
import { button, element } from "../ui/dom.mjs";
import { MAX_BOOKMARKS, MAX_NOTE_LETTERS, recallNotes, rememberNotes, sorted } from "./notes.mjs";

/** @typedef {import("../player/context.mjs").Context} Context */

/** @param {Context} context @returns {import("../player/context.mjs").Part & {keep: (note: string) => boolean}} keep: adds to the note of the frame on the screen, which it bookmarks; whether the note stands there then */
export function bookmarking(context) {
  const own = new Bookmarks(context);
  return {
    element: own.root,
    onTimeline: own.layer,
    underTimeline: own.flags,
    notes: () => own.notes,
    keep: (note) => own.keep(context.position.painted, note),
    actions: {
      bookmark: () => own.toggle(context.position.painted),
      toBookmark: (value = 1) => own.goTo(value),
    },
    update: (data, isNewClip) => {
      if (isNewClip) own.begin(data);
    },
  };
}

class Bookmarks {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** What is noted of each bookmarked frame, ascending. @type {Map<number, string>} */
    this.notes = new Map();
    this.list = element("ol", {});
    this.root = element(
      "section",
      { class: "bookmarks", "aria-label": "Bookmarks" },
      element("h2", { text: "Bookmarks" }),
      this.list,
    );
    this.root.hidden = true;
    this.layer = element("div", { class: "bookmark-marks", "aria-hidden": "true" });
    /** A row of labels over the strip, there while there is a bookmark. */
    this.flags = element("div", { class: "bookmark-flags", "aria-hidden": "true" });
    const [left, right] = Charts.inset;
    Object.assign(this.flags.style, { marginLeft: `${left}px`, marginRight: `${right}px` });
  }

  /** Read the bookmarks of this clip: stored here, brought by the link, or part of the page. @param {import("../player/context.mjs").Data} data */
  begin(data) {
    const { view } = this.context;
    const own = data.isFile ? new Map(data.notes ?? []) : recallNotes(data.clip, data.ptsSeconds.length);
    for (const frame of view.state.marks) if (!own.has(frame)) own.set(frame, "");
    this.notes = sorted(own);
    view.adopt({ marks: [...this.notes.keys()] });
    this.draw();
  }

  /** @param {number} frame */
  toggle(frame) {
    const { context, notes } = this;
    if (frame < 0) return;
    const note = notes.get(frame);
    if (note === undefined) {
      if (notes.size >= MAX_BOOKMARKS) return context.ui.announce(`you can set up to ${MAX_BOOKMARKS} bookmarks`);
      this.set(frame, "");
      context.ui.announce(`frame ${frame} bookmarked`);
      return;
    }
    notes.delete(frame);
    this.changed();
    const undo = button("restore the bookmark (U)", null, "undo (U)");
    undo.addEventListener("click", () => {
      this.set(frame, note);
      context.ui.dismiss();
      context.ui.focus();
    });
    context.ui.announce(`bookmark of frame ${frame} removed`, undo);
  }

  /** Add to what is noted of a frame. @param {number} frame @param {string} note @returns {boolean} whether it stands there */
  keep(frame, note) {
    const { context, notes } = this;
    const before = notes.get(frame);
    if (frame < 0) return false;
    if (before?.split("; ").includes(note)) return true;
    const both = before ? `${before}; ${note}` : note;
    const refusal =
      before === undefined && notes.size >= MAX_BOOKMARKS
        ? `you can set up to ${MAX_BOOKMARKS} bookmarks`
        : both.length > MAX_NOTE_LETTERS
          ? `the note of frame ${frame} has no room left: ${MAX_NOTE_LETTERS} letters at most`
          : "";
    if (!refusal) this.set(frame, both);
    context.ui.announce(refusal || `noted of frame ${frame}`);
    return !refusal;
  }

  /** @param {number} frame @param {string} note */
  set(frame, note) {
    this.notes = sorted(new Map([...this.notes, [frame, note]]));
    this.changed();
  }

  changed() {
    rememberNotes(this.context.data.clip, this.notes);
    this.draw();
    this.context.view.change({ marks: [...this.notes.keys()] });
  }

  /** @param {number} direction */
  goTo(direction) {
    const { context } = this;
    const { wanted } = context.position;
    const frames = [...this.notes.keys()];
    const next = direction > 0 ? frames.find((frame) => frame > wanted) : frames.findLast((frame) => frame < wanted);
    if (next === undefined)
      context.ui.announce(direction > 0 ? "no bookmark after this frame" : "no bookmark before this frame");
    else context.position.jump(next);
  }

  draw() {
    const { context, notes } = this;
    const { ptsSeconds } = context.data;
    this.root.hidden = notes.size === 0;
    this.list.replaceChildren(...[...notes].map(([frame, note]) => this.line(frame, note, ptsSeconds[frame])));
    this.layer.replaceChildren(
      ...[...notes].map(([frame, note]) => {
        const mark = element("i", { title: `frame ${frame}${note && `: ${note}`}` });
        mark.style.left = placeOf(frame, ptsSeconds.length);
        return mark;
      }),
    );
    this.drawFlags();
  }

  /** Each label ends before the next flag. */
  drawFlags() {
    const { context, notes } = this;
    const nFrames = context.data.ptsSeconds.length;
    const frames = [...notes.keys()];
    this.flags.hidden = frames.length === 0;
    this.flags.replaceChildren(
      ...frames.map((frame, index) => {
        const flag = element("button", { type: "button", tabindex: "-1", text: notes.get(frame) || String(frame) });
        flag.title = `frame ${frame}${notes.get(frame) && `: ${notes.get(frame)}`}`;
        flag.style.left = placeOf(frame, nFrames);
        flag.style.maxWidth = `calc(${((100 * ((frames[index + 1] ?? nFrames) - frame)) / nFrames).toFixed(3)}% - 2px)`;
        flag.addEventListener("click", () => context.position.jump(frame));
        return flag;
      }),
    );
  }

  /** @param {number} frame @param {string} note @param {number} seconds */
  line(frame, note, seconds) {
    const { context } = this;
    const to = element("button", { type: "button", class: "number", text: `frame ${frame} · ${formatTime(seconds)}` });
    const field = element("input", {
      type: "text",
      value: note,
      maxlength: String(MAX_NOTE_LETTERS),
      placeholder: "note",
      "aria-label": `note of frame ${frame}`,
    });
    const remove = button(`remove the bookmark of frame ${frame}`, null, "×");
    to.addEventListener("click", () => context.position.jump(frame));
    field.addEventListener("input", () => {
      // Not drawn again, which would take the field away, and not part of the link.
      this.notes.set(frame, field.value.slice(0, MAX_NOTE_LETTERS));
      rememberNotes(this.context.data.clip, this.notes);
      this.drawFlags();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") context.ui.focus();
    });
    remove.addEventListener("click", () => {
      this.toggle(frame);
      context.ui.focus();
    });
    return element("li", {}, to, field, remove);
  }
}

/** @param {number} frame @param {number} nFrames */
function placeOf(frame, nFrames) {
  return `${((100 * (frame + 0.5)) / nFrames).toFixed(3)}%`;
}
