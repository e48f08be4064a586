// @ts-check
/** Paints the pictures of one frame on one canvas, under headings: the panes, their places and what is drawn in each. */

import { clampView, maxScale, visiblePart } from "../tools/zoom.mjs";
import { element } from "../ui/dom.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { differenceText, overlayTable, partnerIn, plansOf, underOverlay } from "./compose.mjs";
import { energyScale } from "./energy_scale.mjs";
import { GAP_PX, gridLayout, wipeLayout } from "./layout.mjs";
import { fillKey, legend, legendButton, paneElements } from "./pane_heading.mjs";
import { Tile } from "./tile.mjs";

/** From this magnification on, pixels are drawn as squares. */
const PIXELATED_FROM = 2;
/** From this width on, the colour bar fits beside the title. */
const LEGEND_BESIDE_TITLE_PX = 280;
/** Room for both headings of a wipe, where the stage has it. */
const WIPE_HEADING_PX = typePx(680);

/**
 * @typedef {import("../frames/frame_loader.mjs").Picture} Picture
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {import("../view/view_state.mjs").ViewState} Look
 * @typedef {import("./compose.mjs").Plan} Plan
 * @typedef {{pane: number, id: string, u: number, v: number, x: number, y: number, widthPx: number, heightPx: number}} Place
 *   a point over a pane: u, v in shares of the pane; x, y in pixels of the picture, (0, 0) being the top left corner of the
 *   first one; widthPx, heightPx: of the pane, CSS px
 * @typedef {{u: number, v: number}} Share a place in shares of a pane or of its picture
 * @typedef {{covers: (pane: number) => boolean, messageOf: (pane: number, pictures: (Picture | null)[]) => string,
 *   draw: (pane: number, target: CanvasRenderingContext2D, rect: import("./layout.mjs").Rect, pictures: (Picture | null)[],
 *     tile: () => HTMLCanvasElement) => void,
 *   placeAt: (pane: number, u: number, v: number) => Share | null,
 *   seenAt: (pane: number, u: number, v: number) => Share | null}} Painter draws the panes that it covers in its own way, such
 *   as in space; tile: the pane drawn flat; placeAt: the place of the picture that is seen at a place of the pane; seenAt: the
 *   reverse
 */

export class Stage {
  /** @param {{onLegend?: (pane: number, anchor: HTMLElement) => void}} [options] onLegend: called when a legend is pressed */
  constructor({ onLegend = () => {} } = {}) {
    this.onLegend = onLegend;
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.over = element("div", { class: "panes" });
    this.empty = element("p", { class: "empty", text: "No frame is ready yet: the job has just begun." });
    this.empty.hidden = true;
    const loading = element("div", { class: "loading", role: "status" }, element("span", { text: "loading" }));
    this.root = element("div", { class: "stage" }, this.canvas, this.over, this.empty, loading);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: true }));
    /** @type {Pane[]} */
    this.panes = [];
    /** @type {ReturnType<typeof paneElements>[]} by pane */
    this.elements = [];
    /** @type {Tile[]} by pane */
    this.tiles = [];
    /** @type {Plan[]} by pane */
    this.plans = [];
    /** The overlay of each pane: its colours, and the index of its picture. @type {({table: Uint32Array, scale: import("./colour.mjs").Scale, picture: number} | null)[]} */
    this.overlays = [];
    /** @type {import("./layout.mjs").Layout | null} */
    this.layout = null;
    /** Indices of the panes on both sides of a wipe's edge. @type {[number, number] | null} */
    this.pair = null;
    /** While flickering, each pane shows its partner's picture. */
    this.isFlicked = false;
    /** Canvas pixels per CSS pixel. */
    this.ratio = 1;
    /** Size of the stored images, px. */
    this.size = { width: 1, height: 1 };
    /** @type {Look["zoom"]} */
    this.zoom = null;
    this.drawing = "";
    /** @type {Painter | null} */
    this.painter = null;
  }

  /**
   * Shows these panes from the next `fit` on.
   * @param {Pane[]} panes @param {{width: number, height: number}} size of the pictures
   * @param {(pane: Pane) => import("./pane_heading.mjs").Controls} [controlsOf] what stands in the heading of a pane
   */
  setPanes(panes, size, controlsOf = () => ({ title: null, end: [] })) {
    this.panes = panes;
    this.size = size;
    this.elements = panes.map((pane) => paneElements(pane, controlsOf(pane)));
    this.tiles = panes.map(() => new Tile());
    this.over.replaceChildren(...this.elements.flatMap(({ head, box }) => [head, box]));
    this.drawing = "";
  }

  /**
   * Draws the panes as the look states. Cheap where its colours are those of the last one.
   * @param {Look} look @param {{letter: string, domain: import("./colour.mjs").Domain}[]} energies: their pictures follow those of the panes
   */
  setLook(look, energies) {
    this.zoom = look.zoom && clampView(look.zoom, maxScale(this.size)); // a link may state any zoom
    this.pair = this.pairOf(look);
    const drawing = JSON.stringify([
      look.diff,
      look.reach,
      look.maps,
      look.overlay,
      energies.map(({ letter }) => letter),
    ]);
    if (drawing === this.drawing) return;
    this.drawing = drawing;
    this.plans = plansOf(this.panes, look);
    this.overlays = this.panes.map((pane) => {
      const at = energies.findIndex(({ letter }) => pane.role === "prediction" && pane.letter === letter);
      if (!look.overlay || at < 0) return null;
      const { domain } = energies[at];
      const scale = energyScale(domain, look);
      const table = overlayTable(domain, scale, look.overlay);
      return { table, scale, picture: this.panes.length + at };
    });
    this.overlays.forEach((over, index) => {
      if (over) this.plans[index] = underOverlay(this.plans[index], this.panes[index].domain);
    });
    for (const [index, pane] of this.panes.entries()) this.describe(pane, index);
    this.markRepeated();
  }

  /** Mark legends that say what one before them has said: narrow panes leave out their numbers, for the sake of the path. */
  markRepeated() {
    const said = new Set();
    for (const { scale } of this.elements) {
      if (!scale) continue;
      scale.toggleAttribute("data-repeated", said.has(scale.title));
      said.add(scale.title);
    }
  }

  /** The panes of a wipe; null: there is none. @param {Look} look @returns {[number, number] | null} */
  pairOf({ wipe }) {
    if (!wipe) return null;
    const at = (/** @type {string} */ id) => this.panes.findIndex((pane) => pane.id === id);
    const [first, second] = [at(wipe.first), at(wipe.second)];
    return first < 0 || second < 0 || first === second ? null : [first, second];
  }

  /** Fills the heading and legend of a pane after its plan. @param {Pane} pane @param {number} index */
  describe(pane, index) {
    const own = this.elements[index];
    const plan = this.plans[index];
    const reference = this.panes[plan.reference];
    const text = {
      "": "",
      compared: reference ? differenceText(pane.domain, reference.letter || reference.title.toLowerCase()) : "",
      reference: "reference of the difference",
      apart: "not compared: different domain",
    }[plan.role];
    own.detail.textContent = text || pane.detail;
    const over = this.overlays[index];
    const against = reference?.role === "truth" ? "error" : "difference";
    const compared = over && plan.role === "compared" ? plan.scale : null;
    fillKey(own.key, compared && over ? { [against]: compared, energy: over.scale } : {});
    own.head.title = [pane.title, pane.detail, text].filter(Boolean).join(" – ");
    if (!plan.scale) own.scale?.remove();
    // The same button, as it may have the focus.
    const button = own.scale ?? legendButton((anchor) => this.onLegend(index, anchor));
    own.scale = plan.scale && legend(plan.scale, button, plan.isMuted);
    this.placeLegend(index);
  }

  /**
   * Paints on another canvas, at another resolution, what `paint` paints on the screen: for exports.
   * @param {HTMLCanvasElement} canvas @param {number} ratio its pixels per CSS px @param {(Picture | null)[]} pictures
   * @param {Look["wipe"]} wipe
   */
  paintOn(canvas, ratio, pictures, wipe) {
    const own = { canvas: this.canvas, context: this.context, ratio: this.ratio };
    Object.assign(this, { canvas, context: canvas.getContext("2d"), ratio });
    try {
      this.paint(pictures, wipe);
    } finally {
      Object.assign(this, own);
    }
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * Places canvas and headings. False while the stage has no width.
   * @param {{height: number, aspect: number, look: Look}} space height: available, CSS px; aspect: of a picture
   */
  fit({ height, aspect, look }) {
    const width = this.root.clientWidth;
    if (width === 0) return false;
    const alone = this.panes.findIndex(({ id }) => id === look.solo);
    const { pair } = this;
    const layout = pair
      ? wipeLayout(this.panes.length, pair, { width, height, aspect })
      : gridLayout(this.panes, { width, height, aspect, solo: alone < 0 ? null : alone });
    this.layout = layout;
    this.ratio = window.devicePixelRatio || 1;
    const { canvas } = this;
    const size = [Math.round(layout.width * this.ratio), Math.round(layout.height * this.ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    canvas.style.width = `${size[0] / this.ratio}px`;
    canvas.style.height = `${size[1] / this.ratio}px`;
    this.root.style.height = `${layout.height}px`;
    this.root.dataset.lines = String(layout.lines);
    layout.rects.forEach((rect, index) => {
      const { head, box } = this.elements[index];
      head.hidden = box.hidden = !rect;
      if (!rect) return;
      // The two headings of a wipe share a line, which may be wider than the picture: names are not cut.
      const room = pair ? Math.max(rect.width, Math.min(WIPE_HEADING_PX, layout.width)) : rect.width;
      const start = Math.min(Math.max(rect.x + (rect.width - room) / 2, 0), layout.width - room);
      const [left, width] = !pair ? [0, room] : index === pair[1] ? [room / 2, room / 2] : [0, room / 2 - GAP_PX];
      place(head, start + left, rect.y - layout.headingPx, width, layout.headingPx);
      this.placeLegend(index);
      place(box, rect.x, rect.y, rect.width, rect.height);
    });
    return true;
  }

  /** Places a legend beside the title where there are two lines and room, else at the end of the heading. @param {number} index */
  placeLegend(index) {
    const { scale, line, more } = this.elements[index];
    const rect = this.layout?.rects[index];
    const host = this.layout?.lines === 2 && rect && rect.width >= LEGEND_BESIDE_TITLE_PX ? line : more;
    if (scale && rect && scale.parentElement !== host) host.append(scale); // moving it would lose the focus
  }

  /**
   * Paints a frame.
   * @param {(Picture | null)[]} pictures by pane, then those of the overlays
   * @param {Look["wipe"]} wipe
   */
  paint(pictures, wipe) {
    if (!this.layout) return;
    this.clear();
    const { rects } = this.layout;
    for (let index = 0; index < rects.length; index += 1) this.say(index, pictures, rects[index] !== null);
    const [first, second] = this.pair ?? [-1, -1];
    const rect = this.pair && rects[first];
    if (rect && wipe) {
      const { x, y, width, height } = deviceRect(rect, this.ratio);
      const [w, h] = wipe.isUpright ? [Math.round(width * wipe.at), height] : [width, Math.round(height * wipe.at)];
      this.draw(first, rect, pictures, [x, y, w, h]);
      this.draw(second, rect, pictures, wipe.isUpright ? [x + w, y, width - w, height] : [x, y + h, width, height - h]);
      return;
    }
    for (let index = 0; index < rects.length; index += 1) {
      const own = rects[index];
      if (own) this.draw(index, own, pictures, null);
    }
  }

  /** Shows the message of a pane, or none. @param {number} index @param {(Picture | null)[]} pictures @param {boolean} isShown */
  say(index, pictures, isShown) {
    const { message } = this.elements[index];
    const error = this.errorOf(index, pictures);
    if (message.textContent !== error) message.textContent = error;
    message.hidden = !error || !isShown;
  }

  /** @param {number} index @param {(Picture | null)[]} pictures */
  errorOf(index, pictures) {
    const picture = pictures[index];
    if (picture?.error) return picture.error;
    const { reference } = this.plans[index];
    if (reference >= 0 && pictures[reference]?.error) return "the reference has no picture for this frame";
    const over = this.overlays[index];
    const error = over && pictures[over.picture]?.error;
    if (error) return `energy: ${error}`;
    return this.painter?.messageOf(index, pictures) ?? "";
  }

  /**
   * Draws a pane's picture, difference and overlay, or its partner's.
   * @param {number} index @param {import("./layout.mjs").Rect} rect @param {(Picture | null)[]} pictures
   * @param {number[] | null} clip x, y, width, height in canvas pixels
   */
  draw(index, rect, pictures, clip) {
    const { context } = this;
    const source = this.sourceOf(index);
    const codes = pictures[source]?.codes;
    if (!codes) return;
    const plan = this.plans[source];
    const other = plan.reference >= 0 ? (pictures[plan.reference]?.codes ?? null) : null;
    if (plan.reference >= 0 && other?.data.length !== codes.data.length) return;
    const { x, y, width, height } = deviceRect(rect, this.ratio);
    const { left, top, side } = visiblePart(this.zoom);
    const scale = width / (side * codes.width);
    context.imageSmoothingEnabled = scale < PIXELATED_FROM && !Number.isInteger(scale);
    context.imageSmoothingQuality = "high";
    if (clip) {
      context.save();
      context.beginPath();
      context.rect(clip[0], clip[1], clip[2], clip[3]);
      context.clip();
    }
    const unknown = plan.reference >= 0 ? this.plans[plan.reference].unknown : -1;
    const over = this.overlays[source];
    const energy = (over && pictures[over.picture]?.codes) ?? null;
    const tile = () => this.tiles[source].show(codes, plan, { other, unknown, energy, table: over?.table ?? null });
    const { width: w, height: h } = codes;
    if (this.painter?.covers(source)) this.painter.draw(source, context, { x, y, width, height }, pictures, tile);
    else context.drawImage(tile(), left * w, top * h, side * w, side * h, x, y, width, height);
    if (clip) context.restore();
  }

  /** The pane whose picture pane `index` shows: itself or, while flickering, its partner. @param {number} index */
  sourceOf(index) {
    return this.isFlicked ? this.partnerOf(index) : index;
  }

  /**
   * The pane with which a pane flickers: both sides of a wipe with each other, the others as compose.mjs states.
   * @param {number} index
   */
  partnerOf(index) {
    if (this.pair) return this.pair[0] === index ? this.pair[1] : this.pair[0];
    const isAlone = (this.layout?.rects.filter(Boolean).length ?? 0) === 1;
    return partnerIn(this.panes, index, isAlone);
  }

  /** Each pane shows its partner's picture from the next `paint` on, or its own again. @param {boolean} isFlicked */
  setFlicked(isFlicked) {
    this.isFlicked = isFlicked;
  }

  /** Image rectangles by pane, canvas px; null: not shown. */
  rects() {
    return this.layout?.rects.map((rect) => rect && deviceRect(rect, this.ratio)) ?? [];
  }

  /** The place of a point of the window. @param {number} clientX @param {number} clientY @returns {Place | null} null: over no picture */
  at(clientX, clientY) {
    const box = this.root.getBoundingClientRect();
    const [px, py] = [clientX - box.left, clientY - box.top];
    const rects = this.layout?.rects ?? [];
    for (let index = 0; index < rects.length; index += 1) {
      const rect = rects[index];
      if (!rect) continue;
      const [u, v] = [(px - rect.x) / rect.width, (py - rect.y) / rect.height];
      if (u < 0 || v < 0 || u >= 1 || v >= 1) continue;
      const { left, top, side } = visiblePart(this.zoom);
      const isCovered = this.painter?.covers(index);
      const seen = isCovered ? this.painter?.placeAt(index, u, v) : { u: left + u * side, v: top + v * side };
      if (!seen) return null;
      const [x, y] = [seen.u * this.size.width, seen.v * this.size.height];
      return { pane: index, id: this.panes[index].id, u, v, x, y, widthPx: rect.width, heightPx: rect.height };
    }
    return null;
  }

  /** The pane over whose picture or heading a point of the window is; -1: none. @param {number} clientX @param {number} clientY */
  columnAt(clientX, clientY) {
    const box = this.root.getBoundingClientRect();
    const [px, py] = [clientX - box.left, clientY - box.top];
    const headingPx = this.layout?.headingPx ?? 0;
    const isIn = (/** @type {import("./layout.mjs").Rect | null} */ rect) =>
      rect && px >= rect.x && px < rect.x + rect.width && py >= rect.y - headingPx && py < rect.y + rect.height;
    return this.layout?.rects.findIndex(isIn) ?? -1;
  }

  /** The place of a point of the picture in the stage, CSS px, even outside the pane. @param {number} pane @param {number} x @param {number} y */
  toCss(pane, x, y) {
    const rect = this.layout?.rects[pane];
    if (!rect) return null;
    const { left, top, side } = visiblePart(this.zoom);
    const [across, down] = [x / this.size.width, y / this.size.height];
    const isCovered = this.painter?.covers(pane);
    const seen = isCovered
      ? this.painter?.seenAt(pane, across, down)
      : { u: (across - left) / side, v: (down - top) / side };
    return seen ? { left: rect.x + seen.u * rect.width, top: rect.y + seen.v * rect.height } : null;
  }
}

/** @param {import("./layout.mjs").Rect} rect @param {number} ratio */
function deviceRect({ x, y, width, height }, ratio) {
  const left = Math.round(x * ratio);
  const top = Math.round(y * ratio);
  return {
    x: left,
    y: top,
    width: Math.round((x + width) * ratio) - left,
    height: Math.round((y + height) * ratio) - top,
  };
}

/** @param {HTMLElement} target @param {number} x @param {number} y @param {number} width @param {number} height */
function place(target, x, y, width, height) {
  Object.assign(target.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
}
