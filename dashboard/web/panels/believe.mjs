// @ts-check
/**
 * Which confidence to believe: sparsification curves of each configuration, with AUSE and AURG in the legend. The most
 * uncertain frames are removed first; the faster the mean error of the rest falls, the better the confidence orders the frames.
 */

import { colourAt } from "../drawing/colour.mjs";
import { tableCsv } from "../export/csv.mjs";
import { roundTicks } from "../plots/ticks.mjs";
import { element } from "../ui/dom.mjs";
import { formatNumber } from "../ui/numbers.mjs";
import { save, slug } from "../ui/save.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { widthOf } from "./scatter.mjs";

const HEIGHT_PX = 240;
const MARGIN = { l: typePx(48), r: 10, t: 8, b: typePx(36) };
/** The same confidence has the same colour and dash in every plot: place in the colour map from 0 to 1, and dash, px. */
const LOOKS = new Map([
  ["weighted", { at: 0, dash: [] }],
  ["paper", { at: 0.25, dash: [7, 3] }],
  ["expected", { at: 0.5, dash: [] }],
  ["stability", { at: 0.7, dash: [2, 3] }],
  ["readout", { at: 0.85, dash: [9, 3, 2, 3] }],
  ["confidence", { at: 1, dash: [5, 2, 1, 2, 1, 2] }],
]);
/** The part of viridis that stands out from the page. */
const ENDS = { light: [0.02, 0.8], dark: [0.4, 1] };
const ORACLE = { id: "oracle", title: "Oracle (removes the worst frames)", dash: [1, 3] };
const RANDOM = { id: "random", title: "Random", dash: [4, 4] };

/**
 * @typedef {{id: string, title: string, unit: string, ause: number, aurg: number, series: number[]}} Curve series: the mean error of the
 *   rest as a share of that of all, by bin of equal shares removed
 * @typedef {{letter: string, name: string, error: string, mean: string, nFrames: number, curves: Curve[], oracle: number[],
 *   randomAuse: number | null, missing: string[]}} Plot
 * @typedef {{plots: Plot[], reason: string}} Believed reason: why there is no plot
 * @typedef {{id: string, title: string, ause: number | null, aurg: number | null, series: number[], dash: number[]}} Line
 */

/** What a plot draws and lists: the confidences, the best first, between oracle and chance. Pure. @param {Plot} plot @returns {Line[]} */
export function linesOf({ curves, oracle, randomAuse }) {
  if (!curves.length) return [];
  const aurg = randomAuse;
  return [
    { ...ORACLE, ause: 0, aurg, series: oracle },
    ...curves.map((curve) => ({ ...curve, dash: LOOKS.get(curve.id)?.dash ?? [] })),
    { ...RANDOM, ause: randomAuse, aurg: 0, series: oracle.map(() => 1) },
  ];
}

/** Ends of the axis of the remaining error: in steps of a tenth, as the rest of the room would be empty. @param {Line[]} lines */
export function axisOf(lines) {
  const all = lines.flatMap(({ series }) => series);
  return [Math.max(Math.floor(10 * Math.min(...all)) / 10 - 0.02, 0), Math.max(...all, 1) + 0.02];
}

/** The plots as a table: a row for each share that is removed. Pure. @param {Plot[]} plots */
export function believeCsv(plots) {
  const bins = Math.max(0, ...plots.map(({ oracle }) => oracle.length));
  const removed = Array.from({ length: bins }, (_, at) => at / bins);
  const columns = plots.flatMap((plot) =>
    linesOf(plot).map(({ title, series }) => ({
      name: `${plot.letter} ${plot.name}, ${title} (share of the mean error)`,
      values: series,
    })),
  );
  return tableCsv([{ name: "removed, most uncertain first (share of the frames)", values: removed }, ...columns]);
}

export class Believe {
  /** @param {import("../player/context.mjs").Context} context */
  constructor(context) {
    this.context = context;
    const help =
      "The most uncertain frames are removed first: the lower a curve, the better that confidence foretells where the error is. AUSE: " +
      "area above the oracle (0 is ideal). AURG: area below random (0 is no better than chance, less is worse). Frames of one clip " +
      "repeat each other, so this is about this clip alone.";
    this.save = element("button", { type: "button", text: "Save CSV" });
    this.save.addEventListener("click", () => this.saveTable(), { signal: context.signal });
    this.help = element("span", { class: "muted", text: help });
    this.plots = element("div", { class: "scatters" });
    this.row = element("div", { class: "panel-row" }, this.help, this.save);
    this.root = element("div", {}, this.row, this.plots);
  }

  open() {}

  close() {
    this.plots.replaceChildren();
  }

  refresh() {
    const { believed } = this.context.data;
    const { hide } = this.context.view.state;
    const shown = (believed?.plots ?? []).filter(({ letter }) => !hide.includes(letter));
    this.row.hidden = !shown.length;
    this.plots.className = shown.length ? "scatters" : "";
    const reason = believed?.reason || "All configurations are hidden.";
    this.plots.replaceChildren(
      ...(shown.length
        ? shown.map((plot) => this.draw(plot, shown.length))
        : [element("p", { class: "believe-none", text: reason })]),
    );
  }

  saveTable() {
    const { data } = this.context;
    const blob = new Blob(["\ufeff", believeCsv(data.believed?.plots ?? [])], { type: "text/csv" });
    const name = `crosscheck_${slug(data.title)}_confidence.csv`;
    save(blob, name);
    this.context.ui.announce(`saved ${name}`);
  }

  /** @param {Plot} plot @param {number} count */
  draw(plot, count) {
    const lines = linesOf(plot);
    const badge = element("span", { class: "badge", text: plot.letter });
    badge.style.setProperty("--xc-own", this.context.ui.theme.ofLetter(plot.letter));
    const frames = `${plot.nFrames} ${plot.nFrames === 1 ? "frame" : "frames"}`;
    const about = lines.length ? `${plot.error} ${plot.mean} over ${frames}` : plot.error;
    const missing = plot.missing.map((text) => element("p", { class: "muted", text }));
    const head = element("p", { class: "number" }, badge, ` ${plot.name}: ${about}`);
    if (!lines.length) return element("div", { class: "believe" }, head, ...missing);
    const width = widthOf(this.plots.clientWidth, count);
    const root = element(
      "div",
      { class: "believe" },
      head,
      this.canvas(plot, lines, width),
      this.table(lines),
      ...missing,
    );
    root.style.width = `${width}px`;
    return root;
  }

  /** @param {Line[]} lines */
  table(lines) {
    const head = element(
      "tr",
      {},
      ...["confidence", "AUSE", "AURG"].map((text) => element("th", { scope: "col", text })),
    );
    const rows = lines.map(({ id, title, ause, aurg, dash }) => {
      const name = element("th", { scope: "row" }, this.swatch(id, dash), title);
      const cells = [ause, aurg].map((area) => element("td", { text: formatNumber(area ?? NaN, "") }));
      return element("tr", {}, name, ...cells);
    });
    return element("table", { class: "number" }, element("thead", {}, head), element("tbody", {}, ...rows));
  }

  /** @param {string} id */
  colour(id) {
    const { theme } = this.context.ui;
    const look = LOOKS.get(id);
    if (!look) return theme.colours().muted;
    const [from, to] = ENDS[theme.root.dataset.theme === "dark" ? "dark" : "light"];
    return `rgb(${colourAt("viridis", from + (to - from) * look.at).join(",")})`;
  }

  /** A piece of the line, as drawn. @param {string} id @param {number[]} dash */
  swatch(id, dash) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [30, 10];
    const canvas = element("canvas", { width: `${width * ratio}`, height: `${height * ratio}`, "aria-hidden": "true" });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    drawing.scale(ratio, ratio);
    stroke(drawing, this.colour(id), dash, [
      [0, height / 2],
      [width, height / 2],
    ]);
    return canvas;
  }

  /** @param {Plot} plot @param {Line[]} lines @param {number} width */
  canvas(plot, lines, width) {
    const colours = this.context.ui.theme.colours();
    const ratio = window.devicePixelRatio || 1;
    const height = HEIGHT_PX;
    const canvas = element("canvas", { role: "img" });
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    drawing.scale(ratio, ratio);
    const [bottom, top] = axisOf(lines);
    const toX = (/** @type {number} */ share) => MARGIN.l + share * (width - MARGIN.l - MARGIN.r);
    const toY = (/** @type {number} */ rest) =>
      MARGIN.t + ((top - rest) / (top - bottom)) * (height - MARGIN.t - MARGIN.b);
    drawing.font = `${typePx(12)}px ${colours.font}`;
    drawing.fillStyle = colours.muted;
    drawing.textAlign = "center";
    for (const percent of [0, 25, 50, 75, 100])
      drawing.fillText(`${percent}`, toX(percent / 100), height - MARGIN.b + typePx(14));
    drawing.textAlign = "right";
    for (const percent of roundTicks(100 * bottom, 100 * top, 5)) {
      stroke(
        drawing,
        colours.grid,
        [],
        [
          [toX(0), toY(percent / 100)],
          [toX(1), toY(percent / 100)],
        ],
      );
      drawing.fillText(`${percent}`, MARGIN.l - 6, toY(percent / 100) + 4);
    }
    drawing.textAlign = "center";
    drawing.fillText("most uncertain frames removed, %", toX(0.5), height - 4);
    drawing.save();
    drawing.translate(typePx(12), toY((bottom + top) / 2));
    drawing.rotate(-Math.PI / 2);
    drawing.fillText("mean error of the rest, %", 0, 0);
    drawing.restore();
    for (const { id, dash, series } of lines.toReversed()) {
      const points = series.map((rest, at) => /** @type {[number, number]} */ ([toX(at / series.length), toY(rest)]));
      stroke(drawing, this.colour(id), dash, points, 1.75);
    }
    const spoken = lines.map(({ title, ause }) => `${title} ${formatNumber(ause ?? NaN, "")}`).join(", ");
    canvas.setAttribute("aria-label", `Sparsification of ${plot.letter} ${plot.name}; AUSE: ${spoken}`);
    return canvas;
  }
}

/**
 * @param {CanvasRenderingContext2D} drawing @param {string} colour @param {number[]} dash @param {[number, number][]} points
 * @param {number} [width]
 */
function stroke(drawing, colour, dash, points, width = 1.25) {
  drawing.strokeStyle = colour;
  drawing.lineWidth = width;
  drawing.setLineDash(dash);
  drawing.beginPath();
  for (const [x, y] of points) drawing.lineTo(x, y);
  drawing.stroke();
  drawing.setLineDash([]);
}
