// @ts-check
/** A chart as Plotly draws it: traces and layout from its series. The only module that knows Plotly's vocabulary; pure. */

import { energyAxis } from "../drawing/energy_scale.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { byColumn } from "./curves.mjs";

/** Line style of each path, the direct one first: colour must not be the only sign of a configuration. */
export const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,7px", "14px,3px"];
/** At the right, the letters of the curves stand beside the axis. */
export const MARGIN = { l: typePx(58), r: typePx(26), t: 6, b: 6 };
const LINE_PX = 1.75;
/** Configurations of one hue, one dash and one shade, which a third zoo can bring, are told apart by thicker lines. */
const THICKER_PX = 1.25;
/** A value between two unknown ones is no line. */
const POINT_PX = 6;
const ZERO_ALPHA = 0.55;
const BAND_ALPHA = 0.07;
/** Time axes of fewer frames have a tick for each: there is no half frame. */
const FEW_FRAMES = 8;
/** Opacity of the area between a gap and 0, and of a curve that only accompanies another. */
const AREA_ALPHA = 0.32;
/** Opacity of the intervals around the values of a series: those of two overlap. */
const INTERVAL_ALPHA = 0.16;
const FAINT_ALPHA = 0.35;

/**
 * @typedef {import("./curves.mjs").Chart} Chart
 * @typedef {{letters: string, hide: string, ofLetter: (letter: string) => string,
 *   styles: Record<string, import("../ui/theme.mjs").Style>}} Style letters in their order, those that are hidden, the colour
 *   of one, rgba(), and the dash and shade of those that Python gave one
 */

/**
 * The traces of a chart: areas and bands at the back, then what accompanies the series, then the series.
 * @param {Chart} chart @param {string[]} colours of its series @param {Style} style
 * @param {{xRange: number[], width: number}} [place] where it is drawn: a curve of more frames than pixels is thinned for it
 * @returns {any[]}
 */
export function tracesOf(chart, colours, { letters, hide, ofLetter, styles }, place) {
  const { series, areas = [], bands = [], faint = [] } = chart;
  const isShown = (/** @type {string} */ letter) => letter === "" || !hide.includes(letter);
  const line = (/** @type {import("./curves.mjs").Series} */ one, /** @type {string} */ color) => {
    const style = styles[one.letter];
    const dash = one.dash ?? DASHES[style?.dash ?? letters.indexOf(one.letter)] ?? DASHES[0];
    const width = (one.width ?? LINE_PX) + THICKER_PX * Math.floor((style?.shade ?? 0) / 2);
    const thinned = place ? byColumn(one.values, place.xRange, place.width) : null;
    const values = thinned?.y ?? one.values;
    return {
      ...trace(values),
      ...(thinned ? { x: thinned.x } : {}),
      ...(hasLonePoint(values) ? { mode: "lines+markers", marker: { size: loneSizes(values), color } } : {}),
      visible: isShown(one.letter),
      line: { width, dash, color },
    };
  };
  return [
    ...areas.map(({ letter, x, values }) => ({
      ...trace(values),
      x,
      fill: "tozeroy",
      fillcolor: withAlpha(ofLetter(letter), AREA_ALPHA),
      line: { width: 0 },
    })),
    ...series.flatMap(({ letter, band }, index) => (band && isShown(letter) ? [interval(band, colours[index])] : [])),
    ...bands.flatMap(({ colour, values }) =>
      [Math.max, Math.min].map((side, group) => ({
        ...trace(values.map((value) => side(value, 0))),
        stackgroup: group ? "below" : "above",
        line: { width: 0.5, color: colour, shape: "hvh" },
        fillcolor: colour,
      })),
    ),
    ...faint.map((one) => ({ ...line(one, ofLetter(one.letter)), opacity: FAINT_ALPHA })),
    ...series.flatMap((one, index) => (one.isDrawn === false ? [] : [line(one, colours[index])])),
  ];
}

/**
 * The area of a band, a polygon for each run of frames that have an interval.
 * @param {import("./curves.mjs").Band} band @param {string} colour rgba()
 */
function interval({ low, high }, colour) {
  /** @type {(number | null)[]} */
  const x = [];
  /** @type {(number | null)[]} */
  const y = [];
  for (let first = 0; first < low.length; first += 1) {
    if (low[first] === null) continue;
    let end = first;
    while (end < low.length && low[end] !== null) end += 1;
    const run = Array.from({ length: end - first }, (_, i) => first + i);
    x.push(...run, ...run.toReversed(), null);
    y.push(...run.map((i) => high[i]), ...run.toReversed().map((i) => low[i]), null);
    first = end;
  }
  const fillcolor = withAlpha(colour, INTERVAL_ALPHA);
  return { ...trace(y), x, fill: "toself", fillcolor, line: { width: 1, color: fillcolor } };
}

/** @param {ArrayLike<number | null>} values */
function loneSizes(values) {
  const isKnown = (/** @type {number} */ i) => Number.isFinite(values[i] ?? NaN);
  return Array.from(values, (_, i) => (isKnown(i) && !isKnown(i - 1) && !isKnown(i + 1) ? POINT_PX : 0));
}

/** @param {ArrayLike<number | null>} values */
function hasLonePoint(values) {
  return loneSizes(values).some((size) => size > 0);
}

/** @param {ArrayLike<number | null>} y by frame */
function trace(y) {
  return { type: "scatter", mode: "lines", y, connectgaps: false, hoverinfo: "skip" };
}

/**
 * The layout of a chart of that size.
 * @param {Chart} chart
 * @param {{width: number, height: number, xRange: number[], ticksPx: number, theme: any}} place ticksPx: room for the labels of
 *   the time axis, 0: it has none
 */
export function layoutOf(chart, { width, height, xRange, ticksPx, theme }) {
  const axis = {
    gridcolor: theme.grid,
    linecolor: theme.grid,
    tickfont: { color: theme.muted, size: typePx(12), family: theme.font },
    automargin: false,
    fixedrange: true,
    showline: false,
  };
  const values = axisOf(chart);
  const isDegrees = chart.unit === "°"; // which stands at the numbers, and would be a dot as a title
  const named = chart.axis && chart.unit ? `(${chart.unit})` : chart.unit;
  const title = [chart.axis, isDegrees ? "" : named].filter(Boolean).join(" ");
  return {
    autosize: false,
    width,
    height,
    margin: { ...MARGIN, b: MARGIN.b + ticksPx, pad: 0 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: theme.text, family: theme.font, size: typePx(12) },
    showlegend: false,
    hovermode: false,
    dragmode: false,
    annotations: wordsOf(chart, values).map(({ text, at, isTop }) => ({
      text: escaped(text),
      xref: "paper",
      yref: at === undefined ? "paper" : "y",
      x: 1,
      y: at ?? (isTop ? 1 : 0),
      xanchor: "right",
      yanchor: isTop ? "top" : "bottom",
      borderpad: 0,
      bgcolor: theme.background,
      showarrow: false,
      font: { color: theme.muted, size: typePx(12) },
    })),
    shapes: values ? shapesOf(chart, values, theme) : [],
    xaxis: {
      ...axis,
      type: "linear",
      autorange: false,
      range: xRange,
      showgrid: false,
      zeroline: false,
      showticklabels: ticksPx > 0,
      ticks: ticksPx > 0 ? "outside" : "",
      ticklen: 3,
      tickcolor: theme.grid,
      dtick: xRange[1] - xRange[0] <= FEW_FRAMES ? 1 : undefined,
    },
    yaxis: {
      ...axis,
      nticks: chart.nTicks ?? 5,
      ...(values ? { autorange: false, range: values.range } : { autorange: true }),
      ticksuffix: isDegrees ? "°" : "",
      zeroline: chart.hasZeroLine === true,
      zerolinecolor: withAlpha(theme.text ?? "", ZERO_ALPHA),
      rangemode: chart.id === "gap" ? "tozero" : "normal",
      title: title ? { text: escaped(title), font: { color: theme.muted, size: typePx(12) } } : undefined,
    },
  };
}

/** The value axis of a chart on the scale of standardised energies; null: Plotly finds one. @param {Chart} chart */
function axisOf({ isAnchored, limit, series, faint = [], areas = [], bands = [] }) {
  if (!isAnchored) return null;
  const curves = [...series.filter(({ isDrawn }) => isDrawn !== false), ...faint, ...areas].map(({ values }) => values);
  return energyAxis([...curves, ...stacksOf(bands)], limit ?? null);
}

/** The upper and the lower outline of stacked bands. @param {NonNullable<Chart["bands"]>} bands */
function stacksOf(bands) {
  return [Math.max, Math.min].map((side) =>
    Float64Array.from({ length: bands[0]?.values.length ?? 0 }, (_, i) =>
      bands.reduce((sum, { values }) => sum + side(values[i], 0), 0),
    ),
  );
}

/** @param {Chart} chart @param {ReturnType<typeof axisOf>} axis @returns {{text: string, isTop: boolean, at?: number}[]} */
function wordsOf({ words = [], limit }, axis) {
  if (!axis || !limit) return words;
  const text = axis.isLimitInside ? limit.label : `${limit.label} ↑`;
  return [...words, axis.isLimitInside ? { text, isTop: true, at: limit.value } : { text, isTop: true }];
}

/** The band of usual values and the line at the limit. @param {Chart} chart @param {NonNullable<ReturnType<typeof axisOf>>} axis @param {any} theme */
function shapesOf({ limit, hasBand }, { isLimitInside }, theme) {
  const across = { xref: "paper", x0: 0, x1: 1, yref: "y", layer: "below" };
  const band = {
    ...across,
    type: "rect",
    y0: -1,
    y1: 1,
    line: { width: 0 },
    fillcolor: withAlpha(theme.text ?? "", BAND_ALPHA),
  };
  const line = { color: theme.muted, width: 1.25, dash: "4px,3px" };
  return [
    ...(hasBand ? [band] : []),
    ...(limit && isLimitInside ? [{ ...across, type: "line", y0: limit.value, y1: limit.value, line }] : []),
  ];
}

/** Text that Plotly shows as it is: in what it is given, it reads tags and entities. @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** @param {string} colour rgba() @param {number} alpha */
function withAlpha(colour, alpha) {
  return colour.replace(/[\d.]+\)$/, `${alpha})`);
}

/** @type {Promise<any> | null} */
let plotlyPromise = null;

/** plotly.js, once per page: a classic script, so it arrives as a global. */
export function loadPlotly() {
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
