// @ts-check
/** The plots under the panes of a saved picture: title, values at its frame, curves, and a line at the frame. */

import { MARGIN } from "../plots/plotly_figure.mjs";
import { typePx } from "../ui/type_scale.mjs";

const CAPTION_PX = typePx(26);
/** Room for the tick labels under the last plot. */
const TICKS_PX = typePx(18);
const BADGE_PX = typePx(14);
const GAP_PX = 6;

/**
 * @typedef {import("../player/context.mjs").Context["charts"]} Charts
 * @typedef {import("../plots/charts.mjs").Drawn} Drawn
 * @typedef {{drawn: Drawn, height: number, image: HTMLImageElement | null}} Plot height: of the curves, CSS px
 */

/** The plots on the page and the room that each takes, CSS px; their curves are still to be drawn. @param {Charts} charts @returns {Plot[]} */
export function plotsOf({ drawn, plotPx }) {
  return drawn.map((one, index) => ({
    drawn: one,
    height: plotPx + (index === drawn.length - 1 ? TICKS_PX : 0),
    image: null,
  }));
}

/** Height of all, CSS px. @param {Plot[]} plots */
export function heightOf(plots) {
  return plots.reduce((sum, { height }) => sum + CAPTION_PX + height, 0);
}

/** Draw the curves, sharp at any size. @param {Charts} charts @param {Plot[]} plots @param {number} width CSS px */
export async function drawCurves(charts, plots, width) {
  for (const plot of plots) {
    const { height } = plot;
    const src = await charts.plotly.toImage(plot.drawn.plot, { format: "svg", width, height });
    plot.image = Object.assign(new Image(), { src });
    await plot.image.decode();
  }
}

/**
 * @param {CanvasRenderingContext2D} context in CSS px, at the top left corner of the first plot
 * @param {Plot[]} plots @param {Charts} charts @param {import("../ui/theme.mjs").Theme} theme @param {number} width CSS px
 */
export function drawPlots(context, plots, charts, theme, width) {
  const font = theme.css("--st-font") || "sans-serif";
  const [text, muted, letters] = ["--xc-text", "--xc-muted", "--xc-on-own"].map((name) => theme.colour(name));
  const [first, last] = charts.xRange();
  const x = MARGIN.l + ((charts.frame - first) / (last - first)) * (width - MARGIN.l - MARGIN.r);
  context.save();
  context.textBaseline = "middle";
  const badge = (/** @type {string} */ letter, /** @type {string} */ colour, /** @type {number} */ left, top = 0) => {
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(left, top, BADGE_PX, BADGE_PX, 3);
    context.fill();
    context.fillStyle = letters;
    context.font = `700 ${typePx(12)}px ${font}`;
    context.textAlign = "center";
    context.fillText(letter, left + BADGE_PX / 2, top + BADGE_PX / 2 + 0.5);
    context.textAlign = "left";
  };
  for (const { drawn, height, image } of plots) {
    const middle = CAPTION_PX / 2;
    let left = 0;
    const write = (/** @type {string} */ words, /** @type {string} */ colour, weight = 400) => {
      context.font = `${weight} ${typePx(13)}px ${font}`;
      context.fillStyle = colour;
      context.fillText(words, left, middle, Math.max(width - left, 1));
      left += context.measureText(words).width + GAP_PX;
    };
    write(drawn.chart.title, text, 600);
    for (const [index, { letter, colour, value, isShown }] of drawn.entries.entries()) {
      if (!isShown) continue;
      left += GAP_PX;
      if (letter) badge(letter, colour, left, middle - BADGE_PX / 2);
      left += letter ? BADGE_PX + GAP_PX : 0;
      write(drawn.chart.series[index].name, letter ? muted : colour);
      write(value.textContent ?? "", text);
    }
    left += GAP_PX;
    write(drawn.note.textContent ?? "", muted);
    context.translate(0, CAPTION_PX);
    if (image) context.drawImage(image, 0, 0, width, height);
    if (charts.frame >= first && charts.frame <= last) {
      context.fillStyle = text;
      context.fillRect(x - 0.75, MARGIN.t, 1.5, height - MARGIN.t - MARGIN.b);
    }
    for (const [index, { letter, colour }] of drawn.entries.entries()) {
      const top = drawn.places[index];
      if (Number.isFinite(top)) badge(letter, colour, width - MARGIN.r + GAP_PX, top);
    }
    context.translate(0, height);
  }
  context.restore();
}
