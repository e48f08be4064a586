// @ts-check
/**
 * The synchronized player: N panes in one canvas, one integer frame index for pictures, plots and position.
 *
 * This file assembles it and takes over new data. Position, playback and view state have a file each; everything else on
 * the page is a part, from the list that the page gives (see context.mjs for what a part sees).
 */

import { Commands, ownActions } from "../commands/commands.mjs";
import { listenToKeys } from "../commands/keys.mjs";
import { PaneMenus } from "../controls/pane_menu.mjs";
import { Shell } from "../controls/shell.mjs";
import { Stage } from "../drawing/stage.mjs";
import { FrameLoader } from "../frames/frame_loader.mjs";
import { Bandwidth, transferred } from "../frames/quality.mjs";
import { Charts } from "../plots/charts.mjs";
import { Curves } from "../plots/curves.mjs";
import { LEAVING } from "../ui/page_links.mjs";
import { Timers } from "../ui/timers.mjs";
import { withExtraPanes } from "../view/extra_panes.mjs";
import { View } from "../view/view.mjs";
import { Clip } from "./clip.mjs";
import { completed, LETTERS } from "./context.mjs";
import { Playback } from "./playback.mjs";
import { Position } from "./position.mjs";
import { Reports } from "./reports.mjs";
import { testAccess } from "./test_access.mjs";

/**
 * @typedef {import("./context.mjs").Context} Context
 * @typedef {import("./context.mjs").Data} Data
 * @typedef {import("./context.mjs").Part} Part
 * @typedef {import("./context.mjs").Place} Place
 * @typedef {(context: Context) => Part[]} Parts the parts of a page
 * @typedef {{data: Data, parentElement: ShadowRoot | HTMLElement, setStateValue: (name: string, value: unknown) => void,
 *   setTriggerValue?: (name: string, value: unknown) => void}} Component what Streamlit hands over
 */

/** @type {WeakMap<object, Player>} */
const players = new WeakMap();

/**
 * Where the last player ended. Streamlit may take a player off the page and put it back before Python has noticed: then
 * the data of the new one names the old one's start, although a later position has been reported.
 * @type {{clip: string, start: Place, place: Place} | null}
 */
let left = null;

/**
 * Mount a player with these parts: called for the first render and for every change of data or theme, on the same parent.
 * @param {Component} component @param {Parts} parts
 * @returns {() => void} ends the player, unless a later render has taken it over
 */
export function mountPlayer(component, parts) {
  const parent = component.parentElement;
  const known = players.get(parent);
  const own = known && !known.isDestroyed ? known : new Player(parent, parts);
  players.set(parent, own);
  const turn = own.update(component);
  return () => {
    if (own.turn !== turn) return;
    own.destroy();
    players.delete(parent);
  };
}

export class Player {
  /** @param {ShadowRoot | HTMLElement} parent @param {Parts} makeParts */
  constructor(parent, makeParts) {
    this.turn = 0;
    this.isDestroyed = false;
    this.abort = new AbortController();
    this.signal = this.abort.signal;
    this.timers = new Timers();
    /** What Python sent last, with what was chosen since. @type {Data | null} */
    this.own = null;
    /** The same with the panes that the viewer has added. @type {Data | null} */
    this.given = null;
    /** @type {Part[]} */
    this.parts = [];
    this.series = new Curves();
    this.commands = new Commands(
      {},
      { isStill: () => this.clip.nFrames === 1, announce: (text) => this.ui.announce(text) },
    );
    this.clip = new Clip(this);
    this.position = new Position(this);
    this.playback = new Playback(this);
    this.view = new View(this);
    this.reports = new Reports(this);
    this.menus = new PaneMenus(this);
    this.request = (/** @type {Record<string, string>} */ wanted) => this.reports.request(wanted);
    const run = (/** @type {string} */ action, /** @type {...any} */ ...given) => this.commands.run(action, ...given);
    const bandwidth = new Bandwidth();
    const loaded = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource"));
    bandwidth.expect(transferred(loaded));
    this.frames = new FrameLoader({ bandwidth, onChange: () => this.timers.soon("rail", () => this.each("loaded")) });
    this.stage = new Stage({ onLegend: (pane, anchor) => run("legend", pane, anchor) });
    this.ui = new Shell(parent, { stage: this.stage.root, timers: this.timers, run });
    this.charts = new Charts(this.ui.charts, {
      signal: this.signal,
      theme: this.ui.theme,
      curves: this.series,
      onSeek: (frame, isFinal) => this.position.scrub(frame, isFinal),
      onLoop: (loop) => this.view.setLoop(loop),
      onLook: (changes) => this.view.change(changes),
      onMeasure: (value) => this.request({ choose: "measure", value }),
    });
    this.chartsText = "";
    this.chartsSize = "";
    this.themeText = "";
    this.forTests = testAccess(this);
    Object.assign(this.ui.root, { xc: this.forTests });
    this.commands.add({ actions: ownActions(this) });
    this.parts = makeParts(this);
    const timeline = this.parts.find((part) => part.timeline)?.timeline ?? null;
    for (const part of this.parts) {
      this.ui.add(part, timeline);
      this.commands.add(part);
    }
    // A page without a timeline has one frame: there is none to find, and the page itself chooses its panes.
    if (timeline !== null) {
      this.ui.toolbar.addTools(this.menus.tool());
      this.commands.add({ commands: () => this.menus.commands() });
    }
    this.ui.toolbar.keepFinds((action) => this.commands.has(action) && (timeline !== null || action === "palette"));
    this.ui.root.append(this.menus.picker.root);
    this.sizes = new ResizeObserver(() => this.fitSoon());
    this.listen(timeline?.root ?? null);
    this.ui.open(() => {
      this.restyle();
      this.fit();
    });
  }

  /** @param {HTMLElement | null} slider */
  listen(slider) {
    const { signal, ui } = this;
    listenToKeys(ui, this.commands, { slider, signal });
    window.addEventListener("resize", () => this.fitSoon(), { signal });
    this.stage.root.addEventListener("pointerdown", () => ui.focus(), { signal });
    const write = (/** @type {Event} */ event) => this.reports.writeInto(/** @type {CustomEvent} */ (event).detail);
    if (slider) document.addEventListener(LEAVING, write, { signal }); // without a timeline there is no place in a clip
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.timers.soon("theme", () => this.restyle()), { signal });
    this.sizes.observe(ui.root);
    // What stands above the player decides how much height is left for it.
    const around = ui.host.closest("[data-testid=stMainBlockContainer]");
    if (around) this.sizes.observe(around);
  }

  /** @returns {Data} */
  get data() {
    if (!this.given) throw new Error("the player has no data yet");
    return this.given;
  }

  /** The data without the panes that the viewer has added. @returns {Data} */
  get base() {
    if (!this.own) throw new Error("the player has no data yet");
    return this.own;
  }

  get letters() {
    return this.given?.letters ?? LETTERS;
  }

  get notes() {
    return this.parts.find((part) => part.notes)?.notes?.() ?? new Map();
  }

  /** Call a function of all parts that takes nothing. @param {"loaded" | "fit" | "restyle" | "destroy"} name */
  each(name) {
    for (const part of this.parts) part[name]?.();
  }

  /** Take over new data. May run at any time, with anything changed. @param {Component} component @returns {number} */
  update({ data: sent, setStateValue, setTriggerValue }) {
    this.turn += 1;
    this.reports.setState = setStateValue;
    this.reports.setTrigger = setTriggerValue ?? (() => {});
    const before = this.given;
    const data = completed(sent);
    this.own = this.given = data;
    this.menus.update(data);
    const isNewClip = before?.clip !== data.clip;
    this.ui.theme.apply();
    if (isNewClip) this.begin(before === null);
    this.ui.root.classList.toggle("is-still", this.clip.nFrames === 1);
    this.given = withExtraPanes(data, this.view.state.panes);
    const shownOf = (/** @type {Data | null} */ one) => [
      one?.panes,
      one?.energies,
      one?.stabilities,
      one?.confidences,
      one?.normals,
      one?.choices,
    ];
    if (isNewClip || !same(shownOf(before), shownOf(this.given))) this.showPanes(isNewClip);
    this.updateCharts();
    for (const part of this.parts) part.update?.(this.data, isNewClip);
    this.fit();
    // A job may have finished more frames while they play.
    if (before?.nReady !== data.nReady) this.playback.restart();
    const { command } = data;
    if (command.seq > this.commandSeen) {
      this.commandSeen = command.seq;
      this.playback.pause();
      this.view.change(this.view.read(command));
      this.playback.setSpeed(nearest(data.speeds, command.speed));
      this.position.goTo(command.frame);
    } else {
      this.position.goTo(this.position.wanted);
    }
    return this.turn;
  }

  commandSeen = 0;

  /** Start a clip where Python says, or where it was left. @param {boolean} isFirst of this player */
  begin(isFirst) {
    const { data } = this;
    this.playback.pause();
    const isBack = isFirst && left?.clip === data.clip && same(left.start, data.start);
    const start = isBack && left ? left.place : data.start;
    this.view.state = this.view.read(start);
    this.commandSeen = data.command.seq;
    this.playback.speed = nearest(data.speeds, start.speed);
    this.position.wanted = this.clip.clamp(start.frame);
    this.reports.acknowledge();
  }

  /** End everything that was begun. */
  destroy() {
    if (this.given) left = { clip: this.data.clip, start: this.data.start, place: this.reports.place() };
    this.isDestroyed = true;
    this.playback.clock = null;
    this.abort.abort();
    this.timers.close();
    this.sizes.disconnect();
    this.charts.clear();
    this.each("destroy");
    this.frames.close();
    this.ui.close();
  }

  // Panes and plots

  /** Show the headings, messages and legends of the panes, and their tracks. @param {boolean} isNewClip */
  showPanes(isNewClip) {
    const { panes, width, height } = this.data;
    this.stage.setPanes(panes, { width, height }, (pane) => this.menus.of(pane));
    this.showTracks(isNewClip);
    this.stage.setLook(this.view.state, this.overlayTracks);
  }

  /** Show other panes of the same clip. @param {Partial<Pick<Data, "panes" | "energies" | "stabilities" | "confidences">>} changes */
  replace(changes) {
    this.own = { ...this.base, ...changes };
    this.showExtras();
  }

  /** Show the panes with those that the viewer has added. */
  showExtras() {
    this.given = withExtraPanes(this.base, this.view.state.panes);
    this.showPanes(false);
    for (const part of this.parts) part.update?.(this.data, false);
    this.fit();
  }

  /** Energies drawn over the pictures: tracks that are no panes and whose frames are shown with theirs. */
  get overlayTracks() {
    if (!this.view.state.overlay || !this.given) return [];
    return Object.entries(this.given.energies ?? {}).map(([letter, energy]) => ({ letter, ...energy }));
  }

  /** Normals that surfaces are shaded by: their pictures follow those of the overlays. */
  get normalTracks() {
    if (this.view.state.colour !== "normals" || !this.given) return [];
    return Object.entries(this.given.normals ?? {}).map(([pane, normals]) => ({ pane, ...normals }));
  }

  /** Load the frames of the panes, and of what is drawn over them. @param {boolean} isNewClip */
  showTracks(isNewClip) {
    this.position.setTracks([...this.data.panes, ...this.overlayTracks, ...this.normalTracks], isNewClip);
  }

  /** Draw the plots where their numbers are new. */
  updateCharts() {
    const { charts, ptsSeconds, styles = {}, menus = [] } = this.data;
    const errors = menus.find(({ name }) => name === "measure")?.options ?? [];
    this.ui.theme.setStyles(this.letters, styles);
    const text = JSON.stringify([charts, ptsSeconds.length, this.letters, styles, errors]);
    if (text === this.chartsText) return this.restyle();
    this.chartsText = text;
    this.themeText = JSON.stringify(this.ui.theme.colours());
    this.charts.errors = errors;
    this.series.set(charts, ptsSeconds.length, this.letters, styles);
    this.charts.setLook(this.view.state);
    // Drawing plots takes as long as several frames of pictures.
    this.timers.afterPaint("charts", () => this.showCharts());
  }

  async showCharts() {
    try {
      await this.charts.show();
      this.fit();
    } catch (error) {
      this.chartsText = ""; // so that the next update tries again
      this.ui.announce(error instanceof Error ? error.message : String(error));
    }
  }

  // Size and theme

  fitSoon() {
    this.timers.soon("fit", () => this.fit());
  }

  /** Place everything in the room there is. */
  fit() {
    const { given: data, stage } = this;
    if (!data || this.isDestroyed) return;
    const { solo, size, wipe } = this.view.state;
    const isBeside = this.ui.placePlots(data.charts.length > 0);
    // Who looks closely at one picture, or in space, gives it the window; plots beside the pictures need no room below them.
    const plotPx = isBeside || solo || wipe || stage.painter ? 0 : Charts.heightOf(data.charts, 1);
    const height = this.ui.roomForStage(size, plotPx);
    if (!stage.fit({ height, aspect: data.width / data.height, look: this.view.state })) return;
    this.charts.setRoom(isBeside ? stage.root.offsetHeight : null);
    const chartsSize = `${this.ui.charts.clientWidth} ${this.charts.plotPx}`;
    if (this.chartsSize !== chartsSize) {
      this.chartsSize = chartsSize;
      this.charts.redraw();
    }
    this.each("fit");
    this.position.paint();
  }

  /** Follow another theme; the plots are drawn again only where it is another. */
  restyle() {
    this.ui.theme.apply();
    const text = JSON.stringify(this.ui.theme.colours());
    if (text === this.themeText) return;
    this.themeText = text;
    this.charts.redraw();
    this.each("restyle");
  }
}

/** @param {number[]} choices @param {number} value */
function nearest(choices, value) {
  return choices.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best), choices[0]);
}

/** @param {unknown} a @param {unknown} b */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
