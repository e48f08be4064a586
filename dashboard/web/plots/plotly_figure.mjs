// @ts-check
/** A chart as Plotly draws it: traces and layout from its series. The only module that knows Plotly's vocabulary; pure. */

/** Line style of each letter, in their order: colour must not be the only sign of a configuration. */
export const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,7px", "14px,3px"];
export const MARGIN = { l: 58, r: 14, t: 6, b: 6 };
const LINE_PX = 1.75;
/** Opacity of the area between a gap and 0, and of a curve that only accompanies another. */
const AREA_ALPHA = 0.32;
const FAINT_ALPHA = 0.35;

/**
 * @typedef {import("./curves.mjs").Chart} Chart
 * @typedef {{letters: string, hide: string, ofLetter: (letter: string) => string}} Style letters in their order, those that
 *   are hidden, and the colour of one, rgba()
 */

/**
 * The traces of a chart: areas and bands at the back, then what accompanies the series, then the series.
 * @param {Chart} chart @param {string[]} colours of its series @param {Style} style
 * @returns {any[]}
 */
export function tracesOf({ series, areas = [], bands = [], faint = [] }, colours, { letters, hide, ofLetter }) {
  const isShown = (/** @type {string} */ letter) => letter === "" || !hide.includes(letter);
  const line = (/** @type {import("./curves.mjs").Series} */ one, /** @type {string} */ color) => {
    const dash = one.dash ?? DASHES[letters.indexOf(one.letter)] ?? DASHES[0];
    return { ...trace(one.values), visible: isShown(one.letter), line: { width: one.width ?? LINE_PX, dash, color } };
  };
  return [
    ...areas.map(({ letter, x, values }) => ({
      ...trace(values),
      x,
      fill: "tozeroy",
      fillcolor: withAlpha(ofLetter(letter), AREA_ALPHA),
      line: { width: 0 },
    })),
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
    zerolinecolor: theme.grid,
    tickfont: { color: theme.muted, size: 11, family: theme.font },
    automargin: false,
    fixedrange: true,
    showline: false,
  };
  const title = [chart.axis, chart.axis && chart.unit ? `(${chart.unit})` : chart.unit].filter(Boolean).join(" ");
  return {
    autosize: false,
    width,
    height,
    margin: { ...MARGIN, b: MARGIN.b + ticksPx, pad: 0 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: theme.text, family: theme.font, size: 12 },
    showlegend: false,
    hovermode: false,
    dragmode: false,
    annotations: (chart.words ?? []).map(({ text, isTop }) => ({
      text: escaped(text),
      xref: "paper",
      yref: "paper",
      x: 1,
      y: isTop ? 1 : 0,
      xanchor: "right",
      yanchor: isTop ? "top" : "bottom",
      showarrow: false,
      font: { color: theme.muted, size: 11 },
    })),
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
    },
    yaxis: {
      ...axis,
      nticks: chart.nTicks ?? 5,
      zeroline: chart.hasZeroLine === true,
      rangemode: chart.id === "gap" ? "tozero" : "normal",
      title: title ? { text: escaped(title), font: { color: theme.muted, size: 11 } } : undefined,
    },
  };
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
