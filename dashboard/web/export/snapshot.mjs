// @ts-check
/**
 * Draws the view as one picture at full resolution: the panes as the stage paints them, what the page shows over them,
 * the plots under them, and a line that names clip, frame and time.
 */

import { formatTime } from "../player/clock.mjs";
import { drawPlots, heightOf } from "./plot_pictures.mjs";

const FOOTER_PX = 26;
const MARGIN_PX = 10;
/** Arms of the cross at the probed pixel, from its middle, px. */
const CROSS = { from: 3, to: 9 };
/** Browsers refuse larger canvases. */
const MAX_SIDE_PX = 8192;

/**
 * @typedef {import("../frames/frame_loader.mjs").Picture} Picture
 * @typedef {import("./plot_pictures.mjs").Plot} Plot
 * @typedef {{stage: import("../player/context.mjs").Context["stage"], theme: import("../ui/theme.mjs").Theme, title: string,
 *   charts: import("../player/context.mjs").Context["charts"], wipe: import("../view/view_state.mjs").ViewState["wipe"], seconds: (frame: number) => number,
 *   region: import("../view/view_state.mjs").ViewState["region"], probe: import("../view/view_state.mjs").ViewState["probe"]}} View
 */

/** Pixels of the saved picture for one of the stored picture. */
const SCALES = [1, 2, 4];

/**
 * Saved pixels per CSS px: stored pixels become squares of 1, 2 or 4 pixels where that is at least as fine as `least` and
 * within `limit`; else as fine as is allowed. Pure.
 * @param {number} least @param {number} limit @param {{stored: number, shown: number} | null} pane widths in pixels and CSS px
 */
export function wholePixelRatio(least, limit, pane) {
  const ratios = pane ? SCALES.map((scale) => (scale * pane.stored) / pane.shown) : [];
  return (
    ratios.find((ratio) => ratio >= least - 1e-9 && ratio <= limit) ?? Math.min(Math.max(least, ratios[0] ?? 0), limit)
  );
}

export class Snapshot {
  /**
   * A snapshot of the stage in its present layout.
   * @param {View} view
   * @param {{maxPixels?: number, hasValues?: boolean, plots?: Plot[]}} options maxPixels: of the whole picture; hasValues:
   *   those of the probe too, which are of the frame on the screen, as are those of `plots`, to be drawn under the panes
   */
  constructor(view, { maxPixels = Infinity, hasValues = true, plots = [] }) {
    this.view = view;
    this.plots = plots;
    this.hasValues = hasValues;
    const { layout } = view.stage;
    if (!layout) throw new Error("nothing is shown yet");
    this.layout = layout;
    const rects = layout.rects.filter((rect) => rect !== null);
    const isEven = rects.length > 0 && rects.every((rect) => rect.width === rects[0].width);
    const size = [layout.width + 2 * MARGIN_PX, layout.height + heightOf(plots) + MARGIN_PX + FOOTER_PX];
    const limit = Math.min(MAX_SIDE_PX / Math.max(...size), Math.sqrt(maxPixels / (size[0] * size[1])));
    const pane = isEven ? { stored: view.stage.size.width, shown: rects[0].width } : null;
    this.ratio = wholePixelRatio(Math.max(view.stage.ratio, 1), limit, pane);
    // Even sides: video stores colour for 2 x 2 pixels.
    const even = (/** @type {number} */ side) => 2 * Math.round((side * this.ratio) / 2);
    this.width = even(size[0]);
    this.height = even(size[1]);
    this.canvas = Object.assign(document.createElement("canvas"), { width: this.width, height: this.height });
    this.panes = document.createElement("canvas");
    this.panes.width = Math.round(layout.width * this.ratio);
    this.panes.height = Math.round(layout.height * this.ratio);
  }

  /** False once the view has another layout: what is drawn would not fit. */
  get isCurrent() {
    const { layout } = this.view.stage;
    return layout !== null && layout.width === this.layout.width && layout.height === this.layout.height;
  }

  /** @param {number} frame @param {(Picture | null)[]} pictures */
  draw(frame, pictures) {
    const { stage, charts, theme, title, wipe, seconds } = this.view;
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const margin = Math.round(MARGIN_PX * this.ratio);
    context.fillStyle = theme.colour("--xc-background");
    context.fillRect(0, 0, this.width, this.height);
    stage.paintOn(this.panes, this.ratio, pictures, wipe);
    context.drawImage(this.panes, margin, margin);
    context.save();
    context.translate(margin, margin);
    context.scale(this.ratio, this.ratio);
    drawElements(context, stage.root, stage.over, this.hasValues ? "" : ".pane-values");
    this.drawMarks(context);
    context.save();
    context.translate(0, this.layout.height + MARGIN_PX / 2);
    drawPlots(context, this.plots, charts, theme, this.layout.width);
    context.restore();
    context.translate(-MARGIN_PX, -MARGIN_PX);
    const y = this.height / this.ratio - FOOTER_PX / 2;
    context.font = `12px ${theme.css("--st-font") || "sans-serif"}`;
    context.textBaseline = "middle";
    context.fillStyle = theme.colour("--xc-muted");
    const where = `frame ${frame} · ${formatTime(seconds(frame))}`;
    const right = this.width / this.ratio - MARGIN_PX;
    const room = right - context.measureText(where).width - 3 * MARGIN_PX;
    context.fillText(shortened(context, title, room), MARGIN_PX, y);
    context.textAlign = "right";
    context.fillText(where, right, y);
    context.restore();
  }

  /** The box of the region, and the place of the values, in every pane. @param {CanvasRenderingContext2D} context in CSS px */
  drawMarks(context) {
    const { stage, region, probe } = this.view;
    for (const [pane, rect] of (stage.layout?.rects ?? []).entries()) {
      if (!rect) continue;
      context.save();
      context.beginPath();
      context.rect(rect.x, rect.y, rect.width, rect.height);
      context.clip();
      const outlined = (/** @type {(context: CanvasRenderingContext2D) => void} */ trace) => {
        for (const [colour, width] of /** @type {[string, number][]} */ ([
          ["#000", 4.5],
          ["#fff", 1.5],
        ])) {
          context.strokeStyle = colour;
          context.lineWidth = width;
          context.beginPath();
          trace(context);
          context.stroke();
        }
      };
      const corner = (/** @type {number} */ x, /** @type {number} */ y) =>
        stage.toCss(pane, x, y) ?? { left: 0, top: 0 };
      if (region) {
        const [x, y, width, height] = region;
        const [from, to] = [corner(x, y), corner(x + width, y + height)];
        outlined((own) => own.rect(from.left, from.top, to.left - from.left, to.top - from.top));
      }
      if (probe && this.hasValues) {
        const middle = stage.toCss(pane, probe[0] + 0.5, probe[1] + 0.5);
        const { left, top } = middle ?? { left: 0, top: 0 };
        if (middle)
          outlined((own) => {
            for (const [dx, dy] of [
              [1, 0],
              [-1, 0],
              [0, 1],
              [0, -1],
            ]) {
              own.moveTo(left + CROSS.from * dx, top + CROSS.from * dy);
              own.lineTo(left + CROSS.to * dx, top + CROSS.to * dy);
            }
          });
      }
      context.restore();
    }
  }

  /** @returns {Promise<Blob>} */
  png() {
    return new Promise((resolve, reject) =>
      this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png"),
    );
  }
}

/**
 * What the page shows over the panes: badges, text cut as on the page, colour bars.
 * @param {CanvasRenderingContext2D} context in CSS px of `root` @param {HTMLElement} root @param {HTMLElement} over
 * @param {string} without selector of what is left out
 */
function drawElements(context, root, over, without) {
  const origin = root.getBoundingClientRect();
  const boxOf = (/** @type {DOMRect} */ box) => ({
    x: box.x - origin.x,
    y: box.y - origin.y,
    width: box.width,
    height: box.height,
  });
  for (const made of /** @type {NodeListOf<HTMLElement>} */ (over.querySelectorAll("*"))) {
    if (!made.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if ((without && made.closest(without)) || made.closest(".pane-end")) continue; // buttons are the page's
    const style = getComputedStyle(made);
    const box = boxOf(made.getBoundingClientRect());
    if (box.width === 0 || box.height === 0) continue;
    const clip = made.closest(".pane-head") ?? made;
    const edge = boxOf(clip.getBoundingClientRect());
    context.save();
    context.beginPath();
    context.rect(edge.x, edge.y, edge.width, edge.height);
    context.clip();
    const fill = fillOf(context, style, box);
    if (fill) {
      context.fillStyle = fill;
      context.beginPath();
      context.roundRect(box.x, box.y, box.width, box.height, Number.parseFloat(style.borderTopLeftRadius) || 0);
      context.fill();
    }
    context.fillStyle = style.color;
    context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    context.textBaseline = "middle";
    for (const node of made.childNodes) {
      const text = node.nodeType === Node.TEXT_NODE ? (node.textContent ?? "").trim() : "";
      if (!text) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const at = boxOf(range.getBoundingClientRect());
      const room = Math.min(box.x + box.width, edge.x + edge.width) - at.x + 1;
      context.fillText(shortened(context, text, room), at.x, at.y + at.height / 2);
    }
    context.restore();
  }
}

/** @param {CanvasRenderingContext2D} context @param {CSSStyleDeclaration} style @param {{x: number, width: number}} box */
function fillOf(context, style, box) {
  if (style.backgroundImage.startsWith("linear-gradient")) {
    const stops = style.backgroundImage.match(/rgba?\([^)]*\)/g) ?? [];
    if (stops.length < 2) return null;
    const gradient = context.createLinearGradient(box.x, 0, box.x + box.width, 0);
    for (const [index, stop] of stops.entries()) gradient.addColorStop(index / (stops.length - 1), stop);
    return gradient;
  }
  const isClear = style.backgroundColor === "transparent" || /^rgba\(.*, 0\)$/.test(style.backgroundColor);
  return isClear ? null : style.backgroundColor;
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} room CSS px */
function shortened(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let kept = text.length;
  while (kept > 0 && context.measureText(`${text.slice(0, kept)}…`).width > room) kept -= 1;
  return kept > 0 ? `${text.slice(0, kept).trimEnd()}…` : "";
}
