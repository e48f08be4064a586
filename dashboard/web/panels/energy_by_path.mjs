// @ts-check
/**
 * Energy by path: each path's part of the energy, stacked over the frames, named with the path's own disagreement. Paths that raise the energy stand above 0, those that
 * lower it below, so that both sides together are the energy. A band can be opened as a pane.
 */

import { colourAt } from "../drawing/colour.mjs";
import { rawConstants, standardised, weightOf } from "../plots/energy.mjs";
import { button, element, fill } from "../ui/dom.mjs";
import { withUnit } from "../ui/numbers.mjs";

/** The range of the colour map that bands are taken from, so that neighbours differ and none is nearly white. */
const COLOURS = { map: /** @type {"viridis"} */ ("viridis"), from: 0.08, to: 0.9 };

/**
 * What each path adds to the energy of each frame; their sum is the energy.
 * @param {ArrayLike<number>} terms frames x paths @param {number} nPaths
 * @param {import("../plots/energy.mjs").Constants | null} constants null: raw
 * @returns {Float64Array[]} by path
 */
export function sharesOf(terms, nPaths, constants) {
  const nFrames = terms.length / nPaths;
  return Array.from({ length: nPaths }, (_, path) =>
    Float64Array.from({ length: nFrames }, (_, frame) => {
      return weightOf(path, nPaths, constants) * standardised(terms[frame * nPaths + path], path, constants);
    }),
  );
}

/**
 * The band at `value` of one frame: those above 0 stand on each other upwards, those below hang on each other downwards.
 * @param {number[]} shares by path @param {number} value
 * @returns {number} path; -1: none is there
 */
export function bandAt(shares, value) {
  let reach = 0;
  for (let path = 0; path < shares.length; path += 1) {
    if (shares[path] === 0 || shares[path] > 0 !== value > 0) continue;
    reach += shares[path];
    if (Math.abs(value) <= Math.abs(reach)) return path;
  }
  return -1;
}

export class Paths {
  /** @param {import("../player/context.mjs").Context} context */
  constructor(context) {
    this.context = context;
    this.root = element("span", {});
    this.which = element("select", { "aria-label": "configuration whose energy is split by path" });
    this.which.addEventListener("change", () => context.view.change({ paths: this.which.value }), {
      signal: context.signal,
    });
    this.controls = element("span", { class: "chart-controls" }, this.which);
    /** @type {AbortController | null} */
    this.loading = null;
    this.text = "";
  }

  open() {
    this.text = "";
  }

  close() {
    this.loading?.abort();
    this.context.charts.setExtras([]);
  }

  async refresh() {
    const { context } = this;
    const { energies = {} } = context.data;
    const letters = Object.keys(energies).sort();
    const letter = letters.find((one) => one === context.view.state.paths) ?? letters[0];
    fill(
      this.which,
      letters.map((one) => [one, `${one} by path`]),
      letter,
    );
    const track = energies[letter];
    const isRaw = context.data.scale === "raw";
    const text = JSON.stringify([letter, track.packs, isRaw]);
    if (text === this.text) return;
    this.text = text;
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    const nPaths = track.paths.length;
    const known = Math.min(
      track.packs.reduce((sum, pack) => sum + pack.n_frames, 0),
      context.clip.nFrames,
    );
    const unknown = () => track.paths.map(() => new Float64Array(known).fill(NaN));
    const [shares, own] = [unknown(), unknown()];
    const constants = isRaw ? rawConstants(track) : track;
    const alone = { ...constants, weights: track.paths.map(() => 1) };
    try {
      for (const pack of track.packs) {
        const { values } = await context.frames.column(pack, "terms", loading.signal);
        for (const [all, used] of /** @type {const} */ ([
          [shares, constants],
          [own, alone],
        ]))
          for (const [path, found] of sharesOf(values, nPaths, used).entries())
            for (const [i, value] of found.entries()) if (pack.start + i < known) all[path][pack.start + i] = value;
      }
    } catch (error) {
      if (loading.signal.aborted || context.isDestroyed) return;
      this.text = "";
      context.ui.announce(
        `the energy of ${letter} cannot be split by path: ${error instanceof Error ? error.message : error}`,
      );
      return;
    }
    if (loading.signal.aborted) return;
    context.charts.setExtras([this.chart(letter, track, shares, own)]);
  }

  /**
   * @param {string} letter @param {import("../player/context.mjs").Energy} track @param {Float64Array[]} shares
   * @param {Float64Array[]} own each path's disagreement, whatever its weight @returns {import("../plots/curves.mjs").Chart}
   */
  chart(letter, track, shares, own) {
    const { unit } = this.context.series.measure("energy") ?? track.domain;
    const target = track.paths[0].split("-").at(-1) ?? "";
    const names = track.paths.map((path) => this.nameOf(path, target));
    const colours = shares.map((_, i) => {
      const place = shares.length > 1 ? i / (shares.length - 1) : 0.5;
      return `rgb(${colourAt(COLOURS.map, COLOURS.from + (COLOURS.to - COLOURS.from) * place).join(",")})`;
    });
    const total = Float64Array.from(shares[0], (_, frame) => shares.reduce((sum, share) => sum + share[frame], 0));
    const bands = shares.map((values, i) => ({ colour: colours[i], values }));
    // The legend's entries, with the value of each path, which may be below 0.
    const entries = bands.map((band, i) => ({
      ...band,
      values: own[i], // as the graph of paths names it
      letter: "",
      name: names[i],
      isDrawn: false,
      act: "open as a pane",
    }));
    const open = (/** @type {number} */ path) => this.context.request({ open: `${track.method}/${track.paths[path]}` });
    return {
      id: "paths",
      title: "Energy by path",
      axis: "share",
      unit,
      hasZeroLine: true,
      isAnchored: this.context.data.scale !== "raw",
      nTicks: 4,
      bands,
      series: [{ letter, name: "energy", values: total, dash: "solid" }, ...entries],
      controls: this.controls,
      onEntry: (/** @type {number} */ index) => index > 0 && open(index - 1), // the first one is the whole
      onTap: (/** @type {number} */ frame, /** @type {number} */ at) => {
        const here = shares.map((share) => share[frame]);
        const path = bandAt(here, at);
        if (path < 0) return;
        const whole = withUnit(total[frame], unit);
        const text = `${names[path]} ${withUnit(own[path][frame], unit)}, ${withUnit(here[path], unit)} of the energy of ${whole} `;
        const go = button(`open ${names[path]} as a pane`, null, "open as a pane");
        const act = () => {
          open(path);
          this.context.ui.announce(`opening ${names[path]}`);
        };
        go.addEventListener("click", act, { signal: this.context.signal });
        this.context.ui.announce(text, go);
      },
    };
  }

  /** What the path goes through from the image to the target, with its end if that is another. @param {string} path @param {string} target */
  nameOf(path, target) {
    const domains = path.split("-").slice(1);
    if (domains.at(-1) === target) domains.pop();
    const titles = new Map(Object.entries(this.context.data.titles ?? {}));
    return domains.map((name) => titles.get(name) ?? name).join(" → ");
  }
}
