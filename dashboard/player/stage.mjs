// @ts-check
/** How do N pictures of one frame become one canvas with headings? The panes: their elements, their places, painting. */

import { cssGradient, formatValue, legendTicks, lookupTable, paintCodes } from "./colour.mjs";
import { element } from "./dom.mjs";
import { gridLayout } from "./layout.mjs";

/** Pixels magnified this much are shown as pixels. */
const PIXELATED_FROM = 2;
/** Panes of this width have room for a colour bar beside the title. */
const LEGEND_BESIDE_TITLE_PX = 210;

/**
 * @typedef {import("./frames.mjs").Picture} Picture
 * @typedef {import("./player.mjs").Pane} Pane
 */

export class Stage {
  constructor() {
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.over = element("div", { class: "panes" });
    this.empty = element("p", { class: "empty", text: "No frame is ready yet: the job has only begun." });
    this.empty.hidden = true;
    const loading = element("div", { class: "loading", role: "status" }, element("span", { text: "loading" }));
    this.root = element("div", { class: "stage" }, this.canvas, this.over, this.empty, loading);
    this.context = this.canvas.getContext("2d", { alpha: true });
    /** @type {Pane[]} */
    this.panes = [];
    /** @type {ReturnType<typeof paneElements>[]} by pane */
    this.elements = [];
    /** @type {Tile[]} by pane */
    this.tiles = [];
    /** @type {import("./layout.mjs").Layout | null} */
    this.layout = null;
    /** Canvas pixels per CSS pixel. */
    this.ratio = 1;
  }

  /** Show these panes from the next `fit` on. @param {Pane[]} panes */
  setPanes(panes) {
    this.panes = panes;
    this.elements = panes.map((pane) => paneElements(pane));
    this.tiles = panes.map((pane) => new Tile(pane));
    this.over.replaceChildren(...this.elements.flatMap(({ head, box }) => [head, box]));
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * Place canvas and headings. False where the stage has no width yet.
   * @param {{height: number, aspect: number, solo: string | null}} space height: CSS px there is; aspect: of a picture;
   *   solo: id of the only pane to show
   */
  fit({ height, aspect, solo }) {
    const width = this.root.clientWidth;
    if (width === 0) return false;
    const alone = this.panes.findIndex(({ id }) => id === solo);
    const layout = gridLayout(this.panes, { width, height, aspect, solo: alone < 0 ? null : alone });
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
      const { head, line, more, scale, box } = this.elements[index];
      head.hidden = box.hidden = !rect;
      if (!rect) return;
      place(head, rect.x, rect.y - layout.headingPx, rect.width, layout.headingPx);
      // Under a long detail there is no room for a legend, beside a short title there is; narrow panes have neither.
      if (scale) (layout.lines === 2 && rect.width >= LEGEND_BESIDE_TITLE_PX ? line : more).append(scale);
      place(box, rect.x, rect.y, rect.width, rect.height);
    });
    return true;
  }

  /** @param {(Picture | null)[]} pictures by pane */
  paint(pictures) {
    if (!this.layout) return;
    this.clear();
    const { context, ratio } = this;
    this.layout.rects.forEach((rect, index) => {
      const picture = pictures[index];
      const { message } = this.elements[index];
      const error = picture?.error ?? "";
      if (message.textContent !== error) message.textContent = error;
      message.hidden = !error || !rect;
      if (!rect || !picture?.codes) return;
      const { x, y, width, height } = deviceRect(rect, ratio);
      context.imageSmoothingEnabled = width / picture.codes.width < PIXELATED_FROM;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.tiles[index].show(picture.codes), x, y, width, height);
    });
  }

  /** Image rectangles by pane, in canvas pixels; null: not shown. */
  rects() {
    return this.layout?.rects.map((rect) => rect && deviceRect(rect, this.ratio)) ?? [];
  }
}

/** What one pane shows, at the size of the stored image. */
class Tile {
  /** @param {Pane} pane */
  constructor({ domain }) {
    this.table = domain.channels === 1 ? lookupTable(domain) : null;
    this.canvas = element("canvas", { width: "1", height: "1" });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    /** @type {ImageData | null} */
    this.shown = null;
  }

  /** @param {ImageData} codes @returns {HTMLCanvasElement} their colours */
  show(codes) {
    if (codes === this.shown) return this.canvas;
    this.shown = codes;
    const { width, height } = codes;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    let colours = codes;
    if (this.table) {
      colours = new ImageData(width, height);
      paintCodes(codes, this.table, colours);
    }
    this.context.putImageData(colours, 0, 0);
    return this.canvas;
  }
}

/** @param {Pane} pane */
function paneElements(pane) {
  const title = element("span", { class: "pane-title", text: pane.title });
  const detail = element("span", { class: "pane-detail", text: pane.detail });
  const line = element("div", { class: "pane-name" });
  if (pane.letter) {
    const badge = element("span", { class: "badge", text: pane.letter });
    badge.style.setProperty("--xc-own", `var(--xc-${pane.letter.toLowerCase().replace(/[^a-z]/g, "")}, var(--xc-text))`);
    line.append(badge);
  }
  line.append(title);
  if (!pane.isComplete) line.append(element("span", { class: "growing", text: "unfinished" }));
  const more = element("div", { class: "pane-more" }, detail);
  const scale = pane.domain.channels === 1 ? legend(pane.domain) : null;
  const head = element("div", { class: "pane-head" }, line, more);
  head.title = [pane.title, pane.detail].filter(Boolean).join(" – ");
  const message = element("p", { class: "pane-message", role: "status" });
  message.hidden = true;
  const name = [pane.letter, pane.title, pane.detail].filter(Boolean).join(" ");
  // Beside the picture: what is inside an image is not read out.
  const box = element("div", { class: "pane" }, element("div", { role: "img", "aria-label": name }), message);
  return { head, line, more, scale, box, message };
}

/** The colour bar of a scalar domain. @param {any} domain */
function legend(domain) {
  const bar = element("span", { class: "bar" });
  bar.style.background = cssGradient(domain);
  for (const { position, value } of legendTicks(domain)) {
    const tick = element("i", { title: formatValue(value) });
    tick.style.left = `${100 * position}%`;
    bar.append(tick);
  }
  const unit = domain.unit ? ` ${domain.unit}` : "";
  const made = element(
    "span",
    { class: "legend" },
    element("span", { class: "number", text: formatValue(domain.lo) }),
    bar,
    element("span", { class: "number", text: `${formatValue(domain.hi)}${unit}` }),
  );
  const ticks = legendTicks(domain).map(({ value }) => formatValue(value));
  const between = ticks.length ? `; marks at ${ticks.join(", ")}` : "";
  const scale = domain.scale === "log" ? ", logarithmic" : "";
  made.title = `${formatValue(domain.lo)} to ${formatValue(domain.hi)}${unit}${scale}${between}`;
  return made;
}

/** @param {import("./layout.mjs").Rect} rect @param {number} ratio */
function deviceRect({ x, y, width, height }, ratio) {
  const left = Math.round(x * ratio);
  const top = Math.round(y * ratio);
  return { x: left, y: top, width: Math.round((x + width) * ratio) - left, height: Math.round((y + height) * ratio) - top };
}

/** @param {HTMLElement} target @param {number} x @param {number} y @param {number} width @param {number} height */
function place(target, x, y, width, height) {
  Object.assign(target.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
}
