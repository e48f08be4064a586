// @ts-check
/** The page's colours and fonts, read from the style sheet's variables, which follow Streamlit's theme. */

import { element } from "./dom.mjs";
import { TYPE_SCALE } from "./type_scale.mjs";

/** Backgrounds darker than this get the dark palette. */
const DARK_BELOW = 0.4;

/** How many hues player.css defines: `--xc-hue-0` and so on. */
const N_HUES = 8;

/**
 * @typedef {{hue: number, dash: number, shade: number}} Style of a configuration: hue of its method, dash of its path; shade
 *   tells those apart that share both
 * @typedef {{text: string, muted: string, grid: string, background: string, font: string, palette: string[]}} Colours as rgba(): Plotly
 *   knows no color-mix()
 */

export class Theme {
  /** @param {HTMLElement} root on which the variables are set */
  constructor(root) {
    this.root = root;
    root.style.setProperty("--xc-unit", `${TYPE_SCALE}px`);
  }

  /** Light or dark, by the page's background. */
  apply() {
    const background = this.css("--st-background-color") || "#ffffff";
    this.root.dataset.theme = luminance(background) < DARK_BELOW ? "dark" : "light";
  }

  /**
   * Give each letter the colour of its configuration's method; without a style it has that of its place.
   * @param {string} letters @param {Record<string, Style>} styles by letter
   */
  setStyles(letters, styles) {
    [...letters].forEach((letter, place) => {
      const { hue, shade } = styles[letter] ?? { hue: place % N_HUES, shade: 0 };
      const name = `--xc-hue-${hue}${shade % 2 ? "-b" : ""}`;
      this.root.style.setProperty(`--xc-${letter.toLowerCase()}`, `var(${name})`);
    });
  }

  /** @returns {Colours} */
  colours() {
    return {
      text: this.colour("--xc-text"),
      muted: this.colour("--xc-muted"),
      grid: this.colour("--xc-grid"),
      background: this.colour("--xc-background"),
      font: this.css("--st-font") || "sans-serif",
      palette: ["--xc-text", "--xc-hue-2", "--xc-hue-3", "--xc-muted"].map((name) => this.colour(name)),
    };
  }

  /** The colour of a configuration; the text colour where it has none. @param {string} letter */
  ofLetter(letter) {
    const name = `--xc-${letter.toLowerCase()}`;
    return this.colour(this.css(name) ? name : "--xc-text");
  }

  /** @param {string} name */
  css(name) {
    return getComputedStyle(this.root).getPropertyValue(name).trim();
  }

  /** A variable's colour as rgba(). @param {string} name */
  colour(name) {
    const [r, g, b, a] = pixelOf(this.css(name));
    return `rgba(${r}, ${g}, ${b}, ${(a / 255).toFixed(3)})`;
  }
}

/** What a viewer can choose. */
export const THEMES = /** @type {const} */ (["light", "dark", "as the system"]);

/**
 * Switch the page's theme. Streamlit keeps it under this name, and reads it when the page is loaded.
 * @param {typeof THEMES[number]} name
 */
export function setTheme(name) {
  const key = `stActiveTheme-${window.location.pathname}-v2`;
  try {
    if (name === "as the system") window.localStorage.removeItem(key);
    else window.localStorage.setItem(key, JSON.stringify(name === "dark" ? "Dark" : "Light"));
  } catch {
    return; // storage is forbidden here
  }
  window.location.reload();
}

/** Brightness of a CSS colour in 0..1. @param {string} colour */
function luminance(colour) {
  const [r, g, b] = pixelOf(colour);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

/** RGBA of a CSS colour, by painting it: themes may use any notation. @param {string} colour */
function pixelOf(colour) {
  const context = /** @type {CanvasRenderingContext2D} */ (
    element("canvas", { width: "1", height: "1" }).getContext("2d")
  );
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}
