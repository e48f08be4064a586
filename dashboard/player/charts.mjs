// @ts-check
/**
 * The plots under the pictures: Plotly figures over the frame index, a cursor that costs no redraw, and seeking by
 * pointer. The cursor is a div placed with the axis' own d2p (0.006 ms; Plotly.relayout takes 0.6 ms and repaints).
 */

import { element } from "./dom.mjs";
import { formatValue } from "./colour.mjs";

/** Share of the window's height, and its limits, px. */
const HEIGHT = { share: 0.15, min: 92, max: 170 };
/** Room for tick labels under the last chart, which carries them for all. */
const TICKS_PX = 18;
/** Width of a letter at the cursor with the space beside it, and that space alone. */
const CHIP_PX = 18;
const GAP_PX = 4;
const MARGIN = { l: 58, r: 14, t: 6, b: 6 };

/**
 * @typedef {{id: string, title: string, figure: {data?: any[], layout?: any}}} Chart
 * @typedef {{name: string, letter: string, colour: string, unit: string, y: ArrayLike<number>, value: HTMLElement,
 *   chip: HTMLElement}} Series
 * @typedef {{chart: Chart, plot: HTMLElement, cursor: HTMLElement, range: HTMLElement, series: Series[]}} Drawn
 */

export class Charts {
  /**
   * @param {HTMLElement} host
   * @param {{signal: AbortSignal, onSeek: (frame: number, isFinal: boolean) => void,
   *   theme: import("./theme.mjs").Theme}} options
   */
  constructor(host, { signal, onSeek, theme }) {
    this.host = host;
    this.signal = signal;
    this.onSeek = onSeek;
    this.theme = theme;
    /** @type {Drawn[]} */
    this.drawn = [];
    /** @type {any} the Plotly module, once it is there */
    this.plotly = null;
    this.nFrames = 1;
    this.frame = 0;
    /** @type {[number, number] | null} */
    this.loop = null;
    this.turn = 0;
    this.isDragging = false;
    this.listen();
    /** Settled by the first picture: plotly.js takes half a second to evaluate, and pictures come first. */
    this.firstPaint = new Promise((resolve) => (this.markPainted = resolve));
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

  /**
   * Draw these charts instead of the ones before.
   * @param {Chart[]} charts @param {number} nFrames
   */
  async show(charts, nFrames) {
    const turn = ++this.turn;
    if (!this.plotly) await Promise.race([this.firstPaint, new Promise((resolve) => setTimeout(resolve, 1000))]);
    const plotly = this.plotly ?? (charts.length ? await loadPlotly() : null);
    if (turn !== this.turn || this.signal.aborted) return;
    this.plotly = plotly;
    this.nFrames = nFrames;
    const drawn = charts.map((chart) => this.build(chart));
    await Promise.all(drawn.map((one, index) => this.draw(one, index === charts.length - 1)));
    const isStale = turn !== this.turn || this.signal.aborted;
    for (const { plot } of isStale ? drawn : this.drawn) plotly?.purge(plot);
    if (isStale) return;
    // Only now, so that nothing is blank in between.
    this.drawn = drawn;
    this.host.replaceChildren(...drawn.map(({ plot }) => /** @type {HTMLElement} */ (plot.closest("figure"))));
    this.markLoop(this.loop);
    this.moveCursor(this.frame);
  }

  /** Redraw for another width or theme. */
  async redraw() {
    if (!this.plotly) return;
    await Promise.all(this.drawn.map((drawn, index) => this.draw(drawn, index === this.drawn.length - 1)));
    this.moveCursor(this.frame);
  }

  /** Put cursor and values at `frame`: layout reads are Plotly's own numbers, so nothing is measured. @param {number} frame */
  moveCursor(frame) {
    this.markPainted(null);
    this.frame = frame;
    for (const { plot, cursor, series } of this.drawn) {
      const axes = /** @type {any} */ (plot)._fullLayout;
      if (!axes?.xaxis?.d2p) continue;
      const x = axes.xaxis._offset + axes.xaxis.d2p(frame);
      cursor.style.transform = `translateX(${x.toFixed(2)}px)`;
      series.forEach(({ letter, y, value, chip, unit }, index) => {
        const number = Number(y[frame] ?? NaN);
        value.textContent = Number.isFinite(number) ? formatValue(number) + (unit && ` ${unit}`) : "–";
        if (!letter) return;
        const top = axes.yaxis._offset + axes.yaxis.d2p(number);
        const isInside = Number.isFinite(top) && top >= 0 && top <= plot.clientHeight;
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

  /** Mark the frames that play goes round. @param {[number, number] | null} loop */
  markLoop(loop) {
    this.loop = loop;
    for (const { plot, range } of this.drawn) {
      const axis = /** @type {any} */ (plot)._fullLayout?.xaxis;
      range.hidden = !loop || !axis;
      if (!loop || !axis) continue;
      const left = axis._offset + axis.d2p(loop[0] - 0.5);
      range.style.left = `${left}px`;
      range.style.width = `${axis._offset + axis.d2p(loop[1] + 0.5) - left}px`;
    }
  }

  /** Numbers of the first chart, the mean over its configurations, for peaks and the worst frame: NaN where unknown. */
  mainCurve() {
    const first = this.drawn[0];
    if (!first) return new Float64Array();
    const lettered = first.series.filter(({ letter }) => letter);
    const chosen = lettered.length ? lettered : first.series;
    return Float64Array.from({ length: this.nFrames }, (_, i) => {
      const known = chosen.map(({ y }) => Number(y[i] ?? NaN)).filter(Number.isFinite);
      return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : NaN;
    });
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

  /** @param {Chart} chart @returns {Drawn} */
  build(chart) {
    const plot = element("div", { class: "plot" });
    const cursor = element("div", { class: "cursor" });
    const range = element("div", { class: "loop" });
    range.hidden = true;
    const traces = chart.figure.data ?? [];
    const series = traces
      .map((trace, index) => this.series(trace, index))
      .filter((one) => one !== null);
    const captions = series.map(({ name, letter, colour, value }) => {
      const swatch = letter
        ? element("span", { class: "badge", text: letter })
        : element("span", { class: "swatch" });
      swatch.style.setProperty("--xc-own", colour);
      return element("span", { class: "value" }, swatch, element("span", { text: name }), value);
    });
    cursor.append(...series.map(({ chip }) => chip));
    const area = element("div", { class: "plot-area" }, range, plot, cursor);
    element(
      "figure",
      { class: "chart", "aria-label": chart.title },
      element("figcaption", {}, element("span", { class: "chart-title", text: chart.title }), ...captions),
      area,
    );
    return { chart, plot, cursor, range, series };
  }

  /** @param {any} trace @param {number} index @returns {Series | null} */
  series(trace, index) {
    if (trace.visible === false || trace.visible === "legendonly" || trace.meta?.is_helper) return null;
    const letter = String(trace.meta?.letter ?? "");
    const { palette } = this.theme.colours();
    const colour = letter ? this.theme.ofLetter(letter) : (trace.line?.color ?? palette[index % palette.length]);
    const chip = element("span", { class: "badge chip", text: letter });
    chip.hidden = true;
    chip.style.setProperty("--xc-own", colour);
    return {
      name: String(trace.name ?? ""),
      letter,
      colour,
      unit: String(trace.meta?.unit ?? ""),
      y: byFrame(trace, this.nFrames),
      value: element("output", { class: "number" }),
      chip,
    };
  }

  /** @param {Drawn} drawn @param {boolean} isLast */
  async draw({ chart, plot, series }, isLast) {
    const theme = this.theme.colours();
    const layout = chart.figure.layout ?? {};
    const height = Charts.heightPx() + (isLast ? TICKS_PX : 0);
    /** @type {HTMLElement} */ (plot.parentElement).style.height = `${height}px`;
    let at = 0;
    const data = (chart.figure.data ?? []).map((trace) => {
      const isShown = trace.visible !== false && trace.visible !== "legendonly" && !trace.meta?.is_helper;
      const own = isShown ? series[at++] : null;
      const letter = String(trace.meta?.letter ?? "");
      const colour = own?.colour ?? (letter ? this.theme.ofLetter(letter) : trace.line?.color);
      if (own && letter) own.colour = this.theme.ofLetter(letter);
      return {
        ...trace,
        hoverinfo: "skip",
        line: { width: 1.75, ...trace.line, ...(letter ? { color: this.theme.ofLetter(letter) } : colour ? { color: colour } : {}) },
      };
    });
    for (const one of series) {
      if (!one.letter) continue;
      one.chip.style.setProperty("--xc-own", one.colour);
      one.value.parentElement?.querySelector(".badge")?.setAttribute("style", `--xc-own: ${one.colour}`);
    }
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
          range: [-0.5, this.nFrames - 0.5],
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
    this.markLoop(this.loop);
  }

  /**
   * Click and drag seek; a vertical swipe still scrolls the page. The host listens and has the pointer, because it
   * stays: a plot may be replaced while it is dragged, and would take the end of the drag with it.
   */
  listen() {
    const { host } = this;
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ act) =>
      host.addEventListener(name, act, { signal: this.signal });
    on("pointerdown", (event) => {
      if (event.button !== 0 || !event.target.closest(".plot-area")) return;
      this.isDragging = true;
      host.setPointerCapture(event.pointerId);
      this.onSeek(this.frameUnder(event), false);
    });
    on("pointermove", (event) => this.isDragging && this.onSeek(this.frameUnder(event), false));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      on(name, (event) => {
        if (!this.isDragging) return;
        this.isDragging = false;
        this.onSeek(name === "pointerup" ? this.frameUnder(event) : this.frame, true);
      });
    }
  }

  /** All plots have one axis and one width, so the first one tells for all. @param {PointerEvent} event */
  frameUnder(event) {
    const plot = this.drawn[0]?.plot;
    const axis = /** @type {any} */ (plot)?._fullLayout?.xaxis;
    if (!axis) return this.frame;
    const x = event.clientX - plot.getBoundingClientRect().left;
    return Math.round(axis.p2d(x - axis._offset));
  }
}

/**
 * The y values of a trace by frame index, whatever its x are; NaN where it has none.
 * @param {any} trace @param {number} nFrames
 */
export function byFrame(trace, nFrames) {
  const values = new Float64Array(nFrames).fill(NaN);
  const y = decodeArray(trace.y);
  const x = trace.x === undefined ? null : decodeArray(trace.x);
  for (let i = 0; i < y.length; i += 1) {
    const at = x ? Number(x[i]) : i;
    if (Number.isInteger(at) && at >= 0 && at < nFrames && y[i] !== null) values[at] = Number(y[i]);
  }
  return values;
}

const ARRAY_TYPES = {
  f8: Float64Array,
  f4: Float32Array,
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
};

/**
 * An array of figure JSON: plain, or Plotly's {dtype, bdata} in base64.
 * @param {any} value
 * @returns {ArrayLike<any>}
 */
export function decodeArray(value) {
  if (Array.isArray(value)) return value;
  const type = ARRAY_TYPES[/** @type {keyof typeof ARRAY_TYPES} */ (String(value?.dtype).replace("<", ""))];
  if (!type || typeof value.bdata !== "string") return [];
  return new type(Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0)).buffer);
}

/** @type {Promise<any> | null} */
let plotlyPromise = null;

/** plotly.js, once per page: it is a script of the old kind, so it arrives as a global. */
function loadPlotly() {
  plotlyPromise ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("plotly.min.js", import.meta.url).href;
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
