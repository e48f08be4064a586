// @ts-check
/**
 * The plots under the pictures: charts over the frame index, with seeking, looping and zooming by pointer. Plotted are Python's charts and those derived from them here: the gap between two configurations.
 */

import { button, element, fill } from "../ui/dom.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { cursorFrame, placeCursor } from "./cursor.mjs";
import { byFrame, followSpan, meanCurve, runsOf, zoomSpan } from "./curves.mjs";
import { comparedIn, gapChart, gapOf, gapSentence } from "./gap.mjs";
import { hideHover, hoverMark, placeHover } from "./hover.mjs";
import { layoutOf, loadPlotly, MARGIN, tracesOf } from "./plotly_figure.mjs";
import { listenToPointer } from "./pointer_input.mjs";

/** Plots do not wait longer for the first picture: it may never come. On a slow line plotly.js would hold it up by 7 s. */
const PATIENCE_MS = 8000;
/** Share of the window's height, and its limits, px. */
const HEIGHT = { share: 0.15, min: 92, max: 170 };
/** Between two plots, as in the style sheet. */
const GAP_PX = 4;
/** Room for the tick labels under the last chart, which serve all. */
const TICKS_PX = typePx(18);
/** A plot's line of words, with the gap to the plot before. */
const CAPTION_PX = typePx(22) + GAP_PX;
/** Frames of a clip above which its curves may be thinned, on the narrowest screen. */
const MAX_WHOLE = 640;
/** Frames of one step of zooming, as a factor. */
export const ZOOM_STEP = 1.5;

/**
 * @typedef {import("./curves.mjs").Chart} Chart
 * @typedef {import("../view/view_state.mjs").ViewState} Look
 * @typedef {{letter: string, name: string, colour: string, values: Float64Array, value: HTMLElement, chip: HTMLElement, entry: HTMLElement,
 *   isShown: boolean}} Entry a series in the legend, with its value, and its badge beside the axis
 * @typedef {{chart: Chart, plot: HTMLElement, cursor: HTMLElement, hover: import("./hover.mjs").Mark, range: HTMLElement,
 *   marks: HTMLElement, note: HTMLElement, entries: Entry[], places: Float64Array}} Drawn places: of the badges, in work
 */

export class Charts {
  /**
   * @param {HTMLElement} host
   * @param {{signal: AbortSignal, theme: import("../ui/theme.mjs").Theme, curves: import("./curves.mjs").Curves,
   *   onSeek: (frame: number, isFinal: boolean) => void, onLoop: (loop: [number, number]) => void,
   *   onLook: (changes: Partial<Look>) => void, onMeasure?: (measure: string) => void}} options
   */
  constructor(host, { signal, theme, curves, onSeek, onLoop, onLook, onMeasure = () => {} }) {
    this.host = host;
    this.signal = signal;
    this.theme = theme;
    this.curves = curves;
    this.onSeek = onSeek;
    this.onLoop = onLoop;
    this.onLook = onLook;
    this.onMeasure = onMeasure;
    /** Errors that can be plotted: column and name. @type {[string, string][]} */
    this.errors = [];
    /** @type {Drawn[]} */
    this.drawn = [];
    /** @type {any} the Plotly module, once it is loaded */
    this.plotly = null;
    this.frame = 0;
    /** What the plots share beside the pictures, and their number; null: they stand under them. @type {{px: number, count: number} | null} */
    this.room = null;
    /** @type {Pick<Look, "loop" | "span" | "hide" | "gap">} */
    this.look = { loop: null, span: null, hide: "", gap: null };
    /** Charts of other parts, after those of Python. @type {Chart[]} */
    this.extras = [];
    /** Frames that are marked in all plots. @type {number[]} */
    this.marked = [];
    this.turn = 0;
    /** What has to be redrawn: null: nothing, false: charts with other values, true: all. @type {boolean | null} */
    this.stale = null;
    this.gapControls = this.buildGapControls();
    this.zoomControls = this.buildZoomControls();
    this.errorControls = this.buildErrorControls();
    /** What had the focus before the charts were built again. @type {HTMLElement | null} */
    this.unfocused = null;
    listenToPointer(this, ZOOM_STEP);
    /** Settled by the first picture: plotly.js takes half a second to evaluate, and pictures come first. */
    this.firstPaint = new Promise((resolve) => (this.markPainted = resolve));
    signal.addEventListener(
      "abort",
      curves.onChange(() => this.refresh(false)),
      { once: true },
    );
  }

  get nFrames() {
    return this.curves.nFrames;
  }

  /** Height of one plot without tick labels, CSS px: as in a column, or in the room that they share beside the pictures. */
  get plotPx() {
    if (this.room === null) return Charts.heightPx();
    const { px, count } = this.room;
    return Math.max(Math.floor((px - TICKS_PX) / Math.max(count, 1)) - CAPTION_PX, HEIGHT.min);
  }

  /** @param {number | null} px height for all plots, beside the pictures; null: under them, each has its own */
  setRoom(px) {
    const count = this.drawn.length || this.compose().length;
    this.room = px === null ? null : { px, count };
    // Plots that are still to come have their room, so that nothing moves when they do.
    if (!this.drawn.length)
      this.host.style.minHeight = count ? `${count * (this.plotPx + CAPTION_PX) - GAP_PX + TICKS_PX}px` : "";
  }

  static heightPx() {
    return Math.round(Math.min(Math.max(HEIGHT.share * window.innerHeight, HEIGHT.min), HEIGHT.max));
  }

  /** Height of the first `count` charts, CSS px. @param {readonly unknown[]} charts @param {number} count */
  static heightOf(charts, count) {
    return Math.min(count, charts.length) * (Charts.heightPx() + CAPTION_PX) + (charts.length <= count ? TICKS_PX : 0);
  }

  /** Space left and right of the frames, CSS px, so that a scrubber can stand in line with them. */
  static inset = [MARGIN.l, MARGIN.r];

  /** Draw the charts of `curves` in place of those before. @param {boolean} isWhole also those with the same values */
  async show(isWhole = true) {
    const turn = ++this.turn;
    this.stale = null; // done by this call
    if (!this.plotly) await Promise.race([this.firstPaint, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    const plotly = this.plotly ?? (this.curves.charts.length ? await loadPlotly() : null);
    if (turn !== this.turn || this.signal.aborted) return;
    this.plotly = plotly;
    const charts = this.compose();
    if (charts.length === this.drawn.length && charts.every((chart, i) => isAlike(chart, this.drawn[i].chart))) {
      const others = charts.map((chart, index) => isWhole || chart !== this.drawn[index].chart);
      for (const [index, chart] of charts.entries()) this.replace(this.drawn[index], chart);
      await Promise.all(this.drawn.map((one, index) => others[index] && this.draw(one, index === charts.length - 1)));
      this.settle();
      return;
    }
    // Controls move into the new charts, which takes the focus from them; a later call may finish what this one began.
    this.unfocused = focusedIn(this.host) ?? this.unfocused;
    const drawn = charts.map((chart, index) => this.build(chart, index === 0));
    await Promise.all(drawn.map((one, index) => this.draw(one, index === charts.length - 1)));
    const isStale = turn !== this.turn || this.signal.aborted;
    for (const { plot } of isStale ? drawn : this.drawn) plotly?.purge(plot);
    if (isStale) return;
    // Only now, so that nothing is blank in between.
    this.drawn = drawn;
    this.host.replaceChildren(...drawn.map(({ plot }) => /** @type {HTMLElement} */ (plot.closest("figure"))));
    this.host.style.minHeight = "";
    const isFree = !document.activeElement || document.activeElement === document.body;
    if (this.unfocused?.isConnected && isFree) this.unfocused.focus({ preventScroll: true });
    this.unfocused = null;
    this.settle();
  }

  /** Show these charts of other parts too, in place of those before. @param {Chart[]} extras */
  setExtras(extras) {
    this.extras = extras;
    this.refresh();
  }

  /** Redraw once, in the next animation frame. @param {boolean} isWhole also charts with the same values */
  refresh(isWhole = true) {
    if (!this.plotly) return;
    const isAsked = this.stale !== null;
    this.stale = isWhole || this.stale === true;
    if (isAsked) return;
    requestAnimationFrame(() => {
      if (this.stale !== null && !this.signal.aborted) this.show(this.stale);
    });
  }

  /** Redraw for another width or theme. */
  async redraw() {
    if (!this.plotly) return;
    await Promise.all(this.drawn.map((drawn, index) => this.draw(drawn, index === this.drawn.length - 1)));
    this.settle();
  }

  /** Place everything over the plots by their current axes. */
  settle() {
    this.drawLoop(this.look.loop);
    this.drawMarks();
    this.drawNotes();
    this.drawCursor();
  }

  /** Put cursor and values at `frame`: layout reads are Plotly's own numbers, so nothing is measured. @param {number} frame */
  moveCursor(frame) {
    this.markPainted(null);
    this.frame = frame;
    const { span } = this.look;
    const followed = span && followSpan(span, frame, this.nFrames);
    if (followed && followed !== span)
      this.onLook({ span: followed }); // which draws all of it there, at once
    else this.drawCursor();
  }

  drawCursor() {
    for (const drawn of this.drawn) placeCursor(drawn, this.frame);
  }

  /** A second line through all plots, with the values of the frame under the pointer; null: none. @param {number | null} frame */
  hover(frame) {
    for (const drawn of this.drawn) {
      if (frame === null) hideHover(drawn);
      else placeHover(drawn, frame);
    }
  }

  /** Follow the view state: loop, zoom of the time axis, hidden configurations, what is compared. @param {Look} look */
  setLook({ loop, span, hide, gap }) {
    const before = this.look;
    this.look = { loop, span, hide, gap };
    const isSame = (/** @type {keyof typeof before} */ name) =>
      JSON.stringify(before[name]) === JSON.stringify(this.look[name]);
    if (!isSame("span")) this.drawSpan();
    if (!isSame("loop")) {
      this.drawLoop(loop);
      this.drawNotes();
    }
    if (!isSame("hide") || !isSame("gap")) this.refresh();
  }

  /** Frames to mark in all plots. @param {number[]} frames */
  mark(frames) {
    this.marked = frames;
    this.drawMarks();
  }

  /** Zoom the time axis around a frame. @param {number} factor of the frames in it @param {number} [at] */
  zoom(factor, at = this.frame) {
    const span = zoomSpan(this.look.span, factor, at, this.nFrames);
    this.onLook({ span: span && followSpan(span, this.frame, this.nFrames) });
  }

  /** The curve in which peaks and the worst frame are found: the mean over the configurations shown, NaN where unknown. */
  mainCurve() {
    const main = this.curves.main();
    return main ? meanCurve(this.visible(main), this.nFrames) : new Float64Array();
  }

  /** The curves of a measure that the legend has not hidden; all, where it has hidden all. @param {import("./curves.mjs").Measure} measure */
  visible({ byLetter }) {
    const shown = [...byLetter].filter(([letter]) => !this.look.hide.includes(letter));
    return (shown.length ? shown : [...byLetter]).map(([, values]) => values);
  }

  /** What the gap is between; null: there are no two. */
  compared() {
    return comparedIn(this.curves.comparable(), this.look.gap);
  }

  /** The gap, by frame; empty if there is none. */
  gapCurve() {
    const compared = this.compared();
    return compared ? gapOf(compared) : new Float64Array();
  }

  /** The frame at which each chart's cursor stands, for tests. */
  cursorFrames() {
    return this.drawn.map(cursorFrame);
  }

  clear() {
    for (const { plot } of this.drawn) this.plotly?.purge(plot);
    this.drawn = [];
    this.host.replaceChildren();
  }

  // Below: how

  /** Python's charts, with what is looked at in them, and those derived from them. @returns {Chart[]} */
  compose() {
    const charts = this.curves.charts.map((chart) => this.ofRegion(chart));
    const compared = this.compared();
    if (compared) {
      const at = charts.findIndex(({ id }) => id === compared.measure.id);
      charts.splice(at + 1, 0, { ...gapChart(compared), controls: this.gapControls });
    }
    const error = charts.find(({ id }) => id === "error");
    if (error && this.errors.length > 1) {
      const shown = charts.find(({ id }) => id === "accuracy") ?? error;
      fill(this.errorControls.menu, this.errors, shown.measure ?? "");
      charts[charts.indexOf(error)] = { ...error, controls: this.errorControls };
    }
    return [...charts, ...this.extras];
  }

  /** The energies of the region instead of those of the frame, which stay as faint lines. @param {Chart} chart @returns {Chart} */
  ofRegion(chart) {
    const { region } = this.curves;
    if (chart.id !== "energy" || !region) return chart;
    const faint = chart.series.filter(({ letter }) => region.byLetter.has(letter));
    const series = chart.series.map((one) => ({ ...one, values: region.byLetter.get(one.letter) ?? one.values }));
    return { ...chart, series, faint, note: region.note };
  }

  buildGapControls() {
    const measure = element("select", { "aria-label": "measure of the gap" });
    const choose = () => this.onLook({ gap: { of: measure.value, against: this.compared()?.second ?? "B" } });
    measure.addEventListener("change", choose, { signal: this.signal });
    return Object.assign(element("span", { class: "chart-controls" }, measure), { measure });
  }

  buildErrorControls() {
    const menu = element("select", { "aria-label": "error that is plotted" });
    menu.addEventListener("change", () => this.onMeasure(menu.value), { signal: this.signal });
    return Object.assign(element("span", { class: "chart-controls" }, menu), { menu });
  }

  buildZoomControls() {
    const make = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) => {
      const made = button(label, null, text);
      made.addEventListener("click", act, { signal: this.signal });
      return made;
    };
    const whole = make("whole clip", "show the whole clip in the plots", () => this.onLook({ span: null }));
    const made = element(
      "span",
      { class: "chart-controls zoom" },
      whole,
      make("–", "show more frames in the plots (Shift T)", () => this.zoom(ZOOM_STEP)),
      make("+", "show fewer frames in the plots (T)", () => this.zoom(1 / ZOOM_STEP)),
    );
    return Object.assign(made, { whole });
  }

  /** The notes behind the titles, and the menu of the gap. */
  drawNotes() {
    const compared = this.compared();
    for (const { chart, note } of this.drawn) {
      if (chart.id !== "gap" || !compared) {
        note.textContent = chart.note ?? "";
        continue;
      }
      const { measure } = compared;
      const where = this.look.loop ? ` (loop ${this.look.loop.join("–")})` : "";
      const of = measure.id === "energy" && this.curves.region ? `, ${this.curves.region.note}` : "";
      const isWhole = !this.look.loop && !of;
      note.textContent = `${gapSentence(compared, this.look.loop ?? [0, this.nFrames - 1], isWhole)}${where}${of}`;
      note.title = note.textContent; // it may be cut
      const menu = this.gapControls.measure;
      const comparable = this.curves.comparable();
      fill(
        menu,
        comparable.map(({ id, title }) => [id, title]),
        measure.id,
      );
      menu.hidden = comparable.length < 2;
    }
    this.zoomControls.whole.hidden = this.look.span === null;
  }

  /** Mark the frames that play repeats. @param {[number, number] | null} loop */
  drawLoop(loop) {
    for (const { plot, range } of this.drawn) {
      const axis = /** @type {any} */ (plot)._fullLayout?.xaxis;
      range.hidden = !loop || !axis;
      if (!loop || !axis) continue;
      const left = axis._offset + axis.d2p(loop[0] - 0.5);
      range.style.left = `${left}px`;
      range.style.width = `${axis._offset + axis.d2p(loop[1] + 0.5) - left}px`;
    }
  }

  /** Ticks at the top of each plot, one for each run of marked frames. */
  drawMarks() {
    for (const { plot, marks } of this.drawn) {
      const axis = /** @type {any} */ (plot)._fullLayout?.xaxis;
      if (!axis) continue;
      const runs = runsOf(this.marked).map(([first, last]) => {
        const run = element("i");
        const left = axis.d2p(first - 0.5);
        run.style.left = `${axis._offset + left}px`;
        run.style.width = `${Math.max(axis.d2p(last + 0.5) - left, 1.5)}px`;
        return run;
      });
      marks.replaceChildren(...runs);
    }
  }

  /** The time axis as the view state has it. */
  drawSpan() {
    if (!this.plotly) return;
    if (this.nFrames > MAX_WHOLE) {
      this.redraw(); // its curves are thinned for the range that is shown
      return;
    }
    for (const { plot } of this.drawn) this.plotly.relayout(plot, { "xaxis.range": this.xRange() });
    this.settle();
  }

  xRange() {
    const [first, last] = this.look.span ?? [0, this.nFrames - 1];
    return [first - 0.5, last + 0.5];
  }

  /** @param {Chart} chart @param {boolean} isFirst @returns {Drawn} */
  build(chart, isFirst) {
    const plot = element("div", { class: "plot" });
    const cursor = element("div", { class: "cursor" });
    const range = element("div", { class: "loop" });
    range.hidden = true;
    const marks = element("div", { class: "marks" });
    const note = element("span", { class: "chart-note number" });
    const entries = chart.series.map((_, index) => this.entry(chart, index));
    const hover = hoverMark();
    const grip = element("div", { class: "axis-grip", title: "drag to loop over these frames" });
    const area = element(
      "div",
      { class: "plot-area" },
      range,
      plot,
      marks,
      cursor,
      hover.line,
      ...entries.map(({ chip }) => chip),
      hover.tip,
      grip,
    );
    const title = element("span", { class: "chart-title", text: chart.title });
    const legend = entries.map(({ entry }) => entry);
    const controls = [chart.controls ?? [], isFirst ? this.zoomControls : []].flat();
    element(
      "figure",
      { class: "chart", "data-id": chart.id, "aria-label": chart.title },
      element("figcaption", {}, title, ...legend, note, element("span", { class: "spring" }), ...controls),
      area,
    );
    return { chart, plot, cursor, hover, range, marks, note, entries, places: new Float64Array(entries.length) };
  }

  /** The entry of a series in the legend. @param {Chart} chart @param {number} index of the series @returns {Entry} */
  entry(chart, index) {
    const { letter, name, values, colour: own, act = "" } = chart.series[index];
    const isGap = chart.id === "gap";
    const { palette } = this.theme.colours();
    const colour = letter ? this.theme.ofLetter(letter) : (own ?? palette[index % palette.length]);
    const chip = element("span", { class: "badge chip", text: letter });
    chip.hidden = true;
    const value = element("output", { class: "number" });
    const swatch = letter ? element("span", { class: "badge", text: letter }) : element("span", { class: "swatch" });
    swatch.style.setProperty("--xc-own", colour);
    /** @type {HTMLElement} */
    const entry = element(
      letter || act ? "button" : "span",
      { class: "value" },
      swatch,
      element("span", { text: name }),
      value,
    );
    if (letter) {
      entry.setAttribute("type", "button");
      entry.title = isGap ? "shade this gap" : "hide or show (with Alt or Shift: show only this one)";
      entry.addEventListener("click", (event) => {
        if (isGap) this.onLook({ gap: { of: this.compared()?.measure.id ?? "energy", against: letter } });
        else this.toggle(letter, event.altKey || event.shiftKey);
      });
    }
    if (act) {
      entry.setAttribute("type", "button");
      entry.title = `${name}: ${act}`;
      entry.addEventListener("click", () =>
        this.drawn.find(({ chart: one }) => one.id === chart.id)?.chart.onEntry?.(index),
      );
    }
    const numbers = byFrame(values, this.nFrames);
    return { letter, name: isGap ? name : letter, colour, values: numbers, value, chip, entry, isShown: true };
  }

  /** Hide or show a configuration in all plots. @param {string} letter @param {boolean} isSolo it alone; again: all */
  toggle(letter, isSolo) {
    const all = [...new Set(this.curves.measures.flatMap(({ byLetter }) => [...byLetter.keys()]))].sort();
    const { hide } = this.look;
    const others = all.filter((one) => one !== letter).join("");
    const one = [...hide.replaceAll(letter, ""), ...(hide.includes(letter) ? [] : [letter])].sort().join("");
    this.onLook({ hide: isSolo ? (hide === others ? "" : others) : one });
  }

  /** Put another chart of the same kind into what is drawn. @param {Drawn} drawn @param {Chart} chart */
  replace(drawn, chart) {
    drawn.chart = chart;
    for (const [index, { values }] of chart.series.entries())
      drawn.entries[index].values = byFrame(values, this.nFrames);
  }

  /** @param {Drawn} drawn @param {boolean} isLast */
  async draw({ chart, plot, entries }, isLast) {
    const height = this.plotPx + (isLast ? TICKS_PX : 0);
    const area = /** @type {HTMLElement} */ (plot.parentElement);
    area.style.height = `${height}px`;
    area.toggleAttribute("data-axis", isLast);
    for (const one of entries) {
      if (!one.letter) continue;
      one.colour = this.theme.ofLetter(one.letter);
      // The gap is a matter of two, so its lines stay.
      one.isShown = chart.id === "gap" || !this.look.hide.includes(one.letter);
      one.entry.setAttribute(
        "aria-pressed",
        String(chart.id === "gap" ? this.compared()?.second === one.letter : one.isShown),
      );
      one.chip.style.setProperty("--xc-own", one.colour);
      one.entry.querySelector(".badge")?.setAttribute("style", `--xc-own: ${one.colour}`);
    }
    const style = {
      letters: this.curves.letters,
      styles: this.curves.styles,
      hide: chart.id === "gap" ? "" : this.look.hide,
      ofLetter: (/** @type {string} */ letter) => this.theme.ofLetter(letter),
    };
    const colours = entries.map(({ colour }) => colour);
    const place = {
      width: Math.max(this.host.clientWidth, 160),
      height,
      xRange: this.xRange(),
      ticksPx: isLast ? TICKS_PX : 0,
      theme: this.theme.colours(),
    };
    const options = { staticPlot: true, displayModeBar: false, responsive: false };
    await this.plotly.react(plot, tracesOf(chart, colours, style, place), layoutOf(chart, place), options);
  }
}

/** True if both have the same title and legend, so that one can replace the other. @param {Chart} a @param {Chart} b */
function isAlike(a, b) {
  const shape = (/** @type {Chart} */ { id, title, unit, series }) =>
    JSON.stringify([id, title, unit, series.map(({ name, letter }) => [name, letter])]);
  return a.controls === b.controls && shape(a) === shape(b);
}

/** What has the focus inside `host`, in a shadow tree too. @param {HTMLElement} host @returns {HTMLElement | null} */
function focusedIn(host) {
  const { activeElement } = /** @type {Document | ShadowRoot} */ (host.getRootNode());
  return activeElement instanceof HTMLElement && host.contains(activeElement) ? activeElement : null;
}
