// @ts-check
/**
 * The plots under the pictures: Plotly figures over the frame index, a cursor that costs no redraw, and seeking, looping
 * and zooming by pointer. The cursor is a div placed with the axis' own d2p (0.006 ms; Plotly.relayout takes 0.6 ms and
 * repaints). Plotted are Python's charts and those made of them here: the gap between two configurations.
 */

import { formatValue } from "../drawing/colour.mjs";
import { button, element } from "../ui/dom.mjs";
import {
  byFrame,
  difference,
  followSpan,
  meanCurve,
  moveSpan,
  percent,
  runsOf,
  sides,
  wins,
  winsSentence,
  zoomSpan,
} from "./curves.mjs";

/** Share of the window's height, and its limits, px. */
const HEIGHT = { share: 0.15, min: 92, max: 170 };
/** Room for tick labels under the last chart, which carries them for all. */
const TICKS_PX = 18;
/** Width of a letter at the cursor with the space beside it, and that space alone. */
const CHIP_PX = 18;
const GAP_PX = 4;
const MARGIN = { l: 58, r: 14, t: 6, b: 6 };
/** A press that moves less is a click. */
const CLICK_PX = 4;
/** Frames of one step of zooming, as a factor, and how far the wheel has to turn for it. */
export const ZOOM_STEP = 1.5;
const WHEEL_PX = 100;
/** Strength of the colour between the gap and 0, and of a curve that only accompanies another. */
const WIN_ALPHA = 0.32;
const FAINT_ALPHA = 0.35;
const MINUS = "\u2212";

/**
 * @typedef {import("./curves.mjs").Chart} Chart
 * @typedef {import("../player/view_state.mjs").ViewState} Look
 * @typedef {{name: string, letter: string, colour: string, unit: string, y: ArrayLike<number>, value: HTMLElement,
 *   chip: HTMLElement, entry: HTMLElement, isShown: boolean}} Series
 * @typedef {{chart: Chart, plot: HTMLElement, cursor: HTMLElement, range: HTMLElement, marks: HTMLElement,
 *   note: HTMLElement, series: Series[]}} Drawn
 */

export class Charts {
  /**
   * @param {HTMLElement} host
   * @param {{signal: AbortSignal, theme: import("../ui/theme.mjs").Theme, curves: import("./curves.mjs").Curves,
   *   onSeek: (frame: number, isFinal: boolean) => void, onLoop: (loop: [number, number]) => void,
   *   onLook: (changes: Partial<Look>) => void}} options
   */
  constructor(host, { signal, theme, curves, onSeek, onLoop, onLook }) {
    this.host = host;
    this.signal = signal;
    this.theme = theme;
    this.curves = curves;
    this.onSeek = onSeek;
    this.onLoop = onLoop;
    this.onLook = onLook;
    /** @type {Drawn[]} */
    this.drawn = [];
    /** @type {any} the Plotly module, once it is there */
    this.plotly = null;
    this.frame = 0;
    /** @type {Pick<Look, "loop" | "span" | "hide" | "gap">} */
    this.look = { loop: null, span: null, hide: "", gap: null };
    /** Charts of other parts, after those of Python. @type {Chart[]} */
    this.extras = [];
    /** Frames that are marked in all plots. @type {number[]} */
    this.marked = [];
    this.turn = 0;
    /** @type {{isLoop: boolean, from: number, x: number, y: number, moved: boolean} | null} */
    this.drag = null;
    this.wheel = 0;
    /** What is to be drawn anew: null: nothing, false: what has other values, true: all. @type {boolean | null} */
    this.stale = null;
    this.gapControls = this.buildGapControls();
    this.zoomControls = this.buildZoomControls();
    this.listen();
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

  /** Height of one plot without tick labels, CSS px. */
  static heightPx() {
    return Math.round(Math.min(Math.max(HEIGHT.share * window.innerHeight, HEIGHT.min), HEIGHT.max));
  }

  /** Height of the first `count` charts, CSS px. @param {Chart[]} charts @param {number} count */
  static heightOf(charts, count) {
    const captionPx = 26;
    return Math.min(count, charts.length) * (Charts.heightPx() + captionPx) + (charts.length <= count ? TICKS_PX : 0);
  }

  /** Space left and right of the frames, CSS px, so that a scrubber can stand in line with them. */
  static inset = [MARGIN.l, MARGIN.r];

  /** Draw the charts of `curves` instead of the ones before. @param {boolean} isWhole also those of the same values */
  async show(isWhole = true) {
    const turn = ++this.turn;
    this.stale = null; // what was asked for is done now
    if (!this.plotly) await Promise.race([this.firstPaint, new Promise((resolve) => setTimeout(resolve, 1000))]);
    const plotly = this.plotly ?? (this.curves.charts.length ? await loadPlotly() : null);
    if (turn !== this.turn || this.signal.aborted) return;
    this.plotly = plotly;
    const charts = this.compose();
    if (charts.length === this.drawn.length && charts.every((chart, i) => isAlike(chart, this.drawn[i].chart))) {
      const others = charts.map((chart, index) => isWhole || chart !== this.drawn[index].chart);
      charts.forEach((chart, index) => this.replace(this.drawn[index], chart));
      await Promise.all(this.drawn.map((one, index) => others[index] && this.draw(one, index === charts.length - 1)));
      this.settle();
      return;
    }
    const drawn = charts.map((chart, index) => this.build(chart, index === 0));
    await Promise.all(drawn.map((one, index) => this.draw(one, index === charts.length - 1)));
    const isStale = turn !== this.turn || this.signal.aborted;
    for (const { plot } of isStale ? drawn : this.drawn) plotly?.purge(plot);
    if (isStale) return;
    // Only now, so that nothing is blank in between.
    this.drawn = drawn;
    this.host.replaceChildren(...drawn.map(({ plot }) => /** @type {HTMLElement} */ (plot.closest("figure"))));
    this.settle();
  }

  /** Draw anew what is shown, once, in the next animation frame. @param {boolean} isWhole also charts of the same values */
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

  /** Everything over the plots, where their axes now say. */
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
    const { frame } = this;
    for (const { plot, cursor, series } of this.drawn) {
      const axes = /** @type {any} */ (plot)._fullLayout;
      if (!axes?.xaxis?.d2p) continue;
      const x = axes.xaxis._offset + axes.xaxis.d2p(frame);
      cursor.style.transform = `translateX(${x.toFixed(2)}px)`;
      series.forEach(({ letter, y, value, chip, unit, isShown }, index) => {
        const number = Number(y[frame] ?? NaN);
        value.textContent = Number.isFinite(number) ? formatValue(number) + (unit && ` ${unit}`) : "–";
        if (!letter) return;
        const top = axes.yaxis._offset + axes.yaxis.d2p(number);
        const isInside = isShown && Number.isFinite(top) && top >= 0 && top <= plot.clientHeight;
        chip.hidden = !isInside;
        // A left of the line, B right of it: two equal values stay legible. At the edges both on the inner side.
        const isLeft = index % 2 === 0;
        let aside = isLeft ? -CHIP_PX : GAP_PX;
        if (isLeft && x < axes.xaxis._offset + CHIP_PX) aside = CHIP_PX + GAP_PX;
        if (!isLeft && x > plot.clientWidth - CHIP_PX) aside = -2 * CHIP_PX;
        if (isInside) chip.style.transform = `translate(${aside}px, ${(top - 7).toFixed(1)}px)`;
      });
    }
  }

  /** Follow the look: loop, zoom of the time axis, hidden configurations, what is compared. @param {Look} look */
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

  /** Numbers for peaks and the worst frame, the mean over the configurations shown: NaN where unknown. */
  mainCurve() {
    const main = this.curves.main();
    return main ? meanCurve(this.visible(main), this.nFrames) : new Float64Array();
  }

  /** The curves of a measure that the legend has not hidden; all, where it has hidden all. @param {import("./curves.mjs").Measure} measure */
  visible({ byLetter }) {
    const shown = [...byLetter].filter(([letter]) => !this.look.hide.includes(letter));
    return (shown.length ? shown : [...byLetter]).map(([, values]) => values);
  }

  /**
   * What the gap is between: a measure, A, and the other one. null: there are no two.
   * @returns {{measure: import("./curves.mjs").Measure, first: string, second: string} | null}
   */
  compared() {
    const all = this.curves.comparable();
    const wanted = this.look.gap;
    const measure = all.find(({ id }) => id === wanted?.of) ?? all[0];
    if (!measure) return null;
    const [first, ...others] = [...measure.byLetter.keys()].sort();
    return { measure, first, second: others.find((letter) => letter === wanted?.against) ?? others[0] };
  }

  /** The gap that `compared` says, by frame. */
  gapCurve() {
    const compared = this.compared();
    if (!compared) return new Float64Array();
    const { measure, first, second } = compared;
    return difference(measure.byLetter.get(first) ?? [], measure.byLetter.get(second) ?? []);
  }

  /** What tests ask: where each chart's cursor stands, as a frame. */
  cursorFrames() {
    return this.drawn.map(({ plot, cursor }) => {
      const axis = /** @type {any} */ (plot)._fullLayout.xaxis;
      const box = cursor.getBoundingClientRect();
      const x = box.left + box.width / 2 - plot.getBoundingClientRect().left;
      return axis.p2d(x - axis._offset);
    });
  }

  clear() {
    for (const { plot } of this.drawn) this.plotly?.purge(plot);
    this.drawn = [];
    this.host.replaceChildren();
  }

  // Below: how

  /** Python's charts, with what is looked at in them, and those made of them. @returns {Chart[]} */
  compose() {
    const charts = this.curves.charts.map((chart) => this.ofRegion(chart));
    const compared = this.compared();
    if (compared) {
      const at = charts.findIndex(({ id }) => id === compared.measure.id);
      charts.splice(at + 1, 0, this.gapChart(compared));
    }
    return [...charts, ...this.extras];
  }

  /** The energies of the region instead of those of the frame, which stay as faint lines. @param {Chart} chart @returns {Chart} */
  ofRegion(chart) {
    const { region } = this.curves;
    if (chart.id !== "energy" || !region) return chart;
    const own = (/** @type {any} */ trace) =>
      trace.meta?.is_helper ? undefined : region.byLetter.get(trace.meta?.letter);
    const data = (chart.figure.data ?? []).flatMap((trace) => {
      const y = own(trace);
      if (!y) return [trace];
      return [
        { ...trace, meta: { ...trace.meta, is_helper: true, is_faint: true } },
        { ...trace, x: undefined, y },
      ];
    });
    return { ...chart, figure: { ...chart.figure, data }, note: region.note };
  }

  /**
   * A - B and, where there are more, A - C and so on; what lies between the chosen one and 0 is won by one of the two.
   * @param {NonNullable<ReturnType<Charts["compared"]>>} compared
   * @returns {Chart}
   */
  gapChart({ measure, first, second }) {
    const { byLetter, unit } = measure;
    const a = byLetter.get(first) ?? [];
    const outline = sides(difference(a, byLetter.get(second) ?? []));
    const fill = (/** @type {string} */ letter, /** @type {any} */ y) => ({
      type: "scatter",
      mode: "lines",
      x: outline.x,
      y,
      fill: "tozeroy",
      line: { width: 0 },
      meta: { is_helper: true, fill_letter: letter },
    });
    const others = [...byLetter.keys()].filter((letter) => letter !== first).sort();
    const lines = others.map((letter) => ({
      type: "scatter",
      mode: "lines",
      name: `${first} ${MINUS} ${letter}`,
      y: difference(a, byLetter.get(letter) ?? []),
      line: { width: letter === second ? 1.75 : 1, dash: this.dashOf(measure.id, letter) },
      meta: { letter, unit },
      connectgaps: false,
    }));
    const word = (/** @type {string} */ letter, /** @type {number} */ y) => ({
      text: `${letter} lower`,
      xref: "paper",
      yref: "paper",
      x: 1,
      y,
      xanchor: "right",
      yanchor: y ? "top" : "bottom",
      showarrow: false,
      font: { size: 11 },
    });
    const title = unit ? `gap (${unit})` : "gap";
    const layout = {
      yaxis: { title: { text: title }, zeroline: true, nticks: 4, rangemode: "tozero" },
      annotations: [
        ...(outline.above.some((value) => (value ?? 0) > 0) ? [word(second, 1)] : []),
        ...(outline.below.some((value) => (value ?? 0) < 0) ? [word(first, 0)] : []),
      ],
    };
    return {
      id: "gap",
      title: "Gap",
      figure: { data: [fill(second, outline.above), fill(first, outline.below), ...lines], layout },
      controls: this.gapControls,
    };
  }

  /** The line style of a configuration, which also those who see no colours can tell. @param {string} id @param {string} letter */
  dashOf(id, letter) {
    const chart = this.curves.charts.find((one) => one.id === id);
    return chart && seriesTraces(chart).find((trace) => trace.meta?.letter === letter)?.line?.dash;
  }

  buildGapControls() {
    const measure = element("select", { "aria-label": "measure of the gap" });
    const choose = () => this.onLook({ gap: { of: measure.value, against: this.compared()?.second ?? "B" } });
    measure.addEventListener("change", choose, { signal: this.signal });
    return Object.assign(element("span", { class: "chart-controls" }, measure), { measure });
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

  /** What stands behind the titles and in the menus. */
  drawNotes() {
    const compared = this.compared();
    for (const { chart, note } of this.drawn) {
      if (chart.id !== "gap" || !compared) {
        note.textContent = chart.note ?? "";
        continue;
      }
      const { measure, first } = compared;
      const range = this.look.loop ?? [0, this.nFrames - 1];
      const where = this.look.loop ? ` (loop ${range[0]}–${range[1]})` : "";
      const others = [...measure.byLetter.keys()].filter((letter) => letter !== first).sort();
      const counts = others.map((letter) =>
        wins(
          measure.byLetter.get(first) ?? [],
          measure.byLetter.get(letter) ?? [],
          /** @type {[number, number]} */ (range),
        ),
      );
      const sentence =
        others.length === 1
          ? winsSentence([first, others[0]], counts[0])
          : others
              .map((letter, i) => `${letter} lower than ${first} on ${percent(counts[i].b, counts[i].frames)}`)
              .join(", ");
      const of = measure.id === "energy" && this.curves.region ? `, ${this.curves.region.note}` : "";
      note.textContent = `${sentence}${where}${of}`;
      const menu = /** @type {any} */ (this.gapControls).measure;
      fillMenu(
        menu,
        this.curves.comparable().map(({ id, title }) => [id, title]),
        measure.id,
      );
      menu.hidden = this.curves.comparable().length < 2;
    }
    /** @type {any} */ (this.zoomControls).whole.hidden = this.look.span === null;
  }

  /** Mark the frames that play goes round. @param {[number, number] | null} loop */
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

  /** The time axis as the look says. */
  drawSpan() {
    if (!this.plotly) return;
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
    const series = seriesTraces(chart).map((trace, index) => this.series(trace, index, chart));
    cursor.append(...series.map(({ chip }) => chip));
    const grip = element("div", { class: "axis-grip", title: "drag to loop over these frames" });
    const area = element("div", { class: "plot-area" }, range, plot, marks, cursor, grip);
    const title = element("span", { class: "chart-title", text: chart.title });
    const entries = series.map(({ entry }) => entry);
    const controls = [chart.controls ?? [], isFirst ? this.zoomControls : []].flat();
    element(
      "figure",
      { class: "chart", "data-id": chart.id, "aria-label": chart.title },
      element("figcaption", {}, title, ...entries, note, element("span", { class: "spring" }), ...controls),
      area,
    );
    return { chart, plot, cursor, range, marks, note, series };
  }

  /** @param {any} trace @param {number} index @param {Chart} chart @returns {Series} */
  series(trace, index, chart) {
    const isGap = chart.id === "gap";
    const act = String(trace.meta?.act ?? "");
    const letter = String(trace.meta?.letter ?? "");
    const name = String(trace.name ?? "");
    const { palette } = this.theme.colours();
    const colour = letter ? this.theme.ofLetter(letter) : (trace.line?.color ?? palette[index % palette.length]);
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
      entry.title = isGap ? "shade this gap" : "hide or show; with Alt or Shift: this one alone";
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
    const unit = String(trace.meta?.unit ?? "");
    return { name, letter, colour, unit, y: byFrame(trace, this.nFrames), value, chip, entry, isShown: true };
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
    seriesTraces(chart).forEach((trace, index) => (drawn.series[index].y = byFrame(trace, this.nFrames)));
  }

  /** @param {Drawn} drawn @param {boolean} isLast */
  async draw({ chart, plot, series }, isLast) {
    const theme = this.theme.colours();
    const layout = chart.figure.layout ?? {};
    const height = Charts.heightPx() + (isLast ? TICKS_PX : 0);
    const area = /** @type {HTMLElement} */ (plot.parentElement);
    area.style.height = `${height}px`;
    area.toggleAttribute("data-axis", isLast);
    for (const one of series) {
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
    const shown = seriesTraces(chart);
    const data = (chart.figure.data ?? []).map((trace) => {
      const own = series[shown.indexOf(trace)];
      const letter = String(trace.meta?.letter ?? "");
      const colour = own?.colour ?? (letter ? this.theme.ofLetter(letter) : trace.line?.color);
      const isHidden = letter !== "" && chart.id !== "gap" && this.look.hide.includes(letter);
      const line = { width: 1.75, ...trace.line, ...(colour ? { color: colour } : {}) };
      const drawn = { ...trace, hoverinfo: "skip", line };
      if (isHidden) drawn.visible = false;
      if (trace.meta?.is_faint) drawn.opacity = FAINT_ALPHA;
      if (trace.meta?.fill_letter) drawn.fillcolor = withAlpha(this.theme.ofLetter(trace.meta.fill_letter), WIN_ALPHA);
      return drawn;
    });
    const axis = {
      gridcolor: theme.grid,
      linecolor: theme.grid,
      zerolinecolor: theme.grid,
      tickfont: { color: theme.muted, size: 11, family: theme.font },
      automargin: false,
      fixedrange: true,
      showline: false,
    };
    await this.plotly.react(
      plot,
      data,
      {
        ...layout,
        annotations: (layout.annotations ?? []).map((/** @type {any} */ one) => ({
          ...one,
          font: { color: theme.muted, ...one.font },
        })),
        template: undefined,
        title: undefined,
        autosize: false,
        width: Math.max(this.host.clientWidth, 160),
        height,
        margin: { ...MARGIN, b: MARGIN.b + (isLast ? TICKS_PX : 0), pad: 0 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: theme.text, family: theme.font, size: 12 },
        showlegend: false,
        hovermode: false,
        dragmode: false,
        xaxis: {
          ...layout.xaxis,
          ...axis,
          title: undefined,
          type: "linear",
          autorange: false,
          range: this.xRange(),
          showgrid: false,
          zeroline: false,
          showticklabels: isLast,
          ticks: isLast ? "outside" : "",
          ticklen: 3,
          tickcolor: theme.grid,
        },
        yaxis: {
          nticks: 5,
          ...layout.yaxis,
          ...axis,
          title: layout.yaxis?.title?.text
            ? { text: layout.yaxis.title.text, font: { color: theme.muted, size: 11 } }
            : undefined,
        },
      },
      { staticPlot: true, displayModeBar: false, responsive: false },
    );
  }

  /**
   * Click and drag seek; with Shift, or on the time axis, a drag chooses the loop; a vertical swipe still scrolls the
   * page. The host listens and has the pointer, because it stays: a plot may be replaced while it is dragged, and would
   * take the end of the drag with it.
   */
  listen() {
    const { host, signal } = this;
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ act) =>
      host.addEventListener(name, act, { signal });
    on("pointerdown", (event) => {
      if (event.button !== 0 || !event.target.closest(".plot-area")) return;
      const isLoop = event.shiftKey || event.target.closest(".axis-grip") !== null;
      this.drag = { isLoop, from: this.frameUnder(event), x: event.clientX, y: event.clientY, moved: false };
      host.setPointerCapture(event.pointerId);
      if (!isLoop) this.onSeek(this.frameUnder(event), false);
    });
    on("pointermove", (event) => {
      const { drag } = this;
      if (!drag) return;
      drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > CLICK_PX;
      if (!drag.isLoop) this.onSeek(this.frameUnder(event), false);
      else if (drag.moved) this.drawLoop(this.loopUnder(drag.from, event));
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      on(name, (event) => {
        const { drag } = this;
        if (!drag) return;
        this.drag = null;
        const isDone = name === "pointerup";
        if (!drag.isLoop) this.onSeek(isDone ? this.frameUnder(event) : this.frame, true);
        else if (isDone && drag.moved) this.onLoop(this.loopUnder(drag.from, event));
        if (drag.isLoop) this.drawLoop(this.look.loop);
        if (isDone && !drag.isLoop && !drag.moved) this.tap(event);
      });
    }
    // Not passive: a zoom of the plots is none of the page.
    host.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
  }

  /** @param {WheelEvent} event with Ctrl (or a pinch on a touchpad): zoom; sideways or with Shift: move what is zoomed */
  onWheel(event) {
    if (!(/** @type {HTMLElement} */ (event.target).closest(".plot-area"))) return;
    if (event.ctrlKey) {
      event.preventDefault();
      this.wheel += event.deltaY;
      if (Math.abs(this.wheel) < WHEEL_PX / 10) return;
      this.zoom(ZOOM_STEP ** (this.wheel / WHEEL_PX), this.frameUnder(event));
      this.wheel = 0;
      return;
    }
    const { span } = this.look;
    const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (!span || Math.abs(sideways) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
    event.preventDefault();
    const width = Math.max(this.host.clientWidth - MARGIN.l - MARGIN.r, 1);
    this.wheel += (sideways / width) * (span[1] - span[0] + 1);
    const by = Math.trunc(this.wheel);
    if (by === 0) return;
    this.wheel -= by;
    const moved = moveSpan(span, by, this.nFrames);
    // The cursor never leaves the axis: it is the end of the way.
    if (this.frame >= moved[0] && this.frame <= moved[1]) this.onLook({ span: moved });
  }

  /** @param {PointerEvent} event */
  tap(event) {
    const under = this.drawn.find(({ plot }) => {
      const box = plot.getBoundingClientRect();
      return event.clientY >= box.top && event.clientY <= box.bottom;
    });
    const axis = /** @type {any} */ (under?.plot)?._fullLayout?.yaxis;
    if (!under?.chart.onTap || !axis) return;
    const y = event.clientY - under.plot.getBoundingClientRect().top - axis._offset;
    under.chart.onTap(this.frameUnder(event), axis.p2d(y));
  }

  /** @param {number} from @param {PointerEvent} event @returns {[number, number]} */
  loopUnder(from, event) {
    const last = this.nFrames - 1;
    const clamp = (/** @type {number} */ frame) => Math.min(Math.max(frame, 0), last);
    const [a, b] = [clamp(from), clamp(this.frameUnder(event))];
    return [Math.min(a, b), Math.max(a, b)];
  }

  /** All plots have one axis and one width, so the first one tells for all. @param {MouseEvent} event */
  frameUnder(event) {
    const plot = this.drawn[0]?.plot;
    const axis = /** @type {any} */ (plot)?._fullLayout?.xaxis;
    if (!axis) return this.frame;
    const x = event.clientX - plot.getBoundingClientRect().left;
    return Math.round(axis.p2d(x - axis._offset));
  }
}

/** The traces that have an entry in the legend. @param {Chart} chart @returns {any[]} */
function seriesTraces({ figure }) {
  return (figure.data ?? []).filter(
    (trace) => trace.visible !== false && trace.visible !== "legendonly" && !trace.meta?.is_helper,
  );
}

/** Do both have the same title and legend, so that one can stand in the other's place? @param {Chart} a @param {Chart} b */
function isAlike(a, b) {
  const shape = (/** @type {Chart} */ chart) =>
    JSON.stringify([
      chart.id,
      chart.title,
      seriesTraces(chart).map(({ name, meta }) => [name, meta?.letter, meta?.unit]),
    ]);
  return a.controls === b.controls && shape(a) === shape(b);
}

/** @param {any} menu a select @param {[string, string][]} options value and label @param {string} value */
function fillMenu(menu, options, value) {
  const text = JSON.stringify(options);
  if (menu.options_ !== text) {
    menu.options_ = text;
    menu.replaceChildren(...options.map(([name, label]) => element("option", { value: name, text: label })));
  }
  menu.value = value;
}

/** @param {string} colour rgba() @param {number} alpha */
function withAlpha(colour, alpha) {
  return colour.replace(/[\d.]+\)$/, `${alpha})`);
}

/** @type {Promise<any> | null} */
let plotlyPromise = null;

/** plotly.js, once per page: it is a script of the old kind, so it arrives as a global. */
function loadPlotly() {
  plotlyPromise ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../plotly.min.js", import.meta.url).href;
    script.onload = () => resolve(/** @type {any} */ (window).Plotly);
    script.onerror = () => {
      plotlyPromise = null;
      script.remove();
      reject(new Error("plotly.min.js cannot be loaded"));
    };
    document.head.append(script);
  });
  return plotlyPromise;
}
