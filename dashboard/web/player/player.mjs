// @ts-check
/**
 * The synchronized player: N panes in one canvas, one integer frame index for pictures, plots and position.
 *
 * `goTo(i)` is the only way to another frame. It asks the loader for frame i of all panes, and only when every one of
 * them is there is it painted, together with number, time, scrubber and plot cursor, in one animation frame. Until
 * then the last whole frame stays. So panes cannot drift: there is nothing that could show two frames.
 *
 * `change` is the only way to another look (see view_state.mjs). The page's own clock and look are never shared with Python;
 * `report` tells it where the viewer has settled.
 */

import { bookmarking } from "./bookmarks.mjs";
import { Charts, ZOOM_STEP } from "../plots/charts.mjs";
import { PlayClock, Punctuality, RateMeter, findPeaks, framesAround, framesToPlay, span } from "./clock.mjs";
import { Curves, highest } from "../plots/curves.mjs";
import { dividing } from "../drawing/divider.mjs";
import { element } from "../ui/dom.mjs";
import { UNREACHABLE } from "../frames/fetch.mjs";
import { FrameLoader } from "../frames/loader.mjs";
import { helpPanel } from "./help.mjs";
import { choiceMenu } from "./pane_menu.mjs";
import { BINDINGS, bindingOf, chord } from "./keys.mjs";
import { palettePart } from "./palette.mjs";
import { probing } from "../tools/probe.mjs";
import { sharePart } from "../export/share_dialog.mjs";
import { scaling } from "../tools/scales.mjs";
import { screen } from "./screen.mjs";
import { Stage } from "../drawing/stage.mjs";
import { Panels } from "../plots/panels.mjs";
import { Region } from "../tools/region.mjs";
import { Strip } from "../plots/strip.mjs";
import { Theme } from "../ui/theme.mjs";
import { tools } from "../tools/tools.mjs";
import { Transport } from "./transport.mjs";
import { flickering, wiping } from "../tools/wipe.mjs";
import { zooming } from "../tools/zoom.mjs";
import { FIELDS, initialLook, readLook, writeLook } from "./view_state.mjs";

/** Wait before saying so when frames are late: shorter waits are better left alone. */
const LOADING_SIGN_MS = 400;
/** Quiet time before Python hears of a position. */
const REPORT_MS = 200;
/** Seeks on their way at once: the newest, and one to finish so that frames keep appearing while scrubbing. */
const MAX_SEEKS = 2;
/** Frames decoded before they are asked for. */
const DECODE_AHEAD = { playing: 12, standing: 6 };
/** A frame looked at for so long is shown exactly, where previews came first. */
const SETTLE_MS = 120;
/** The page hears of a choice after this even where its picture has not come. */
const PATIENCE_MS = 400;
/** A choice that the page has not taken over after this was refused. */
const ANSWER_MS = 5000;
/** A server that was away is asked again after this. */
const RETRY_MS = 4500;
/** Two rates that differ by less are the same to the eye. */
const RATE_TOLERANCE = 0.1;
/** The pictures keep at least this much of the window's height, even where the plots then need scrolling. */
const MIN_STAGE_SHARE = { wide: 0.32, upright: 0.5 };
/** Between the rows of the player, CSS px: the pictures leave room for three of them. */
const ROW_GAPS_PX = 3 * 8;

/** @type {WeakMap<object, Player>} */
const players = new WeakMap();

/**
 * Where the last player ended. Streamlit may take a player off the page and put it back before Python has noticed: then
 * the new one is told to start where the old one was told to, although Python has heard of a later position.
 * @type {{clip: string, start: Data["start"], position: Data["start"]} | null}
 */
let left = null;

/**
 * Streamlit's entry: called for the first render and again for every change of data or theme, on the same parent.
 * @param {any} component {data, parentElement, setStateValue}
 * @returns {() => void} ends the player, unless a later render has taken it over
 */
export function mount(component) {
  const parent = component.parentElement;
  let player = players.get(parent);
  if (!player || player.isDestroyed) {
    player = new Player(parent);
    players.set(parent, player);
  }
  const own = player;
  const turn = own.update(component);
  return () => {
    if (own.turn !== turn) return;
    own.destroy();
    players.delete(parent);
  };
}

/**
 * @typedef {import("../frames/loader.mjs").Picture} Picture
 * @typedef {{id: string, role: string, letter: string, title: string, detail: string, row: number, column: number, key: string,
 *   isComplete: boolean, domain: any, packs: any[]}} Pane
 * @typedef {{clip: string, title: string, width: number, height: number, ptsSeconds: number[], nReady: number,
 *   letters: string, scale?: "standardised" | "raw", panes: Pane[], charts: import("../plots/curves.mjs").Chart[],
 *   speeds: number[], about?: string[], firstReady?: number, isFile?: boolean,
 *   notes?: [number, string][], energies?: Record<string, Energy>, titles?: Record<string, string>,
 *   start: Place, command: Place & {seq: number}, choices?: import("./pane_menu.mjs").Choice[]}} Data
 * @typedef {{frame: number, speed: number, look?: Record<string, string>}} Place
 * @typedef {{key: string, method: string, domain: any, packs: import("../frames/loader.mjs").Pack[], paths: string[], mu: number[],
 *   sigma: number[]}} Energy an energy track, by letter of its configuration; it is no pane
 *   about: who made the clip and how it may be used; firstReady, isFile, notes: of a page exported to a file, the first of
 *   its frames, that it is one, and its bookmarks
 * @typedef {{help: string, run: () => void}} Command something the palette offers
 * @typedef {import("./view_state.mjs").Look} Look
 * @typedef {{
 *   element?: HTMLElement,
 *   buttons?: HTMLElement[],
 *   commands?: () => Command[],
 *   actions?: Record<string, (...given: any[]) => void>,
 *   update?: (data: Data, isNewClip: boolean) => void,
 *   look?: (look: Look, before: Look) => void,
 *   paint?: (frame: number, pictures: (Picture | null)[]) => void,
 *   fit?: () => void,
 *   restyle?: () => void,
 *   destroy?: () => void,
 * }} Part what the player has beside stage, transport and plots, a module each, made by `parts`. `element` stands
 *   under the plots, `buttons` beside those of the transport; `actions` add to those of the keys, and `commands` to
 *   the palette what no key does; the others are called when there is new data, another look, a
 *   frame in the canvas (in the same animation frame), another size or another theme, and at the end. A part asks the
 *   player for everything else: `goTo`, `jump`, `change`, `setLoop`, `say`, `wish`, `soon`, `later`, `loader`, `data`,
 *   `look`.
 */

/** @param {Player} player @returns {Part[]} */
function parts(player) {
  return [
    zooming(player),
    wiping(player),
    flickering(player),
    tools(player),
    probing(player),
    scaling(player),
    dividing(player),
    bookmarking(player),
    sharePart(player),
    palettePart(player),
  ];
}

class Player {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    this.parent = parent;
    this.turn = 0;
    this.isDestroyed = false;
    this.abort = new AbortController();
    /** @type {Data | null} */
    this.data = null;
    /** The frame asked for: the one clock. */
    this.wanted = 0;
    /** The frame on the screen, or on its way there with the next animation frame; -1: none yet. */
    this.painted = -1;
    /** The frame whose pixels are in the canvas. */
    this.inCanvas = -1;
    /** @type {(Picture | null)[]} the pictures on the screen, by pane, then those of `extras`; null: not here yet */
    this.pictures = [];
    /** Frames marked on a plot. @type {number[]} */
    this.marked = [];
    /** Bookmarked frames and what is noted of them. @type {Map<number, string>} */
    this.notes = new Map();
    this.speed = 1;
    /** @type {PlayClock | null} while playing */
    this.clock = null;
    /** @type {1 | -1} */
    this.direction = 1;
    /** How the clip is looked at; changed by `change` alone. */
    this.look = initialLook();
    this.seekTurn = 0;
    this.paintedTurn = 0;
    this.seeks = 0;
    this.isScrubbing = false;
    this.commandSeen = 0;
    /** What the page said last; those shown are ahead of it where something was chosen since. @type {Pane[]} */
    this.answered = [];
    /** Settles once the page has been told of all choices. @type {Promise<unknown>} */
    this.told = Promise.resolve();
    this.reported = "";
    this.meter = new RateMeter();
    this.punctuality = new Punctuality();
    /** The frame that was due at the last tick of play. */
    this.lastDue = -1;
    this.lastPaintMs = 0;
    /** Since when frames that are due have not been shown, ms; null: there is none. @type {number | null} */
    this.lateSince = null;
    /** @type {Map<string, any>} timers and animation frames by name, so that destroy ends all */
    this.timers = new Map();
    this.setStateValue = (/** @type {string} */ _name, /** @type {unknown} */ _value) => {};
    this.setTriggerValue = this.setStateValue;
    this.loader = new FrameLoader({ onChange: () => this.soon("rail", () => this.drawRail()) });
    /** The numbers behind plots, strip and lists. */
    this.curves = new Curves();
    this.panesTurn = 0;
    /** @type {string[]} the tracks of the panes */
    this.paneKeys = [];
    this.isInTick = false;
    this.chartsText = "";
    this.chartsSize = "";
    this.themeText = "";
    this.build();
    this.listen();
  }

  // What Streamlit calls

  /** Take over new data. May run at any time, with anything changed. @param {any} component @returns {number} */
  update({ data, setStateValue, setTriggerValue }) {
    this.turn += 1;
    this.setStateValue = setStateValue;
    this.setTriggerValue = setTriggerValue ?? (() => {});
    const before = this.data;
    this.data = withAddresses(data);
    this.answered = this.data.panes;
    this.never("refused");
    const isNewClip = before?.clip !== data.clip;
    this.theme.apply();
    if (isNewClip) {
      this.pause();
      const isBack = before === null && left?.clip === data.clip && same(left.start, data.start);
      const start = isBack && left ? left.position : data.start;
      this.look = this.readLook(start);
      this.commandSeen = data.command.seq;
      this.speed = nearest(data.speeds, start.speed);
      this.wanted = this.clamp(start.frame);
      this.reported = this.positionText();
    }
    if (before === null || !same(before.speeds, data.speeds)) this.transport.setSpeeds(data.speeds);
    this.transport.speed.value = String(this.speed);
    const shownOf = (/** @type {Data | null} */ one) => [one?.panes, one?.energies, one?.choices];
    const isOther = !same(shownOf(before), shownOf(this.data));
    if (isOther || isNewClip) this.showPanes(isNewClip);
    const chartsText = JSON.stringify([data.charts, data.ptsSeconds.length]);
    if (chartsText !== this.chartsText) {
      this.chartsText = chartsText;
      this.themeText = JSON.stringify(this.theme.colours());
      this.curves.set(data.charts, data.ptsSeconds.length, data.letters);
      this.charts.setLook(this.look);
      this.afterPaint("charts", () => this.showCharts());
    } else {
      this.restyle();
    }
    this.transport.tier.hidden = Boolean(data.isFile); // a file holds what it holds
    for (const part of this.parts) part.update?.(this.data, isNewClip);
    this.fit();
    this.drawRail();
    // A job may have finished more frames while they play.
    if (this.clock && before?.nReady !== data.nReady) this.play(this.direction);
    if (data.command.seq > this.commandSeen) {
      this.commandSeen = data.command.seq;
      this.pause();
      this.change(this.readLook(data.command));
      this.setSpeed(nearest(data.speeds, data.command.speed));
      this.goTo(data.command.frame);
    } else {
      this.goTo(this.wanted);
    }
    return this.turn;
  }

  /** @param {Place} place @returns {Look} */
  readLook({ look }) {
    return readLook(look ?? {}, { ids: this.data.panes.map(({ id }) => id), nFrames: this.nFrames });
  }

  /** Drawing plots takes as long as several frames of pictures. */
  async showCharts() {
    try {
      await this.charts.show();
      this.fit();
    } catch (error) {
      this.chartsText = ""; // so that the next update tries again
      this.say(/** @type {Error} */ (error).message);
    }
  }

  /** End everything that was begun. */
  destroy() {
    if (this.data) {
      const position = { frame: this.wanted, speed: this.speed, look: writeLook(this.look) };
      left = { clip: this.data.clip, start: this.data.start, position };
    }
    this.isDestroyed = true;
    this.clock = null;
    this.abort.abort();
    for (const name of [...this.timers.keys()]) this.never(name);
    this.sizes.disconnect();
    this.charts.clear();
    this.transport.destroy();
    for (const part of this.parts) part.destroy?.();
    this.loader.close();
    this.root.remove();
    this.style.remove();
  }

  // Frames

  get nFrames() {
    return this.data?.ptsSeconds.length ?? 1;
  }

  get nReady() {
    return Math.max(Math.min(this.data?.nReady ?? 1, this.nFrames), 0);
  }

  /** The first frame that can be seen: in a file that holds a part of a clip, not 0. */
  get firstReady() {
    return Math.min(this.data?.firstReady ?? 0, Math.max(this.nReady - 1, 0));
  }

  /** First and last frame of play. @returns {[number, number]} */
  get range() {
    const last = Math.max(this.nReady - 1, 0);
    const { loop } = this.look;
    const inside = (/** @type {number} */ frame) => Math.min(Math.max(frame, this.firstReady), last);
    return loop ? [inside(loop[0]), inside(loop[1])] : [this.firstReady, last];
  }

  /** The frames of play: those of the range, or the marked ones among them where there are some. */
  get played() {
    const [first, last] = this.range;
    const marked = this.marked.filter((frame) => first <= frame && frame <= last);
    return marked.length > 1 ? marked : span(first, last);
  }

  /** Play goes through these frames alone; through all where there are none. @param {number[]} frames ascending */
  setMarked(frames) {
    if (same(frames, this.marked)) return;
    this.marked = frames;
    if (this.clock) this.play(this.direction);
  }

  /** Where keys look for the worst frames. @returns {[number, number]} */
  get searched() {
    return [0, Math.max(this.nReady - 1, 0)];
  }

  /** @param {number} frame */
  clamp(frame) {
    const whole = Number.isFinite(frame) ? Math.round(frame) : 0;
    return Math.min(Math.max(whole, this.firstReady), Math.max(this.nReady - 1, 0));
  }

  /** Show that frame as soon as every pane has it. The newest call wins. @param {number} frame */
  goTo(frame) {
    this.wanted = this.clamp(frame);
    this.seekTurn += 1;
    this.stage.empty.hidden = this.nReady > 0;
    if (this.nReady === 0) return;
    const pictures = this.loader.peek(this.wanted, this.fpsDue);
    if (pictures) this.show(this.wanted, pictures, this.seekTurn);
    else {
      this.seek();
      this.planPrefetch(); // at once, as it calls off what was fetched for another place
    }
    if (this.painted !== this.wanted || !pictures) {
      this.later("loading", LOADING_SIGN_MS, () => this.root.toggleAttribute("data-loading", this.isLate()));
    }
  }

  /** Load the wanted frame; when it has come, whatever is wanted by then. */
  async seek() {
    if (this.seeks >= MAX_SEEKS) return; // one that finishes takes it up
    const frame = this.wanted;
    const turn = this.seekTurn;
    const { panesTurn } = this;
    this.seeks += 1;
    let pictures = null;
    try {
      pictures = await this.loader.load(frame, this.fpsDue);
    } finally {
      if (panesTurn === this.panesTurn) this.seeks -= 1;
    }
    if (this.isDestroyed || panesTurn !== this.panesTurn) return;
    // Each seek of a scrub is shown, but never an older one after a newer one, nor one of other panes.
    if (pictures) this.show(frame, this.loader.peekAt(frame, "exact") ?? pictures, turn);
    if (this.isLate() && !this.clock) this.goTo(this.wanted);
  }

  isLate() {
    return this.nReady > 0 && (this.painted !== this.wanted || this.pictures.includes(null));
  }

  /** Paint these pictures in the next animation frame. @param {number} frame @param {Picture[]} pictures @param {number} turn */
  show(frame, pictures, turn) {
    if (turn < this.paintedTurn) return;
    this.paintedTurn = turn;
    this.painted = frame;
    this.pictures = pictures;
    if (!this.clock) this.planPrefetch();
    this.settleSoon();
    if (pictures.some(({ error }) => error === UNREACHABLE))
      this.later("retry", RETRY_MS, () => this.goTo(this.wanted));
    // A tick of play is an animation frame already.
    if (this.isInTick) this.paint();
    else this.soon("paint", () => this.paint());
  }

  /** Whether what is on the screen, or on its way there with the next animation frame, is exact. */
  get isExact() {
    return this.pictures.every((picture) => picture?.isExact !== false);
  }

  /** Show exactly what previews show, where the viewer stays. */
  settleSoon() {
    if (this.isExact || this.clock || this.isScrubbing || this.isLate()) return this.never("settle");
    this.later("settle", SETTLE_MS, () => this.settle());
  }

  /** Exact pictures of the frame on the screen, painted; nothing where the viewer goes elsewhere meanwhile. */
  async settle() {
    if (this.isExact || this.painted < 0) return;
    const frame = this.painted;
    const { panesTurn } = this;
    const pictures = await this.loader.loadAlone(frame);
    if (!pictures || this.isDestroyed || panesTurn !== this.panesTurn || frame !== this.painted || this.clock) return;
    // A preview is better than no picture, while there is hope.
    if (pictures.some(({ error }) => error === UNREACHABLE)) return this.later("settle", RETRY_MS, () => this.settle());
    this.show(frame, pictures, this.seekTurn);
    this.paint();
  }

  /** Frames a second that play should show; 0: standing. */
  get fpsDue() {
    return this.clock?.fps ?? 0;
  }

  planPrefetch() {
    const { clock, direction, firstReady, fpsDue } = this;
    const last = Math.max(this.nReady - 1, 0);
    const frames = clock
      ? framesToPlay(this.wanted, { frames: clock.frames, direction, count: DECODE_AHEAD.playing })
      : framesAround(this.wanted, { first: firstReady, last, count: DECODE_AHEAD.standing });
    this.loader.prefetch(this.wanted, {
      frames,
      direction: clock ? direction : 0,
      last: clock ? clock.frames[clock.frames.length - 1] : last,
      fps: fpsDue,
    });
  }

  /** Everything that shows the frame, at once. */
  paint() {
    if (!this.stage.layout || this.painted < 0) return;
    this.stage.paint(this.pictures, this.look.wipe);
    this.lastPaintMs = performance.now();
    this.lateSince = null;
    this.inCanvas = screen.frame = this.painted;
    if (this.root.hasAttribute("data-loading") && !this.isLate()) this.root.removeAttribute("data-loading");
    this.charts.moveCursor(this.painted);
    this.drawPosition();
    this.transport.drawTier(this.isExact, this.loader.isExactOnly);
    for (const part of this.parts) part.paint?.(this.painted, this.pictures);
    this.root.xc.paints += 1;
    if (!this.clock) this.report();
  }

  drawPosition() {
    const seconds = this.data?.ptsSeconds[this.painted] ?? 0;
    this.transport.drawPosition(this.painted, seconds, this.isScrubbing ? this.wanted : this.painted);
  }

  // Playing

  /** @param {1 | -1} direction */
  play(direction = 1) {
    if (this.nReady < 2) return;
    const { played } = this;
    const [first, last] = [played[0], played[played.length - 1]];
    const isInside = first <= this.wanted && this.wanted <= last;
    const from = isInside ? this.wanted : direction > 0 ? first : last;
    this.direction = direction;
    if (!this.clock) this.loader.isTooSlow = false; // what was late before need not be now
    const now = performance.now();
    const pts = this.data?.ptsSeconds ?? [0];
    this.clock = new PlayClock(pts, { frames: played, speed: this.speed, direction, frame: from, now });
    const frame = this.clock.at(now);
    this.meter.reset(now);
    this.punctuality.reset(now);
    this.lateSince = null;
    this.transport.setPlaying(true);
    this.goTo(frame);
    this.planPrefetch();
    this.soon("tick", (time) => this.tick(time));
  }

  pause() {
    if (!this.clock) return;
    this.clock = null;
    this.never("tick");
    this.transport.setPlaying(false);
    if (this.painted >= 0) this.goTo(this.painted); // what is seen is where we are
    this.report();
  }

  /** @param {number} time of the animation frame, ms */
  tick(time) {
    if (!this.clock) return;
    this.soon("tick", (next) => this.tick(next));
    const due = this.clock.at(time);
    // Only a paint ends it: after a stall the clock stands at the painted frame, which is no progress.
    if (due !== this.painted) this.lateSince ??= time;
    const isStalled = due !== this.painted && time - (this.lateSince ?? time) > LOADING_SIGN_MS && this.isLate();
    if (isStalled) {
      // Frames are dropped where decoding is slow, but nothing is skipped while the network keeps us waiting.
      this.clock.rebase(this.painted >= 0 ? this.painted : this.wanted, time);
      this.root.setAttribute("data-loading", "");
    }
    const before = this.painted;
    this.isInTick = true;
    try {
      this.advance(due);
    } finally {
      this.isInTick = false;
    }
    const isShown = this.painted !== before;
    if (isShown) this.meter.add(time);
    const isLate = this.punctuality.tick(time, due !== this.lastDue, isShown);
    this.lastDue = due;
    // Exact frames that cannot be shown in time, whatever the reason, make room for previews.
    if (isLate && this.isExact && !this.loader.isTooSlow) {
      this.loader.isTooSlow = true;
      this.planPrefetch();
    }
    this.drawRate(time);
  }

  /** Show the due frame or, where it is late, the newest that is ready since the last one. @param {number} due */
  advance(due) {
    if (due !== this.wanted) {
      this.wanted = due;
      this.seekTurn += 1;
      this.planPrefetch();
    }
    if (!this.isLate()) return;
    const pictures = this.loader.peek(due, this.fpsDue);
    if (pictures) {
      this.show(due, pictures, this.seekTurn);
      return;
    }
    const { frames } = /** @type {PlayClock} */ (this.clock);
    const at = /** @type {PlayClock} */ (this.clock).indexOf(due);
    for (let back = 1; back <= DECODE_AHEAD.playing; back += 1) {
      const earlier = frames[at - back * this.direction];
      if (earlier === undefined || earlier === this.painted) break;
      const ready = this.loader.peek(earlier, this.fpsDue);
      if (!ready) continue;
      this.show(earlier, ready, this.seekTurn);
      break;
    }
    this.seek();
  }

  /** @param {number} now */
  drawRate(now) {
    const achieved = this.meter.rate(now);
    if (achieved === null) return;
    const target = this.fpsDue;
    // The screen itself shows some 60 a second; a rate within the tolerance of the target is not worth a word.
    const differs = Math.abs(achieved - target) > Math.max(RATE_TOLERANCE * target, 1);
    this.transport.drawRate(differs ? `${achieved.toFixed(0)} of ${Number(target.toPrecision(3))} fps` : "");
  }

  /** @param {number} frame @param {boolean} isFinal the pointer has been released */
  scrub(frame, isFinal) {
    if (this.clock) this.pause();
    this.isScrubbing = !isFinal;
    this.goTo(frame);
    this.drawPosition();
    if (!isFinal) return;
    this.settleSoon();
    this.report();
  }

  // Reporting

  positionText() {
    return JSON.stringify({ clip: this.data?.clip, frame: this.wanted, speed: this.speed, look: writeLook(this.look) });
  }

  /** Tell Python where the viewer is, once it is quiet. */
  report() {
    this.later("report", REPORT_MS, () => {
      const text = this.positionText();
      if (this.clock || this.isScrubbing || this.isLate() || text === this.reported) return;
      this.reported = text;
      this.setStateValue("position", JSON.parse(text));
    });
  }

  /** Ask the page for something, such as {open: "zoo/method/path"}: one more configuration. @param {Record<string, string>} wish */
  wish(wish) {
    this.setTriggerValue("wish", wish);
  }

  // The look

  /** Look at the clip in another way. @param {Partial<Look>} changes */
  change(changes) {
    const before = this.look;
    this.look = { ...before, ...changes };
    this.charts.setLook(this.look);
    if (!same(before.loop, this.look.loop)) {
      this.drawRail();
      if (this.clock) this.play(this.direction);
    }
    this.look = this.withoutContradiction(changes);
    if ((before.overlay === null) !== (this.look.overlay === null)) this.showTracks(false);
    this.stage.setLook(this.look, this.extras);
    const isMoved = before.solo !== this.look.solo || before.size !== this.look.size;
    if (isMoved || !same(panesOf(before.wipe), panesOf(this.look.wipe))) this.fit();
    else this.soon("paint", () => this.paint());
    for (const part of this.parts) part.look?.(this.look, before);
    this.report();
  }

  /** A picture alone and a wipe of two leave each other: the one asked for last stays. @param {Partial<Look>} changes */
  withoutContradiction(changes) {
    if (changes.solo) return { ...this.look, wipe: null };
    return changes.wipe ? { ...this.look, solo: null } : this.look;
  }

  // Commands: the actions of keys.mjs

  /** @type {Record<string, (...given: any[]) => void>} */
  actions = {
    toggle: () => (this.clock ? this.pause() : this.play(1)),
    play: (value) => this.play(value === -1 ? -1 : 1),
    pause: () => this.pause(),
    step: (value = 1) => this.jump(this.wanted + value),
    first: () => this.jump(this.range[0]),
    last: () => this.jump(this.range[1]),
    speed: (value = 1) => {
      const { speeds } = /** @type {Data} */ (this.data);
      const at = speeds.indexOf(this.speed) + value;
      this.setSpeed(speeds[Math.min(Math.max(at, 0), speeds.length - 1)]);
    },
    loopIn: () => {
      const last = this.look.loop?.[1] ?? 0;
      this.setLoop([this.wanted, last > this.wanted ? last : this.nFrames - 1]);
    },
    loopOut: () => {
      const first = this.look.loop?.[0] ?? this.nFrames;
      this.setLoop([first < this.wanted ? first : 0, this.wanted]);
    },
    loopClear: () => this.change({ loop: null }),
    peak: (value = 1) => {
      const peaks = findPeaks(this.charts.mainCurve()).filter((frame) => frame < this.nReady);
      const next =
        value > 0 ? peaks.find((frame) => frame > this.wanted) : peaks.findLast((frame) => frame < this.wanted);
      if (next === undefined) this.say(value > 0 ? "no peak after this frame" : "no peak before this frame");
      else this.jump(next);
    },
    worst: () => {
      const curve = this.charts.mainCurve();
      let worst = -1;
      for (let i = 0; i < Math.min(curve.length, this.nReady); i += 1) {
        if (Number.isFinite(curve[i]) && (worst < 0 || curve[i] > curve[worst])) worst = i;
      }
      if (worst < 0) this.say("no curve to search");
      else this.jump(worst);
    },
    largestGap: () => {
      const frame = highest(this.charts.gapCurve().map(Math.abs), 1, this.searched)[0];
      if (frame === undefined) this.say("no two curves to compare");
      else this.jump(frame);
    },
    zoomTime: (value = 1) => this.charts.zoom(value > 0 ? 1 / ZOOM_STEP : ZOOM_STEP),
    solo: (value = 0) => {
      const pane = this.data?.panes[value];
      if (pane) this.change({ solo: this.look.solo === pane.id ? null : pane.id });
    },
    fit: () => this.change(this.look.zoom ? { zoom: null } : { solo: null, wipe: null }),
    copyLink: () => this.copyLink(),
    help: () => this.toggleHelp(),
    close: () => this.toggleHelp(false),
  };

  /** @param {number} frame */
  jump(frame) {
    this.pause();
    this.goTo(frame);
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.loader.isTooSlow = false;
    this.transport.speed.value = String(speed);
    if (this.clock) this.play(this.direction);
    else this.report();
  }

  /** Never show previews, or again where they are needed. @param {boolean} isExactOnly */
  setExactOnly(isExactOnly) {
    this.loader.isExactOnly = isExactOnly;
    this.transport.drawTier(this.isExact, isExactOnly);
    if (!this.clock) this.goTo(this.wanted);
    this.planPrefetch();
    this.say(
      isExactOnly ? "lossless pictures only, however long they take" : "previews where lossless pictures are late",
    );
  }

  /** @param {[number, number]} loop the whole clip is no loop, and neither is a single frame */
  setLoop([first, last]) {
    const isLoop = first < last && (first > 0 || last < this.nFrames - 1);
    this.change({ loop: isLoop ? [first, last] : null });
  }

  async copyLink() {
    const url = new URL(window.location.href);
    url.searchParams.set("frame", String(this.wanted));
    url.searchParams.set("speed", String(this.speed));
    const look = writeLook(this.look);
    for (const name of Object.keys(FIELDS)) {
      if (name in look) url.searchParams.set(name, look[name]);
      else url.searchParams.delete(name);
    }
    try {
      await navigator.clipboard.writeText(url.href); // needs https or localhost
      this.say("link copied");
    } catch {
      const field = element("input", {
        class: "link",
        value: url.href,
        readonly: "",
        "aria-label": "link to this frame",
      });
      field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape") return;
        this.toast.hidden = true;
        this.root.focus({ preventScroll: true });
      });
      this.say("copy this link:", field);
      field.focus();
      field.select();
    }
  }

  /** @param {boolean} [isOpen] */
  toggleHelp(isOpen = this.help.hidden) {
    if (this.help.hidden === !isOpen) return;
    this.help.hidden = !isOpen;
    (isOpen ? this.help : this.root).focus({ preventScroll: true });
    if (isOpen) this.help.firstElementChild.scrollIntoView({ block: "nearest" });
  }

  /** A short word to the viewer, also to screen readers. @param {string} text @param {...HTMLElement} more */
  say(text, ...more) {
    this.toast.replaceChildren(text, ...more);
    this.toast.hidden = false;
    this.later("toast", more.length ? 12000 : 2500, () => (this.toast.hidden = true));
  }

  // Building and listening

  build() {
    const { signal } = this.abort;
    this.style = element("link", { rel: "stylesheet", href: new URL("./player.css", import.meta.url).href });
    this.stage = new Stage({ onLegend: (pane, anchor) => this.actions.legend?.(pane, anchor) });
    this.transport = new Transport(
      {
        act: (action, value) => this.actions[action](value),
        scrub: (frame, isFinal) => this.scrub(frame, isFinal),
        jump: (frame) => this.jump(frame),
        setSpeed: (speed) => this.setSpeed(speed),
        setExactOnly: (isExactOnly) => this.setExactOnly(isExactOnly),
        say: (text) => this.say(text),
        leave: () => this.root.focus({ preventScroll: true }),
      },
      signal,
    );
    const charts = element("div", { class: "charts" });
    this.toast = element("div", { class: "toast", role: "status" });
    this.toast.hidden = true;
    this.help = helpPanel(() => this.toggleHelp(false));
    this.root = element(
      "div",
      { class: "xc", tabindex: "0", role: "region", "aria-label": "Synchronized player. Press ? for its keys." },
      this.stage.root,
      this.transport.root,
      charts,
      this.toast,
      this.help,
    );
    this.theme = new Theme(this.root);
    this.parts = [...parts(this), ...plotParts(this)];
    for (const part of this.parts) {
      if (part.element) charts.after(part.element);
      for (const made of part.buttons ?? []) this.transport.help.before(made);
      Object.assign(this.actions, part.actions);
    }
    this.charts = new Charts(charts, {
      signal,
      theme: this.theme,
      curves: this.curves,
      onSeek: (frame, isFinal) => this.scrub(frame, isFinal),
      onLoop: (loop) => this.setLoop(loop),
      onLook: (changes) => this.change(changes),
    });
    this.root.xc = this.forTests();
    // Unstyled, sizes are wrong: nothing is laid out before the style is there.
    this.root.style.visibility = "hidden";
    const ready = () => {
      this.root.style.visibility = "";
      this.restyle();
      this.fit();
    };
    this.style.addEventListener("load", ready, { once: true });
    this.style.addEventListener("error", ready, { once: true });
    this.parent.append(this.style, this.root);
    this.sizes = new ResizeObserver(() => this.soon("fit", () => this.fit()));
    this.sizes.observe(this.root);
    // What stands above the player decides how much height is left for it.
    const around = /** @type {HTMLElement} */ (this.host().closest("[data-testid=stMainBlockContainer]"));
    if (around) this.sizes.observe(around);
  }

  /** What the tests may ask, and nothing that the page should build on. */
  forTests() {
    const self = this;
    return {
      paints: 0,
      get painted() {
        return self.inCanvas;
      },
      get isExact() {
        return self.isExact;
      },
      get paintedAtMs() {
        return self.lastPaintMs;
      },
      get stage() {
        return self.stage;
      },
      change: (/** @type {Partial<Look>} */ changes) => this.change(changes),
      seek: (/** @type {number} */ frame) => this.jump(frame),
      wish: (/** @type {Record<string, string>} */ wish) => this.wish(wish),
      state: () => ({
        frame: this.wanted,
        painted: this.inCanvas,
        isPlaying: this.clock !== null,
        isLate: this.isLate(),
        isExact: this.isExact,
        bytesPerSecond: this.loader.bandwidth.bytesPerSecond,
        frameBytes: this.loader.frameBytes(this.wanted),
        speed: this.speed,
        look: this.look,
        nReady: this.nReady,
        loaded: this.loader.loadedSpans(this.nFrames),
        errors: this.pictures.map((picture) => picture?.error ?? null),
        encodedBytes: this.loader.blocks.bytes,
        decodedBytes: this.loader.pictures.bytes,
      }),
      /** Image rectangles by pane, in canvas pixels; null: not shown. */
      rects: () => this.stage.rects(),
      context: () => this.stage.context,
      pictures: () => this.pictures,
      cursors: () => this.charts.cursorFrames(),
    };
  }

  listen() {
    const { signal } = this.abort;
    const on = (
      /** @type {EventTarget} */ target,
      /** @type {string} */ name,
      /** @type {(event: any) => void} */ act,
    ) => target.addEventListener(name, act, { signal });
    on(this.root, "keydown", (event) => this.onKey(event));
    on(this.root, "keyup", (event) => this.onKeyUp(event));
    on(window, "resize", () => this.soon("fit", () => this.fit()));
    on(this.stage.root, "pointerdown", () => this.root.focus({ preventScroll: true }));
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    on(dark, "change", () => this.soon("theme", () => this.restyle()));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    const isPress = event.key === " " || event.key === "Enter";
    // What is typed into a field is neither for the player nor for Streamlit, whose C clears its caches.
    if (target.closest("input, select, textarea")) return event.stopPropagation();
    if (isPress && target.closest("button")) return;
    const binding = bindingOf(event, target === this.transport.slider);
    if (!binding || (binding.action === "close" && this.help.hidden)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !binding.repeats) return;
    this.actions[binding.action](binding.value);
  }

  /** The end of an action that lasts while its key is held. @param {KeyboardEvent} event */
  onKeyUp(event) {
    const { key, code } = event;
    const name = chord({ key, code, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false }) ?? "";
    const binding = BINDINGS.find(({ release, keys }) => release && keys.includes(name));
    if (binding?.release) this.actions[binding.release]();
  }

  /** Headings, messages and legends of the panes, and their tracks. @param {boolean} isNewClip */
  showPanes(isNewClip) {
    const { panes, width, height } = /** @type {Data} */ (this.data);
    const [left, right] = this.data?.charts.length ? Charts.inset : [0, 0];
    this.transport.setInset(left, right);
    this.stage.setPanes(panes, { width, height }, (pane) => this.menuOf(pane));
    this.showTracks(isNewClip);
    this.stage.setLook(this.look, this.extras);
    this.transport.setLength(this.nFrames, this.nReady);
  }

  /** The menu of what a pane could show instead. @param {Pane} pane @returns {HTMLElement | null} */
  menuOf(pane) {
    const choices = this.data?.choices ?? [];
    const isOther = choices.length > 1 || (choices.length === 1 && choices[0].key !== pane.key);
    return pane.id === pane.letter && isOther ? choiceMenu(pane, choices, (choice) => this.choose(pane, choice)) : null;
  }

  /**
   * Show another configuration in a pane, and tell the page, which brings its curves and readouts. The picture does not
   * wait for that, unless others that belong to it would be left behind; the page, which has enough to do with it to hold
   * up the picture, is told once that is painted.
   * @param {Pane} pane @param {import("./pane_menu.mjs").Choice} choice
   */
  choose(pane, { open, ...shown }) {
    const data = /** @type {Data} */ (this.data);
    const tell = () => this.isDestroyed || this.wish({ letter: pane.letter, open });
    this.root.focus({ preventScroll: true });
    const isAlone =
      this.look.overlay === null && data.panes.every(({ id, letter }) => letter !== pane.letter || id === letter);
    if (!isAlone) return tell();
    const withPanes = (/** @type {Pane[]} */ panes) => {
      this.data = { .../** @type {Data} */ (this.data), panes };
      this.showPanes(false);
      this.fit();
    };
    withPanes(data.panes.map((one) => (one.id === pane.id ? { ...one, ...shown } : one)));
    this.later("refused", ANSWER_MS, () => withPanes(this.answered));
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const isLoaded = Promise.race([this.loader.loadExact(this.wanted), patience]);
    const isPainted = isLoaded.then(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    this.told = Promise.allSettled([this.told, isPainted]).then(tell); // one after the other, as they were chosen
  }

  /** Tracks that are no panes and whose frames are shown with theirs: the energies, while they are drawn over them. */
  get extras() {
    if (!this.look.overlay || !this.data) return [];
    return Object.entries(this.data.energies ?? {}).map(([letter, energy]) => ({ letter, ...energy }));
  }

  /** Load the frames of the panes, and of what is drawn over them. @param {boolean} isNewClip */
  showTracks(isNewClip) {
    const { panes } = /** @type {Data} */ (this.data);
    const tracks = [...panes, ...this.extras];
    const before = new Map(this.paneKeys.map((key, index) => [key, this.pictures[index]]));
    this.paneKeys = tracks.map(({ key }) => key);
    this.panesTurn += 1;
    this.seeks = 0;
    // A track that stays keeps its picture; that of another may not stand under a new heading.
    this.pictures = tracks.map(({ key }) => (isNewClip ? null : (before.get(key) ?? null)));
    if (isNewClip) {
      this.painted = this.inCanvas = -1;
      this.stage.clear();
    }
    this.loader.setTracks(tracks.map(({ key, packs }) => ({ key, packs })));
    if (this.painted >= 0 && (this.isLate() || !this.isExact)) this.goTo(this.wanted);
  }

  // Layout and theme

  /** Place everything in the room there is. */
  fit() {
    const { data, stage } = this;
    if (!data || this.isDestroyed) return;
    const aspect = data.width / data.height;
    if (!stage.fit({ height: this.roomForStage(), aspect, look: this.look })) return;
    const chartsSize = `${stage.root.clientWidth} ${Charts.heightPx()}`;
    if (this.chartsSize !== chartsSize) {
      this.chartsSize = chartsSize;
      this.charts.redraw();
    }
    for (const part of this.parts) part.fit?.();
    this.paint();
  }

  /** Height left for the pictures so that transport and the first plot are in the window too. */
  roomForStage() {
    let top = this.stage.root.getBoundingClientRect().top;
    let scroller = /** @type {HTMLElement | null} */ (this.host().parentElement);
    while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowY)) scroller = scroller.parentElement;
    const height = window.innerHeight;
    top += scroller ? scroller.scrollTop : window.scrollY;
    if (this.look.size) return (this.look.size / 100) * height;
    const below = this.transport.heightPx + Charts.heightOf(this.data?.charts ?? [], 1) + ROW_GAPS_PX;
    return Math.max(
      height - top - below,
      (height > window.innerWidth ? MIN_STAGE_SHARE.upright : MIN_STAGE_SHARE.wide) * height,
    );
  }

  drawRail() {
    this.transport.drawRail(this.loader.loadedSpans(this.nFrames), this.nReady, this.look.loop, this.firstReady);
  }

  /** Follow another theme; the plots are drawn again only where it is another. */
  restyle() {
    this.theme.apply();
    const text = JSON.stringify(this.theme.colours());
    if (text === this.themeText) return;
    this.themeText = text;
    this.charts.redraw();
    for (const part of this.parts) part.restyle?.();
  }

  /** @returns {HTMLElement} */
  host() {
    return /** @type {any} */ (this.parent instanceof ShadowRoot ? this.parent.host : this.parent);
  }

  // Time, all of it ended by destroy

  /** @param {string} name @param {(time: number) => void} act in the next animation frame, once */
  soon(name, act) {
    if (this.timers.has(name) || this.isDestroyed) return;
    const id = requestAnimationFrame((time) => {
      this.timers.delete(name);
      act(time);
    });
    this.timers.set(name, () => cancelAnimationFrame(id));
  }

  /** @param {string} name @param {() => void} act once the next animation frame is on the screen */
  afterPaint(name, act) {
    this.soon(name, () => this.later(name, 0, act));
  }

  /** @param {string} name @param {number} ms @param {() => void} act after that long without another call */
  later(name, ms, act) {
    if (this.isDestroyed) return;
    this.never(name);
    const id = setTimeout(() => {
      this.timers.delete(name);
      act();
    }, ms);
    this.timers.set(name, () => clearTimeout(id));
  }

  /** @param {string} name */
  never(name) {
    this.timers.get(name)?.();
    this.timers.delete(name);
  }
}

/** Strip, lists and regions: what is made of the numbers. @param {Player} player @returns {Part[]} */
function plotParts(player) {
  return [new Strip(player), new Region(player), new Panels(player)];
}

/** The same with whole addresses of packs. @param {Data} data @returns {Data} */
function withAddresses(data) {
  const whole = (/** @type {any} */ track) => ({
    ...track,
    packs: track.packs.map((/** @type {any} */ pack) => ({ ...pack, url: new URL(pack.url, document.baseURI).href })),
  });
  const energies = Object.entries(data.energies ?? {}).map(([letter, track]) => [letter, whole(track)]);
  const choices = (data.choices ?? []).map(whole);
  return { ...data, panes: data.panes.map(whole), energies: Object.fromEntries(energies), choices };
}

/** @param {Look["wipe"]} wipe */
function panesOf(wipe) {
  return wipe && [wipe.first, wipe.second];
}

/** @param {number[]} choices @param {number} value */
function nearest(choices, value) {
  return choices.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best), choices[0]);
}

/** @param {unknown} a @param {unknown} b */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
