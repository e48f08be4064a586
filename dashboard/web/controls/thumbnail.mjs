// @ts-check
/** What is under the pointer on the scrubber: frame, time and, where its bytes are in memory already, the picture. */

import { Tile } from "../drawing/tile.mjs";
import { formatTime } from "../player/clock.mjs";
import { element } from "../ui/dom.mjs";

const WIDTH_PX = 128;

export class Thumbnail {
  /** @param {import("../player/context.mjs").Context} context */
  constructor(context) {
    this.context = context;
    this.tile = new Tile();
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.text = element("span", { class: "number" });
    this.root = element("div", { class: "thumbnail" }, this.canvas, this.text);
    this.root.hidden = true;
    /** The frame under the pointer; -1: none. */
    this.frame = -1;
  }

  /** @param {number} frame @param {number} clientX of the pointer */
  async show(frame, clientX) {
    const { context, root, canvas } = this;
    const { clip, data } = context;
    this.frame = Math.min(Math.max(frame, 0), clip.nFrames - 1);
    const own = this.frame;
    this.text.textContent = `${own} · ${formatTime(data.ptsSeconds[own] ?? 0)}`;
    root.hidden = false;
    const box = /** @type {HTMLElement} */ (root.parentElement).getBoundingClientRect();
    const half = WIDTH_PX / 2 + 4;
    root.style.left = `${Math.min(Math.max(clientX - box.left, half), box.width - half).toFixed(0)}px`;
    // The input tells a moment best; no request is made for it.
    const pane = Math.max(
      context.stage.panes.findIndex(({ role }) => role === "input"),
      0,
    );
    const track = context.stage.panes[pane];
    const codes = track && own <= clip.lastReady ? await context.frames.inMemory(track, own) : null;
    if (this.frame !== own || context.isDestroyed) return;
    canvas.hidden = !codes;
    const plan = context.stage.plans[pane];
    if (!codes || !plan) return;
    // Without its difference to another picture, which may not be in memory.
    const plain = plan.kind === "table" ? plan : { ...plan, kind: /** @type {const} */ ("codes"), reference: -1 };
    const tile = this.tile.show(codes, plain, { other: null, unknown: -1, energy: null, table: null });
    [canvas.width, canvas.height] = [WIDTH_PX, Math.max(Math.round((WIDTH_PX * codes.height) / codes.width), 1)];
    canvas.getContext("2d")?.drawImage(tile, 0, 0, codes.width, codes.height, 0, 0, canvas.width, canvas.height);
  }

  hide() {
    this.frame = -1;
    this.root.hidden = true;
  }
}
