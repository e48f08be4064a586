// @ts-check
/**
 * Scatter plots of two measures by frame: energy against energy, and against error. A box marks its frames on strip and
 * plots and loops over them; a click goes to a frame; the frame on the screen has a ring.
 */

import { roundTicks } from "../plots/ticks.mjs";
import { DRAG_ENDS, element, listener } from "../ui/dom.mjs";
import { formatNumber, scaleMarks } from "../ui/numbers.mjs";
import { spearman } from "./correlation.mjs";

/** The plots share the width there is, side by side while each is at least this wide. */
const WIDTH_PX = { least: 300, most: 900, gap: 20 };
const HEIGHT_PX = 280;
const MARGIN = { l: 52, r: 10, t: 8, b: 34 };
const POINT_PX = 2.5;
/** A click so near to a point means it. */
const NEAR_PX = 12;
const CLICK_PX = 4;
/** Steps of the arrow keys, as a share of the plot. */
const KEY_SHARE = 0.03;

/**
 * @typedef {{letter: string, x: ArrayLike<number>, y: ArrayLike<number>}} Points
 * @typedef {{name: string, xTitle: string, yTitle: string, points: Points[], isSquare: boolean}} Plot isSquare: both axes
 *   are of one measure, so that the diagonal means equal
 * @typedef {[number, number, number, number]} Range x from, x to, y from, y to
 */

/** Ends of both axes, with a little room. @param {Plot} plot @returns {Range | null} null: there is no point */
export function limits({ points, isSquare }) {
  let range = /** @type {Range} */ ([Infinity, -Infinity, Infinity, -Infinity]);
  for (const { x, y } of points) {
    for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
      if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) continue;
      range = [Math.min(range[0], x[i]), Math.max(range[1], x[i]), Math.min(range[2], y[i]), Math.max(range[3], y[i])];
    }
  }
  if (range[0] === Infinity) return null;
  if (isSquare) {
    const [low, high] = [Math.min(range[0], range[2]), Math.max(range[1], range[3])];
    range = [low, high, low, high];
  }
  const room = (/** @type {number} */ low, /** @type {number} */ high) => 0.05 * (high - low) || 0.5;
  const [x, y] = [room(range[0], range[1]), room(range[2], range[3])];
  return [range[0] - x, range[1] + x, range[2] - y, range[3] + y];
}

/** Frames of which a point lies inside the box, ascending. @param {Plot} plot @param {Range} box */
export function framesInside({ points }, [x0, x1, y0, y1]) {
  const found = new Set();
  for (const { x, y } of points) {
    for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
      if (x[i] >= x0 && x[i] <= x1 && y[i] >= y0 && y[i] <= y1) found.add(i);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Width of each of `count` plots in a row that is `room` wide, or wrapped where that is too narrow, CSS px. @param {number} room @param {number} count */
export function widthOf(room, count) {
  const { least, most, gap } = WIDTH_PX;
  if (room <= 0) return least;
  const shared = Math.floor((room - gap * (count - 1)) / count);
  return Math.min(shared < least ? room : shared, most);
}

/** `Spearman's ρ: A 0.42, B 0.37 (n = 240 frames)`. @param {Plot} plot */
export function correlationText({ points }) {
  const found = points.map(({ letter, x, y }) => ({ letter, ...spearman(x, y) }));
  const counts = [...new Set(found.map(({ count }) => count))];
  const frames = (/** @type {number} */ count) => `n = ${count} ${count === 1 ? "frame" : "frames"}`;
  if (found.every(({ rho }) => !Number.isFinite(rho)))
    return `No rank correlation: too few frames, or values that do not vary (${frames(Math.max(0, ...counts))})`;
  const each = found.map(({ letter, rho, count }) => {
    return [letter, formatNumber(rho, "σ"), counts.length > 1 ? `(${frames(count)})` : ""].filter(Boolean).join(" ");
  });
  return `Spearman's ρ: ${each.join(", ")}${counts.length === 1 ? ` (${frames(counts[0])})` : ""}`;
}

export class Scatter {
  /** @param {import("../player/context.mjs").Context} context */
  constructor(context) {
    this.context = context;
    /** @type {View[]} */
    this.views = [];
    this.clear = element("button", { type: "button", text: "clear the marks" });
    this.clear.addEventListener("click", () => this.brush(null), { signal: context.signal });
    this.note = element("span", { class: "number", role: "status" });
    this.plots = element("div", { class: "scatters" });
    const help = "Drag a box to mark its frames and play only those; click a point to go to its frame.";
    this.root = element(
      "div",
      {},
      element("div", { class: "panel-row" }, element("span", { class: "muted", text: help }), this.note, this.clear),
      this.plots,
    );
  }

  open() {}

  close() {
    for (const view of this.views) view.destroy();
    this.views = [];
    this.plots.replaceChildren();
    this.context.playback.setMarked([]);
  }

  refresh() {
    const plots = this.describe();
    if (this.views.map(({ plot }) => plot.name).join() !== plots.map(({ name }) => name).join()) {
      for (const view of this.views) view.destroy();
      this.views = plots.map((plot) => new View(this, plot));
      this.plots.replaceChildren(...this.views.map(({ root }) => root));
    }
    const { brush } = this.context.view.state;
    const marked = this.markedFrames();
    this.views.forEach((view, index) => {
      view.plot = plots[index];
      view.marked = new Set(marked);
      view.box = brush?.plot === plots[index].name ? brush.box : null;
      view.draw();
    });
    this.context.playback.setMarked(marked);
    this.clear.hidden = !brush;
    this.note.textContent = brush ? `${marked.length} of ${this.context.clip.nFrames} frames marked` : "";
    if (this.context.position.inCanvas >= 0) this.paint(this.context.position.inCanvas);
  }

  /** @param {number} frame */
  paint(frame) {
    for (const view of this.views) view.paint(frame);
  }

  /** The plots that the view's measures allow. @returns {Plot[]} */
  describe() {
    const { series, view } = this.context;
    const { gap, hide } = view.state;
    const energy = series.measure("energy");
    const error = series.measures.find(({ id }) => id.startsWith("error"));
    /** @type {Plot[]} */
    const plots = [];
    const label = (/** @type {import("../plots/curves.mjs").Measure} */ { title, unit }) =>
      title.toLowerCase() + (unit && ` (${unit})`);
    if (energy && energy.byLetter.size > 1) {
      const letters = [...energy.byLetter.keys()].sort();
      const second = letters.slice(1).find((letter) => letter === gap?.against) ?? letters[1];
      const [x, y] = [letters[0], second].map((letter) => energy.byLetter.get(letter) ?? []);
      const points = [{ letter: "", x, y }];
      plots.push({
        name: "pair",
        xTitle: `${letters[0]}: ${label(energy)}`,
        yTitle: `${second}: ${label(energy)}`,
        points,
        isSquare: true,
      });
    }
    if (energy && error) {
      const points = [...energy.byLetter]
        .filter(([letter]) => error.byLetter.has(letter) && !hide.includes(letter))
        .map(([letter, x]) => ({ letter, x, y: error.byLetter.get(letter) ?? [] }));
      if (points.length)
        plots.push({ name: "error", xTitle: label(energy), yTitle: label(error), points, isSquare: false });
    }
    return plots;
  }

  markedFrames() {
    const { brush } = this.context.view.state;
    const plot = brush && this.describe().find(({ name }) => name === brush.plot);
    return plot ? framesInside(plot, brush.box) : [];
  }

  /** Mark the frames in the box, and loop from the first to the last of them. @param {{plot: string, box: Range} | null} brush */
  brush(brush) {
    const { context } = this;
    context.view.change({ brush });
    const frames = this.markedFrames();
    if (frames.length > 1) context.view.setLoop([frames[0], frames[frames.length - 1]]);
    else if (!brush) context.view.change({ loop: null });
  }
}

/** One scatter plot. */
class View {
  /** @param {Scatter} owner @param {Plot} plot */
  constructor(owner, plot) {
    this.owner = owner;
    this.plot = plot;
    /** @type {Range | null} */
    this.range = null;
    /** @type {Set<number>} */
    this.marked = new Set();
    /** @type {Range | null} */
    this.box = null;
    this.abort = new AbortController();
    this.canvas = element("canvas", { tabindex: "0", role: "group" });
    this.rings = element("div", { class: "rings" });
    this.correlation = element("p", {
      class: "number",
      title:
        "Rank correlation over the frames of this clip: 1 is the same order, 0 none. Neighbouring frames are alike, so it is worth less than the same number of separate pictures.",
    });
    this.root = element("div", { class: "scatter" }, this.correlation, element("div", {}, this.canvas, this.rings));
    this.listen();
  }

  destroy() {
    this.abort.abort();
  }

  /** Canvas place of a value. @param {number} x @param {number} y @returns {[number, number]} CSS px */
  toPx(x, y) {
    const [x0, x1, y0, y1] = /** @type {Range} */ (this.range);
    const { width, height } = this.size();
    return [
      MARGIN.l + ((x - x0) / (x1 - x0)) * (width - MARGIN.l - MARGIN.r),
      MARGIN.t + (1 - (y - y0) / (y1 - y0)) * (height - MARGIN.t - MARGIN.b),
    ];
  }

  /** The value at a place. @param {number} px @param {number} py @returns {[number, number]} */
  toValue(px, py) {
    const [x0, x1, y0, y1] = /** @type {Range} */ (this.range);
    const { width, height } = this.size();
    const clamp = (/** @type {number} */ share) => Math.min(Math.max(share, 0), 1);
    return [
      x0 + (x1 - x0) * clamp((px - MARGIN.l) / (width - MARGIN.l - MARGIN.r)),
      y0 + (y1 - y0) * clamp(1 - (py - MARGIN.t) / (height - MARGIN.t - MARGIN.b)),
    ];
  }

  size() {
    return { width: widthOf(this.owner.plots.clientWidth, this.owner.views.length), height: HEIGHT_PX };
  }

  draw() {
    const { plot, canvas } = this;
    const { theme } = this.owner.context.ui;
    this.range = limits(plot);
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.size();
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(ratio, ratio);
    this.correlation.textContent = correlationText(plot);
    if (!this.range) return;
    const colours = theme.colours();
    const [x0, x1, y0, y1] = this.range;
    context.font = `12px ${colours.font}`;
    context.fillStyle = colours.muted;
    context.strokeStyle = colours.grid;
    const line = (/** @type {number[]} */ from, /** @type {number[]} */ to) => {
      context.beginPath();
      context.moveTo(from[0], from[1]);
      context.lineTo(to[0], to[1]);
      context.stroke();
    };
    context.textAlign = "center";
    const xTicks = roundTicks(x0, x1, 5);
    const xMarks = scaleMarks(xTicks, "");
    for (const [i, tick] of xTicks.entries()) {
      line(this.toPx(tick, y0), this.toPx(tick, y1));
      context.fillText(xMarks[i], this.toPx(tick, y0)[0], height - MARGIN.b + 13);
    }
    context.fillText(plot.xTitle, (width + MARGIN.l - MARGIN.r) / 2, height - 5);
    context.textAlign = "right";
    const yTicks = roundTicks(y0, y1, 4);
    const yMarks = scaleMarks(yTicks, "");
    for (const [i, tick] of yTicks.entries()) {
      line(this.toPx(x0, tick), this.toPx(x1, tick));
      context.fillText(yMarks[i], MARGIN.l - 5, this.toPx(x0, tick)[1] + 4);
    }
    context.save();
    context.translate(11, (height + MARGIN.t - MARGIN.b) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(plot.yTitle, 0, 0);
    context.restore();
    if (plot.isSquare) {
      context.strokeStyle = colours.muted;
      context.setLineDash([4, 4]);
      line(this.toPx(x0, y0), this.toPx(x1, y1));
      context.setLineDash([]);
    }
    for (const points of plot.points) this.drawPoints(context, points);
    if (this.box) this.drawBox(context, this.box);
    const box = this.box ? `; ${this.marked.size} ${this.marked.size === 1 ? "frame" : "frames"} in the box` : "";
    canvas.setAttribute(
      "aria-label",
      `${plot.yTitle} over ${plot.xTitle}${box}. Arrow keys move a box, with Shift they resize it; Delete removes it.`,
    );
  }

  /** @param {CanvasRenderingContext2D} context @param {Points} points */
  drawPoints(context, { letter, x, y }) {
    const { theme } = this.owner.context.ui;
    const accent = theme.colour("--xc-accent");
    const own = letter ? theme.ofLetter(letter) : theme.colours().text;
    for (const isMarked of [false, true]) {
      context.fillStyle = isMarked ? (letter ? own : accent) : own;
      context.globalAlpha = isMarked ? 1 : this.box ? 0.2 : 0.5;
      const size = POINT_PX + (isMarked ? 0.7 : 0);
      for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
        if (this.marked.has(i) !== isMarked || !Number.isFinite(x[i]) || !Number.isFinite(y[i])) continue;
        const [px, py] = this.toPx(x[i], y[i]);
        context.beginPath();
        // Shapes tell configurations apart without colour: circles, squares, diamonds.
        const shape = letter ? letter.charCodeAt(0) - "A".charCodeAt(0) : 0;
        if (shape % 3 === 0) context.arc(px, py, size, 0, 7);
        else if (shape % 3 === 1) context.rect(px - size, py - size, 2 * size, 2 * size);
        else {
          context.moveTo(px, py - 1.4 * size);
          context.lineTo(px + 1.4 * size, py);
          context.lineTo(px, py + 1.4 * size);
          context.lineTo(px - 1.4 * size, py);
        }
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context @param {Range} box */
  drawBox(context, [x0, x1, y0, y1]) {
    const [left, bottom] = this.toPx(x0, y0);
    const [right, top] = this.toPx(x1, y1);
    const { theme } = this.owner.context.ui;
    context.strokeStyle = theme.colours().text;
    context.strokeRect(left, top, right - left, bottom - top);
  }

  /** A ring around the point of the frame. @param {number} frame */
  paint(frame) {
    const { points } = this.plot;
    while (this.rings.children.length < points.length) this.rings.append(element("i"));
    while (this.rings.children.length > points.length) this.rings.lastElementChild?.remove();
    points.forEach(({ letter, x, y }, index) => {
      const ring = /** @type {HTMLElement} */ (this.rings.children[index]);
      ring.hidden = !this.range || !Number.isFinite(x[frame]) || !Number.isFinite(y[frame]);
      if (ring.hidden) return;
      const [px, py] = this.toPx(x[frame], y[frame]);
      ring.style.transform = `translate(${px.toFixed(1)}px, ${py.toFixed(1)}px)`;
      ring.dataset.letter = letter;
    });
  }

  listen() {
    const { canvas, owner } = this;
    const { signal } = this.abort;
    /** @type {{x: number, y: number, moved: boolean} | null} */
    let drag = null;
    const place = (/** @type {PointerEvent} */ event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const boxTo = (/** @type {number} */ x, /** @type {number} */ y) => {
      const [a, b] = [this.toValue(drag?.x ?? x, drag?.y ?? y), this.toValue(x, y)];
      return /** @type {Range} */ ([
        Math.min(a[0], b[0]),
        Math.max(a[0], b[0]),
        Math.min(a[1], b[1]),
        Math.max(a[1], b[1]),
      ]);
    };
    const on = listener(canvas, signal);
    on("pointerdown", (event) => {
      if (event.button !== 0 || !this.range) return;
      const [x, y] = place(event);
      drag = { x, y, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    on("pointermove", (event) => {
      if (!drag) return;
      const [x, y] = place(event);
      drag.moved ||= Math.hypot(x - drag.x, y - drag.y) > CLICK_PX;
      if (!drag.moved) return;
      this.box = boxTo(x, y);
      this.marked = new Set(framesInside(this.plot, this.box));
      owner.context.timers.soon(`scatter-${this.plot.name}`, () => this.draw());
    });
    for (const name of DRAG_ENDS) {
      on(name, (event) => {
        if (!drag) return;
        const [x, y] = place(event);
        const { moved } = drag;
        const box = boxTo(x, y);
        drag = null;
        if (name !== "pointerup") owner.refresh();
        else if (moved) owner.brush({ plot: this.plot.name, box });
        else this.click(x, y);
      });
    }
    on("keydown", (event) => this.onKey(event));
  }

  /** @param {number} x @param {number} y */
  click(x, y) {
    let best = { frame: -1, distance: NEAR_PX };
    for (const points of this.plot.points) {
      for (let i = 0; i < points.x.length; i += 1) {
        const [px, py] = this.toPx(points.x[i], points.y[i]);
        const distance = Math.hypot(px - x, py - y);
        if (distance < best.distance) best = { frame: i, distance };
      }
    }
    if (best.frame >= 0) this.owner.context.position.jump(best.frame);
    else if (this.box) this.owner.brush(null);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    /** @type {Record<string, number[]>} */
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    const isEnd = ["Delete", "Backspace"].includes(event.key);
    if (!this.range || (!step && !isEnd) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return this.owner.brush(null);
    const [x0, x1, y0, y1] = this.range;
    const [dx, dy] = [step[0] * KEY_SHARE * (x1 - x0), step[1] * KEY_SHARE * (y1 - y0)];
    // The box of the view state, as the one that is drawn follows in the next animation frame, after another key perhaps.
    const { brush } = this.owner.context.view.state;
    const box = brush?.plot === this.plot.name ? brush.box : null;
    const [a, b, c, d] = box ?? [x0 + (x1 - x0) / 2, x1, y0 + (y1 - y0) / 2, y1];
    const moved = /** @type {Range} */ (
      event.shiftKey ? [a, Math.max(b + dx, a), c, Math.max(d + dy, c)] : [a + dx, b + dx, c + dy, d + dy]
    );
    this.owner.brush({ plot: this.plot.name, box: box ? moved : [a, b, c, d] });
  }
}
