// @ts-check
/**
 * Heat map of energy, configurations by frames, under the scrubber and in line with it. Click and drag seek; with Shift
 * they choose the loop.
 */

import { lookupTable } from "../drawing/colour.mjs";
import { clipScale, energyScale, LEAST_SHARE, marksOf } from "../drawing/energy_scale.mjs";
import { colourBar } from "../drawing/pane_heading.mjs";
import { DRAG_ENDS, element, listener } from "../ui/dom.mjs";
import { formatNumber, rangeText, scaleMarks, unitAfter, withUnit } from "../ui/numbers.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { Charts } from "./charts.mjs";
import { cellMaxima, runsOf } from "./curves.mjs";
import { hoverText } from "./hover.mjs";

/** Height of a row, CSS px: its value, 12 px high, is read more often than any other number. */
const ROW_PX = typePx(13);

/**
 * @typedef {import("./curves.mjs").Measure} Measure
 * @typedef {import("../player/context.mjs").Context} Context
 */

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function strip(context) {
  const own = new Strip(context);
  return {
    underTimeline: own.root,
    update: () => own.takeMeasure(), // its height counts before anything is placed
    view: (state, before) => {
      if (state.loop !== before.loop || state.span !== before.span) own.drawRanges(state.loop);
      if (state.maps !== before.maps) own.draw();
    },
    paint: (frame) => own.paint(frame),
    mark: (frames) => own.mark(frames),
    fit: () => own.fit(),
    restyle: () => own.draw(),
  };
}

class Strip {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** @type {Measure | null} */
    this.measure = null;
    /** CSS px of the frames. */
    this.width = 0;
    /** @type {number[]} */
    this.marked = [];
    this.drawnText = "";
    this.labels = element("div", { class: "strip-labels number", "aria-hidden": "true" });
    this.canvas = element("canvas", { role: "img" });
    this.cursor = element("div", { class: "strip-cursor" });
    this.loop = element("div", { class: "strip-loop" });
    this.window = element("div", { class: "strip-window", title: "frames that the plots show" });
    this.marks = element("div", { class: "marks" });
    this.tip = element("div", { class: "strip-tip number" });
    this.tip.hidden = true;
    this.track = element("div", { class: "strip-track" }, this.canvas, this.loop, this.window, this.marks, this.cursor);
    this.root = element("div", { class: "strip of-time" }, this.labels, this.track, this.tip);
    this.legend = element("span", { class: "legend strip-legend of-time" });
    const [left, right] = Charts.inset;
    this.root.style.padding = `0 ${right}px 0 ${left}px`;
    this.labels.style.width = `${left}px`;
    context.ui.toolbar.spring.before(this.legend);
    const { signal } = context;
    signal.addEventListener(
      "abort",
      context.series.onChange(() => context.timers.soon("strip", () => this.draw())),
      { once: true },
    );
    this.listen(signal);
  }

  fit() {
    const width = this.track.clientWidth;
    if (width === this.width) return;
    this.width = width;
    this.draw();
  }

  /** @param {number} frame */
  paint(frame) {
    if (!this.measure) return;
    const { nFrames } = this.context.clip;
    this.cursor.style.transform = `translateX(${(((frame + 0.5) / nFrames) * this.width).toFixed(2)}px)`;
    let row = 0;
    for (const values of this.measure.byLetter.values()) {
      const output = this.labels.children[row]?.lastElementChild;
      if (output) output.textContent = formatNumber(values[frame], this.measure.unit);
      row += 1;
    }
  }

  /** Frames to mark. @param {number[]} frames */
  mark(frames) {
    this.marked = frames;
    this.drawRanges(this.context.view.state.loop);
  }

  takeMeasure() {
    const { series } = this.context;
    const main = series.main();
    const hasValues = () => [...(main?.byLetter.values() ?? [])].some((values) => values.some(Number.isFinite));
    // Energy, else error: what has no values for any configuration is no timeline. A region's values are still to come, and
    // nothing moves under the pointer that draws it.
    this.measure = series.region || hasValues() ? main : null;
    this.root.hidden = this.legend.hidden = !this.measure;
    if (!this.measure) return;
    const letters = [...this.measure.byLetter.keys()];
    this.root.style.height = `${ROW_PX * letters.length}px`;
    const text = letters.join("");
    if (this.labels.dataset.text === text) return;
    this.labels.dataset.text = text;
    this.labels.replaceChildren(
      ...letters.map((letter) => {
        const badge = element("b", { text: letter });
        badge.style.color = `var(--xc-${letter.toLowerCase()}, var(--xc-text))`;
        const label = element("span", {}, badge, element("output"));
        label.style.height = label.style.lineHeight = `${ROW_PX}px`;
        return label;
      }),
    );
  }

  draw() {
    this.takeMeasure();
    const { measure, context } = this;
    if (!measure || this.width === 0) return;
    const curves = [...measure.byLetter.values()];
    const scale = this.scale(measure);
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.track.clientHeight * ratio)];
    if (width === 0 || height === 0 || !scale) return;
    Object.assign(this.canvas, { width, height });
    const { lo, hi } = scale;
    const table = lookupTable(scale) ?? new Uint32Array(256);
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const line = Math.max(Math.round(ratio), 1);
    curves.forEach((values, row) => {
      const cells = cellMaxima(values, width);
      const top = Math.round((row * height) / curves.length);
      const bottom = Math.round(((row + 1) * height) / curves.length) - (row + 1 < curves.length ? line : 0);
      for (let x = 0; x < width; x += 1) {
        if (!Number.isFinite(cells[x])) continue;
        const colour = table[Math.round(255 * Math.min(Math.max((cells[x] - lo) / (hi - lo), 0), 1))];
        for (let y = top; y < bottom; y += 1) pixels[y * width + x] = colour;
      }
    });
    this.canvas.getContext("2d")?.putImageData(image, 0, 0);
    this.drawLegend(scale);
    this.drawRanges(context.view.state.loop);
    if (context.position.inCanvas >= 0) this.paint(context.position.inCanvas);
  }

  /** That of energies where it has one, which overlays share; else from the clip. @param {Measure} measure */
  scale({ byLetter, limit, unit }) {
    const { data, view } = this.context;
    const { domain } = Object.values(data.energies ?? {})[0] ?? { domain: { name: "energy" } };
    if (limit) return energyScale({ name: domain.name, unit }, view.state);
    return clipScale(byLetter.values(), unit);
  }

  /** @param {import("../drawing/colour.mjs").Scale} scale */
  drawLegend(scale) {
    const { id, title, unit, limit, byLetter } = /** @type {Measure} */ (this.measure);
    const { region } = this.context.series;
    const of = id === "energy" && region ? `${title}, ${region.note}` : title;
    const text = JSON.stringify([of, scale, limit, [...byLetter.keys()]]);
    if (text === this.drawnText) return;
    this.drawnText = text;
    const marks = limit ? marksOf(scale, limit) : [];
    const placed = marks.map(({ value, kind }) => ({
      value,
      kind,
      position: (value - scale.lo) / (scale.hi - scale.lo),
    }));
    const limits =
      marks.some(({ kind }) => kind === "limit") && limit ? `, dashed at ${withUnit(limit.value, unit)}` : "";
    const [low, high] = scaleMarks([scale.lo, scale.hi], unit);
    this.legend.replaceChildren(
      element("span", { class: "strip-title", text: title.toLowerCase() }),
      element("span", { class: "number", text: low }),
      colourBar(scale, placed),
      element("span", { class: "number", text: high + unitAfter(unit) }),
    );
    const range = rangeText(scale, unit);
    const anchors = limit
      ? `the same on every clip. 0 is usual for the validation images, and most of them lie between −1 and 1 σ${limits} (${limit.label})`
      : `98 % of the frames of this clip lie between, or ${100 * LEAST_SHARE} % of the median if they differ less`;
    this.legend.title = `Strip: ${of}, ${range}; ${anchors}. Where several frames share a pixel, the highest is shown.`;
    this.canvas.setAttribute("aria-label", `${of} of ${[...byLetter.keys()].join(", ")} over the clip, ${range}`);
  }

  /** Loop, plots' window and marks. @param {[number, number] | null} loop */
  drawRanges(loop) {
    const { nFrames } = this.context.clip;
    const put = (/** @type {HTMLElement} */ target, /** @type {[number, number] | null} */ range) => {
      target.hidden = !range;
      if (!range) return;
      target.style.left = `${(100 * range[0]) / nFrames}%`;
      target.style.width = `${(100 * (range[1] + 1 - range[0])) / nFrames}%`;
    };
    put(this.loop, loop);
    put(this.window, this.context.view.state.span);
    this.marks.replaceChildren(
      ...runsOf(this.marked).map((run) => {
        const made = element("i");
        put(made, run);
        return made;
      }),
    );
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const { context, track } = this;
    const under = (/** @type {PointerEvent} */ event) => {
      const box = track.getBoundingClientRect();
      const frame = Math.floor(((event.clientX - box.left) / box.width) * context.clip.nFrames);
      return Math.min(Math.max(frame, 0), context.clip.nFrames - 1);
    };
    /** @type {{isLoop: boolean, from: number, last: number} | null} */
    let drag = null;
    const on = listener(track, signal);
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      const frame = under(event);
      drag = { isLoop: event.shiftKey, from: frame, last: frame };
      track.setPointerCapture(event.pointerId);
      if (!drag.isLoop) context.position.scrub(frame, false);
    });
    on("pointermove", (event) => {
      const frame = under(event);
      this.drawTip(frame, event);
      context.charts.hover(event.pointerType === "touch" || drag ? null : frame);
      if (!drag) return;
      drag.last = frame;
      if (drag.isLoop) this.drawRanges(ordered(drag.from, frame));
      else context.position.scrub(frame, false);
    });
    for (const name of DRAG_ENDS) {
      on(name, (event) => {
        if (!drag) return;
        const { isLoop, from, last } = drag;
        drag = null;
        if (!isLoop) context.position.scrub(name === "pointerup" ? under(event) : last, true);
        else if (name === "pointerup" && under(event) !== from) context.view.setLoop(ordered(from, under(event)));
        this.drawRanges(context.view.state.loop);
      });
    }
    on("pointerleave", () => {
      this.tip.hidden = true;
      context.charts.hover(null);
    });
  }

  /** The values under the pointer. @param {number} frame @param {PointerEvent} event */
  drawTip(frame, event) {
    const { measure } = this;
    if (!measure || event.pointerType === "touch") return;
    const entries = [...measure.byLetter].map(([letter, values]) => ({ letter, values, isShown: true }));
    this.tip.textContent = hoverText(frame, measure.unit, entries);
    this.tip.hidden = false;
    const box = this.root.getBoundingClientRect();
    const half = this.tip.offsetWidth / 2;
    const x = Math.min(Math.max(event.clientX - box.left, half), box.width - half);
    this.tip.style.transform = `translateX(${(x - half).toFixed(0)}px)`;
  }
}

/** @param {number} a @param {number} b @returns {[number, number]} */
function ordered(a, b) {
  return [Math.min(a, b), Math.max(a, b)];
}
