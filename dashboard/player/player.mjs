// @ts-check
/**
 * The synchronized player: N panes in one canvas, one integer frame index for pictures, plots and position.
 *
 * `goTo(i)` is the only way to another frame. It asks the loader for frame i of all panes, and only when every one of
 * them is there is it painted, together with number, time, scrubber and plot cursor, in one animation frame. Until
 * then the last whole frame stays. So panes cannot drift: there is nothing that could show two frames.
 *
 * The page's own clock is never shared with Python; `report` tells it where the viewer has settled.
 */

import { Charts } from "./charts.mjs";
import { PlayClock, RateMeter, findPeaks, formatTime, framesAhead } from "./clock.mjs";
import { cssGradient, formatValue, legendTicks, lookupTable } from "./colour.mjs";
import { button, element, icon } from "./dom.mjs";
import { FrameLoader, UNREACHABLE } from "./frames.mjs";
import { bindingOf, helpLines } from "./keys.mjs";
import { gridLayout } from "./layout.mjs";

/** Wait before saying so when frames are late: shorter waits are better left alone. */
const LOADING_SIGN_MS = 400;
/** Quiet time before Python hears of a position. */
const REPORT_MS = 200;
/** Seeks on their way at once: the newest, and one to finish so that frames keep appearing while scrubbing. */
const MAX_SEEKS = 2;
/** Frames decoded before they are asked for. */
const DECODE_AHEAD = { playing: 12, standing: 6 };
/** A server that was away is asked again after this. */
const RETRY_MS = 4500;
/** Two rates that differ by less are the same to the eye. */
const RATE_TOLERANCE = 0.1;
/** Pixels magnified this much are shown as pixels. */
const PIXELATED_FROM = 2;
/** The pictures keep at least this much of the window's height, even where the plots then need scrolling. */
const MIN_STAGE_SHARE = 0.32;
/** Panes of this width have room for a colour bar beside the title. */
const LEGEND_BESIDE_TITLE_PX = 210;

/** @type {WeakMap<object, Player>} */
const players = new WeakMap();

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
 * @typedef {import("./frames.mjs").Picture} Picture
 * @typedef {{id: string, letter: string, title: string, detail: string, row: number, column: number, key: string,
 *   isComplete: boolean, domain: any, packs: any[]}} Pane
 * @typedef {{clip: string, title: string, width: number, height: number, ptsSeconds: number[], nReady: number,
 *   panes: Pane[], charts: any[], speeds: number[], start: {frame: number, speed: number},
 *   command: {seq: number, seek: number}}} Data
 */

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
    /** @type {(Picture | null)[]} the pictures on the screen, by pane; null: none yet for a pane that is new */
    this.pictures = [];
    this.speed = 1;
    /** @type {PlayClock | null} while playing */
    this.clock = null;
    /** @type {1 | -1} */
    this.direction = 1;
    /** @type {[number, number] | null} */
    this.loop = null;
    /** @type {number | null} */
    this.solo = null;
    /** @type {import("./layout.mjs").Layout | null} */
    this.layout = null;
    this.seekTurn = 0;
    this.paintedTurn = 0;
    this.seeks = 0;
    this.isScrubbing = false;
    this.commandSeen = 0;
    this.reported = "";
    this.meter = new RateMeter();
    this.lastPaintMs = 0;
    /** Since when frames that are due have not been shown, ms; null: there is none. @type {number | null} */
    this.lateSince = null;
    /** @type {Map<string, any>} timers and animation frames by name, so that destroy ends all */
    this.timers = new Map();
    this.setStateValue = (/** @type {string} */ _name, /** @type {unknown} */ _value) => {};
    this.loader = new FrameLoader({ onChange: () => this.soon("scrubber", () => this.drawScrubber()) });
    this.build();
    this.charts = new Charts(this.dom.charts, {
      signal: this.abort.signal,
      onSeek: (frame, isFinal) => this.scrub(frame, isFinal),
      colourOf: (letter) => this.colour(this.css(`--xc-${letter.toLowerCase()}`) ? `--xc-${letter.toLowerCase()}` : "--xc-text"),
      theme: () => this.theme(),
    });
    this.listen();
  }

  // What Streamlit calls

  /** Take over new data. May run at any time, with anything changed. @param {any} component @returns {number} */
  update({ data, setStateValue }) {
    this.turn += 1;
    this.setStateValue = setStateValue;
    const before = this.data;
    this.data = /** @type {Data} */ (data);
    const isNewClip = before?.clip !== data.clip;
    this.applyTheme();
    if (isNewClip) {
      this.pause();
      this.loop = null;
      this.solo = null;
      this.commandSeen = data.command.seq;
      this.speed = nearest(data.speeds, data.start.speed);
      this.wanted = this.clamp(data.start.frame);
      this.reported = this.positionText();
    }
    if (before === null || same(before.speeds, data.speeds) === false) this.fillSpeeds();
    this.dom.speed.value = String(this.speed);
    if (before === null || !same(before.panes, data.panes) || isNewClip) this.showPanes(isNewClip);
    const chartsText = JSON.stringify([data.charts, data.ptsSeconds.length]);
    if (chartsText !== this.chartsText) {
      this.chartsText = chartsText;
      this.themeText = JSON.stringify(this.theme());
      this.charts
        .show(data.charts, data.ptsSeconds.length)
        .then(() => this.fit())
        .catch((error) => {
          this.chartsText = ""; // so that the next update tries again
          this.say(error.message);
        });
    } else {
      this.restyle();
    }
    this.fit();
    this.drawScrubber();
    // A job may have finished more frames while they play.
    if (this.clock && before?.nReady !== data.nReady) this.play(this.direction);
    if (data.command.seq > this.commandSeen) {
      this.commandSeen = data.command.seq;
      this.pause();
      this.goTo(data.command.seek);
    } else {
      this.goTo(this.wanted);
    }
    return this.turn;
  }

  /** End everything that was begun. */
  destroy() {
    this.isDestroyed = true;
    this.clock = null;
    this.abort.abort();
    for (const name of [...this.timers.keys()]) this.never(name);
    this.sizes.disconnect();
    this.charts.clear();
    this.loader.close();
    this.dom.root.remove();
    this.dom.style.remove();
  }

  // Frames

  get nFrames() {
    return this.data?.ptsSeconds.length ?? 1;
  }

  get nReady() {
    return Math.max(Math.min(this.data?.nReady ?? 1, this.nFrames), 0);
  }

  /** First and last frame of play. @returns {[number, number]} */
  get range() {
    const last = Math.max(this.nReady - 1, 0);
    return this.loop ? [Math.min(this.loop[0], last), Math.min(this.loop[1], last)] : [0, last];
  }

  /** @param {number} frame */
  clamp(frame) {
    const whole = Number.isFinite(frame) ? Math.round(frame) : 0;
    return Math.min(Math.max(whole, 0), Math.max(this.nReady - 1, 0));
  }

  /** Show that frame as soon as every pane has it. The newest call wins. @param {number} frame */
  goTo(frame) {
    this.wanted = this.clamp(frame);
    this.seekTurn += 1;
    if (this.nReady === 0) {
      this.dom.empty.hidden = false;
      return;
    }
    this.dom.empty.hidden = true;
    const pictures = this.loader.peek(this.wanted);
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
      pictures = await this.loader.load(frame);
    } finally {
      if (panesTurn === this.panesTurn) this.seeks -= 1;
    }
    if (this.isDestroyed || panesTurn !== this.panesTurn) return;
    // Each seek of a scrub is shown, but never an older one after a newer one, nor one of other panes.
    this.show(frame, pictures, turn);
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
    this.loader.hold(pictures);
    if (!this.clock) this.planPrefetch();
    if (pictures.some(({ error }) => error === UNREACHABLE)) this.later("retry", RETRY_MS, () => this.goTo(this.wanted));
    // A tick of play is an animation frame already.
    if (this.isInTick) this.paint();
    else this.soon("paint", () => this.paint());
  }

  planPrefetch() {
    const direction = this.clock ? this.direction : 0;
    const [first, last] = this.clock ? this.range : [0, Math.max(this.nReady - 1, 0)];
    const count = this.clock ? DECODE_AHEAD.playing : DECODE_AHEAD.standing;
    const frames = framesAhead(this.wanted, { direction, first, last, count });
    this.loader.prefetch(this.wanted, { frames, direction, last });
  }

  /** Everything that shows the frame, at once. */
  paint() {
    const { layout, painted, pictures } = this;
    if (!layout || painted < 0) return;
    const context = this.context;
    const ratio = this.ratio;
    context.clearRect(0, 0, this.dom.canvas.width, this.dom.canvas.height);
    layout.rects.forEach((rect, index) => {
      const picture = pictures[index];
      const pane = this.panes[index];
      if (!pane) return;
      const error = picture?.error ?? "";
      if (pane.message.textContent !== error) pane.message.textContent = error;
      pane.message.hidden = !error || !rect;
      if (!rect || !picture?.image) return;
      const { x, y, width, height } = deviceRect(rect, ratio);
      context.imageSmoothingEnabled = width / picture.image.width < PIXELATED_FROM;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture.image, x, y, width, height);
    });
    this.lastPaintMs = performance.now();
    this.lateSince = null;
    this.inCanvas = painted;
    if (this.root.hasAttribute("data-loading") && !this.isLate()) this.root.removeAttribute("data-loading");
    this.charts.moveCursor(painted);
    this.drawPosition();
    this.dom.root.xc.paints += 1;
    if (!this.clock) this.report();
  }

  drawPosition() {
    const { painted, dom } = this;
    const seconds = this.data?.ptsSeconds[painted] ?? 0;
    if (this.activeElement() !== dom.number) dom.number.value = String(painted);
    dom.time.textContent = formatTime(seconds);
    // A frame is a slot of the timeline, and its mark the middle, as on the plots below.
    const share = ((this.isScrubbing ? this.wanted : painted) + 0.5) / this.nFrames;
    dom.thumb.style.left = `${(100 * share).toFixed(3)}%`;
    dom.slider.setAttribute("aria-valuenow", String(painted));
    dom.slider.setAttribute("aria-valuetext", `frame ${painted} of ${this.nFrames - 1}, ${formatTime(seconds)}`);
  }

  // Playing

  /** @param {1 | -1} direction */
  play(direction = 1) {
    if (this.nReady < 2) return;
    const [first, last] = this.range;
    let frame = Math.min(Math.max(this.wanted, first), last);
    if (this.wanted !== frame) frame = direction > 0 ? first : last;
    this.direction = direction;
    const now = performance.now();
    this.clock = new PlayClock(this.data?.ptsSeconds ?? [0], { first, last, speed: this.speed, direction, frame, now });
    this.meter.reset(now);
    this.lateSince = null;
    this.dom.play.replaceChildren(icon("pause"));
    setLabel(this.dom.play, "pause (Space)");
    this.goTo(frame);
    this.planPrefetch();
    this.soon("tick", (time) => this.tick(time));
  }

  pause() {
    if (!this.clock) return;
    this.clock = null;
    this.never("tick");
    this.dom.play.replaceChildren(icon("play"));
    setLabel(this.dom.play, "play (Space)");
    this.dom.rate.textContent = "";
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
    if (this.painted !== before) this.meter.add(time);
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
    const pictures = this.loader.peek(due);
    if (pictures) {
      this.show(due, pictures, this.seekTurn);
      return;
    }
    for (let back = 1; back <= DECODE_AHEAD.playing; back += 1) {
      const earlier = due - back * this.direction;
      if (earlier === this.painted || earlier < 0 || earlier >= this.nReady) break;
      const ready = this.loader.peek(earlier);
      if (!ready) continue;
      this.show(earlier, ready, this.seekTurn);
      break;
    }
    this.seek();
  }

  /** @param {number} now */
  drawRate(now) {
    const achieved = this.meter.rate(now);
    if (achieved === null || !this.data) return;
    const [first, last] = this.range;
    const span = this.clock?.length ?? 1;
    const target = ((last - first + 1) / span) * this.speed;
    // The screen itself shows some 60 a second; a rate within the tolerance of the target is not worth a word.
    const differs = Math.abs(achieved - target) > Math.max(RATE_TOLERANCE * target, 1);
    const text = differs ? `${achieved.toFixed(0)} of ${Number(target.toPrecision(3))} fps` : "";
    if (this.dom.rate.textContent !== text) this.dom.rate.textContent = text;
  }

  /** @param {number} frame @param {boolean} isFinal the pointer has been released */
  scrub(frame, isFinal) {
    if (this.clock) this.pause();
    this.isScrubbing = !isFinal;
    this.goTo(frame);
    this.drawPosition();
    if (isFinal) this.report();
  }

  // Reporting

  positionText() {
    return JSON.stringify({ clip: this.data?.clip, frame: this.wanted, speed: this.speed });
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

  // Commands: the actions of keys.mjs

  /** @type {Record<string, (value?: number) => void>} */
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
    loopIn: () => this.setLoop([this.wanted, this.loop && this.loop[1] > this.wanted ? this.loop[1] : this.nFrames - 1]),
    loopOut: () => this.setLoop([this.loop && this.loop[0] < this.wanted ? this.loop[0] : 0, this.wanted]),
    loopClear: () => this.setLoop(null),
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
    solo: (value = 0) => {
      if (value >= this.panes.length) return;
      this.solo = this.solo === value ? null : value;
      this.fit();
    },
    fit: () => {
      this.solo = null;
      this.fit();
    },
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
    this.dom.speed.value = String(speed);
    if (this.clock) this.play(this.direction);
    else this.report();
  }

  /** @param {[number, number] | null} loop */
  setLoop(loop) {
    this.loop = loop && loop[0] === 0 && loop[1] === this.nFrames - 1 ? null : loop;
    this.charts.markLoop(this.loop);
    this.drawScrubber();
    if (this.clock) this.play(this.direction);
  }

  async copyLink() {
    const url = new URL(window.location.href);
    url.searchParams.set("frame", String(this.wanted));
    url.searchParams.set("speed", String(this.speed));
    try {
      await navigator.clipboard.writeText(url.href); // needs https or localhost
      this.say("link copied");
    } catch {
      const field = element("input", { class: "link", value: url.href, readonly: "", "aria-label": "link to this frame" });
      field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape") return;
        this.dom.toast.hidden = true;
        this.root.focus({ preventScroll: true });
      });
      this.say("copy this link:", field);
      field.focus();
      field.select();
    }
  }

  /** @param {boolean} [isOpen] */
  toggleHelp(isOpen = this.dom.help.hidden) {
    if (this.dom.help.hidden === !isOpen) return;
    this.dom.help.hidden = !isOpen;
    (isOpen ? this.dom.help : this.root).focus({ preventScroll: true });
    if (isOpen) this.dom.help.firstElementChild.scrollIntoView({ block: "nearest" });
  }

  /** A short word to the viewer, also to screen readers. @param {string} text @param {...HTMLElement} more */
  say(text, ...more) {
    this.dom.toast.replaceChildren(text, ...more);
    this.dom.toast.hidden = false;
    this.later("toast", more.length ? 12000 : 2500, () => (this.dom.toast.hidden = true));
  }

  // Building and listening

  build() {
    const style = element("link", { rel: "stylesheet", href: new URL("player.css", import.meta.url).href });
    const canvas = element("canvas", { "aria-hidden": "true" });
    const panes = element("div", { class: "panes" });
    const empty = element("p", { class: "empty", text: "No frame is ready yet: the job has only begun." });
    empty.hidden = true;
    const loading = element("div", { class: "loading", role: "status" }, element("span", { text: "loading" }));
    const stage = element("div", { class: "stage" }, canvas, panes, empty, loading);
    const loaded = element("div", { class: "loaded" });
    const thumb = element("div", { class: "thumb" });
    const rail = element("div", { class: "rail" }, loaded);
    const slider = element(
      "div",
      { class: "slider", role: "slider", tabindex: "0", "aria-label": "frame", "aria-valuemin": "0" },
      rail,
      element("div", { class: "thumb-rail" }, thumb),
    );
    const play = button("play (Space)", "play");
    const back = button("previous frame (←)", "back");
    const forward = button("next frame (→)", "forward");
    const number = element("input", { class: "number", type: "text", inputmode: "numeric", "aria-label": "frame" });
    const count = element("span", { class: "muted number" });
    const time = element("span", { class: "time number", title: "presentation time of this frame" });
    const speed = element("select", { "aria-label": "speed", title: "speed (+ and −)" });
    const rate = element("span", { class: "rate number", role: "status", title: "frames shown of frames due" });
    const link = button("copy a link to this frame (S)", "link");
    const helpButton = button("keys (?)", null, "?");
    const transport = element(
      "div",
      { class: "transport" },
      element("div", { class: "group" }, back, play, forward),
      element("label", { class: "group" }, element("span", { class: "muted", text: "frame" }), number, count),
      time,
      speed,
      rate,
      element("span", { class: "spring" }),
      element("div", { class: "group" }, link, helpButton),
    );
    const controls = element("div", { class: "controls" }, slider, transport);
    const charts = element("div", { class: "charts" });
    const toast = element("div", { class: "toast", role: "status" });
    toast.hidden = true;
    const help = helpPanel();
    const root = element(
      "div",
      { class: "xc", tabindex: "0", role: "region", "aria-label": "Synchronized player. Press ? for its keys." },
      stage,
      controls,
      charts,
      toast,
      help,
    );
    // What the tests may ask, and nothing that the page should build on.
    const self = this;
    root.xc = {
      paints: 0,
      get painted() {
        return self.inCanvas;
      },
      get paintedAtMs() {
        return self.lastPaintMs;
      },
      seek: (/** @type {number} */ frame) => this.jump(frame),
      state: () => ({
        frame: this.wanted,
        painted: this.inCanvas,
        isPlaying: this.clock !== null,
        isLate: this.isLate(),
        speed: this.speed,
        loop: this.loop,
        solo: this.solo,
        nReady: this.nReady,
        loaded: this.loader.loadedSpans(this.nFrames),
        errors: this.pictures.map((picture) => picture?.error ?? null),
        encodedBytes: this.loader.blocks.bytes,
        decodedBytes: this.loader.pictures.bytes,
      }),
      /** Image rectangles by pane, in canvas pixels; null: not shown. */
      rects: () => this.layout?.rects.map((rect) => rect && deviceRect(rect, this.ratio)) ?? [],
      context: () => this.context,
      cursors: () => this.charts.cursorFrames(),
    };
    this.dom = {
      style, root, stage, canvas, panes, empty, loading, slider, rail, loaded, thumb, play, back, forward, number, count,
      time, speed, rate, link, helpButton, controls, charts, toast, help,
    }; // prettier-ignore
    /** @type {ReturnType<typeof paneDom>[]} */
    this.panes = [];
    this.panesTurn = 0;
    /** @type {string[]} */
    this.paneKeys = [];
    this.isInTick = false;
    this.chartsText = "";
    this.themeText = "";
    this.ratio = 1;
    this.context = canvas.getContext("2d", { alpha: true });
    // Unstyled, sizes are wrong: nothing is laid out before the style is there.
    root.style.visibility = "hidden";
    const ready = () => {
      root.style.visibility = "";
      this.restyle();
      this.fit();
    };
    style.addEventListener("load", ready, { once: true });
    style.addEventListener("error", ready, { once: true });
    this.parent.append(style, root);
    this.sizes = new ResizeObserver(() => this.soon("fit", () => this.fit()));
    this.sizes.observe(root);
    // What stands above the player decides how much height is left for it.
    const around = /** @type {HTMLElement} */ (this.host().closest("[data-testid=stMainBlockContainer]"));
    if (around) this.sizes.observe(around);
  }

  get root() {
    return this.dom.root;
  }

  listen() {
    const { signal } = this.abort;
    const { dom } = this;
    const on = (/** @type {EventTarget} */ target, /** @type {string} */ name, /** @type {(event: any) => void} */ act) =>
      target.addEventListener(name, act, { signal });
    on(dom.root, "keydown", (event) => this.onKey(event));
    on(dom.play, "click", () => this.actions.toggle());
    on(dom.link, "click", () => this.actions.copyLink());
    on(dom.helpButton, "click", () => this.actions.help());
    on(dom.help, "click", (event) => event.target === dom.help && this.toggleHelp(false));
    this.repeatWhileHeld(dom.back, () => this.actions.step(-1));
    this.repeatWhileHeld(dom.forward, () => this.actions.step(1));
    on(dom.speed, "change", () => this.setSpeed(Number(dom.speed.value)));
    on(dom.number, "focus", () => dom.number.select());
    on(dom.number, "blur", () => this.drawPosition());
    on(dom.number, "keydown", (event) => {
      if (event.key === "Escape") dom.root.focus({ preventScroll: true });
      if (event.key !== "Enter") return;
      const text = dom.number.value.trim();
      if (/^\d{1,9}$/.test(text)) this.jump(Number(text));
      else this.say(`a frame is a number from 0 to ${this.nFrames - 1}`);
      dom.root.focus({ preventScroll: true });
    });
    on(window, "resize", () => this.soon("fit", () => this.fit()));
    on(dom.stage, "pointerdown", () => dom.root.focus({ preventScroll: true }));
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    on(dark, "change", () => this.soon("theme", () => this.restyle()));
    this.listenToSlider();
  }

  listenToSlider() {
    const { slider } = this.dom;
    const { signal } = this.abort;
    const under = (/** @type {PointerEvent} */ event) => {
      const box = this.dom.rail.getBoundingClientRect();
      return Math.floor(((event.clientX - box.left) / box.width) * this.nFrames);
    };
    let isDragging = false;
    slider.addEventListener(
      "pointerdown",
      (/** @type {PointerEvent} */ event) => {
        if (event.button !== 0) return;
        isDragging = true;
        slider.setPointerCapture(event.pointerId);
        this.scrub(under(event), false);
      },
      { signal },
    );
    const move = (/** @type {PointerEvent} */ event) => isDragging && this.scrub(under(event), false);
    slider.addEventListener("pointermove", move, { signal });
    const end = (/** @type {PointerEvent} */ event) => {
      if (!isDragging) return;
      isDragging = false;
      this.scrub(event.type === "pointerup" ? under(event) : this.wanted, true);
    };
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) slider.addEventListener(name, end, { signal });
  }

  /** @param {HTMLElement} target @param {() => void} act */
  repeatWhileHeld(target, act) {
    const { signal } = this.abort;
    let isHeld = false;
    let hasRepeated = false;
    const repeat = () => {
      if (!isHeld) return;
      hasRepeated = true;
      act();
      this.later("hold", 60, repeat);
    };
    target.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      isHeld = true;
      hasRepeated = false;
      this.later("hold", 400, repeat);
    }, { signal }); // prettier-ignore
    for (const name of ["pointerup", "pointerleave", "pointercancel"]) {
      target.addEventListener(name, () => {
        isHeld = false;
        this.never("hold");
      }, { signal }); // prettier-ignore
    }
    target.addEventListener("click", (event) => {
      // The click that ends a hold is no further step; one of the keyboard (detail 0) never ends a hold.
      if (event.detail === 0 || !hasRepeated) act();
    }, { signal }); // prettier-ignore
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    const isPress = event.key === " " || event.key === "Enter";
    // What is typed into a field is neither for the player nor for Streamlit, whose C clears its caches.
    if (target.closest("input, select, textarea")) return event.stopPropagation();
    if (isPress && target.closest("button")) return;
    const binding = bindingOf(event, target === this.dom.slider);
    if (!binding || (binding.action === "close" && this.dom.help.hidden)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !binding.repeats) return;
    this.actions[binding.action](binding.value);
  }

  /** Headings, messages and legends of the panes, and their tracks. @param {boolean} isNewClip */
  showPanes(isNewClip) {
    const { panes } = /** @type {Data} */ (this.data);
    const before = new Map(this.paneKeys.map((key, index) => [key, this.pictures[index]]));
    this.paneKeys = panes.map(({ key }) => key);
    this.panesTurn += 1;
    this.seeks = 0;
    const inset = this.data?.charts.length ? Charts.inset : [0, 0];
    this.dom.slider.style.padding = `0 ${inset[1]}px 0 ${inset[0]}px`;
    // A track that stays keeps its picture; that of another may not stand under a new heading.
    this.pictures = panes.map(({ key }) => (isNewClip ? null : (before.get(key) ?? null)));
    if (isNewClip) {
      this.painted = this.inCanvas = -1;
      this.context.clearRect(0, 0, this.dom.canvas.width, this.dom.canvas.height);
    }
    this.loader.setTracks(
      panes.map(({ key, packs, domain }) => ({
        key,
        table: domain.channels === 1 ? lookupTable(domain) : null,
        packs: packs.map((pack) => ({ ...pack, url: new URL(pack.url, document.baseURI).href })),
      })),
    );
    this.panes = panes.map((pane) => paneDom(pane));
    this.dom.panes.replaceChildren(...this.panes.flatMap(({ head, box }) => [head, box]));
    const growing = this.nReady < this.nFrames ? `, ${this.nReady} ready` : "";
    this.dom.count.textContent = `/ ${this.nFrames - 1}${growing}`;
    this.dom.number.style.width = `${Math.max(String(this.nFrames - 1).length, 3) + 2}ch`;
    this.dom.slider.setAttribute("aria-valuemax", String(this.nFrames - 1));
  }

  fillSpeeds() {
    const { speeds } = /** @type {Data} */ (this.data);
    this.dom.speed.replaceChildren(
      ...speeds.map((speed) => element("option", { value: String(speed), text: `${speed}×` })),
    );
  }

  // Layout and theme

  /** Place canvas and headings in the room there is. */
  fit() {
    const { data, dom } = this;
    if (!data || this.isDestroyed) return;
    const width = dom.stage.clientWidth;
    if (width === 0) return;
    const layout = gridLayout(data.panes, {
      width,
      height: this.roomForStage(),
      aspect: data.width / data.height,
      solo: this.solo,
    });
    this.layout = layout;
    this.ratio = window.devicePixelRatio || 1;
    const size = [Math.round(layout.width * this.ratio), Math.round(layout.height * this.ratio)];
    if (dom.canvas.width !== size[0] || dom.canvas.height !== size[1]) [dom.canvas.width, dom.canvas.height] = size;
    dom.canvas.style.width = `${size[0] / this.ratio}px`;
    dom.canvas.style.height = `${size[1] / this.ratio}px`;
    dom.stage.style.height = `${layout.height}px`;
    dom.root.dataset.lines = String(layout.lines);
    layout.rects.forEach((rect, index) => {
      const { head, line, more, scale, box } = this.panes[index];
      head.hidden = box.hidden = !rect;
      if (!rect) return;
      place(head, rect.x, rect.y - layout.headingPx, rect.width, layout.headingPx);
      // Under a long detail there is no room for a legend, beside a short title there is; narrow panes have neither.
      if (scale) (layout.lines === 2 && rect.width >= LEGEND_BESIDE_TITLE_PX ? line : more).append(scale);
      place(box, rect.x, rect.y, rect.width, rect.height);
    });
    const chartsSize = `${width} ${Charts.heightPx()}`;
    if (this.chartsSize !== chartsSize) {
      this.chartsSize = chartsSize;
      this.charts.redraw();
    }
    this.paint();
  }

  chartsSize = "";

  /** Height left for the pictures so that transport and the first plot are in the window too. */
  roomForStage() {
    const { dom } = this;
    let top = dom.stage.getBoundingClientRect().top;
    let scroller = /** @type {HTMLElement | null} */ (this.host().parentElement);
    while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowY)) scroller = scroller.parentElement;
    const height = window.innerHeight;
    if (scroller) top += scroller.scrollTop;
    else top += window.scrollY;
    const below =
      dom.controls.offsetHeight + Charts.heightOf(this.data?.charts ?? [], 1) + 3 * 8;
    return Math.max(height - top - below, MIN_STAGE_SHARE * height);
  }

  drawScrubber() {
    const { dom, nFrames, nReady } = this;
    const share = (/** @type {number} */ frame) => `${((100 * frame) / Math.max(nFrames, 1)).toFixed(2)}%`;
    const bar = (/** @type {string} */ name, /** @type {number} */ first, /** @type {number} */ stop) => {
      const made = element("i", { class: name });
      made.style.left = share(first);
      made.style.width = share(stop - first);
      return made;
    };
    const parts = this.loader.loadedSpans(nFrames).map(([first, stop]) => bar("here", first, stop));
    if (nReady < nFrames) parts.push(bar("missing", nReady, nFrames));
    if (this.loop) parts.push(bar("looped", this.loop[0], this.loop[1] + 1));
    dom.loaded.replaceChildren(...parts);
  }

  /** Light or dark, by the page's background. */
  applyTheme() {
    const background = this.css("--st-background-color") || "#ffffff";
    this.dom.root.dataset.theme = luminance(background) < 0.4 ? "dark" : "light";
  }

  /** Follow another theme; the plots are drawn again only where it is another. */
  restyle() {
    this.applyTheme();
    const text = JSON.stringify(this.theme());
    if (text === this.themeText) return;
    this.themeText = text;
    this.charts.redraw();
  }

  theme() {
    return {
      text: this.colour("--xc-text"),
      muted: this.colour("--xc-muted"),
      grid: this.colour("--xc-grid"),
      font: this.css("--st-font") || "sans-serif",
      palette: ["--xc-text", "--xc-c", "--xc-d", "--xc-muted"].map((name) => this.colour(name)),
    };
  }

  /** @param {string} name */
  css(name) {
    return getComputedStyle(this.dom.root).getPropertyValue(name).trim();
  }

  /** A colour of the style sheet as rgb(), which Plotly understands; it knows no color-mix(). @param {string} name */
  colour(name) {
    const [r, g, b, a] = pixelOf(this.css(name));
    return `rgba(${r}, ${g}, ${b}, ${(a / 255).toFixed(3)})`;
  }

  /** @returns {HTMLElement} */
  host() {
    return /** @type {any} */ (this.parent instanceof ShadowRoot ? this.parent.host : this.parent);
  }

  activeElement() {
    return /** @type {any} */ (this.dom.root.getRootNode()).activeElement;
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

/** @param {Pane} pane */
function paneDom(pane) {
  const title = element("span", { class: "pane-title", text: pane.title });
  const detail = element("span", { class: "pane-detail", text: pane.detail });
  const line = element("div", { class: "pane-name" });
  if (pane.letter) {
    const badge = element("span", { class: "badge", text: pane.letter });
    badge.style.setProperty("--xc-own", `var(--xc-${pane.letter.toLowerCase().replace(/[^a-z]/g, "")}, var(--xc-text))`);
    line.append(badge);
  }
  line.append(title);
  if (!pane.isComplete) line.append(element("span", { class: "growing", text: "unfinished" }));
  const more = element("div", { class: "pane-more" }, detail);
  const scale = pane.domain.channels === 1 ? legend(pane.domain) : null;
  const head = element("div", { class: "pane-head" }, line, more);
  head.title = [pane.title, pane.detail].filter(Boolean).join(" – ");
  const message = element("p", { class: "pane-message", role: "status" });
  message.hidden = true;
  const name = [pane.letter, pane.title, pane.detail].filter(Boolean).join(" ");
  // Beside the picture: what is inside an image is not read out.
  const box = element("div", { class: "pane" }, element("div", { role: "img", "aria-label": name }), message);
  return { head, line, more, scale, box, message };
}

/** The colour bar of a scalar domain. @param {any} domain */
function legend(domain) {
  const bar = element("span", { class: "bar" });
  bar.style.background = cssGradient(domain);
  for (const { position, value } of legendTicks(domain)) {
    const tick = element("i", { title: formatValue(value) });
    tick.style.left = `${100 * position}%`;
    bar.append(tick);
  }
  const unit = domain.unit ? ` ${domain.unit}` : "";
  const made = element(
    "span",
    { class: "legend" },
    element("span", { class: "number", text: formatValue(domain.lo) }),
    bar,
    element("span", { class: "number", text: `${formatValue(domain.hi)}${unit}` }),
  );
  const ticks = legendTicks(domain).map(({ value }) => formatValue(value));
  const between = ticks.length ? `; marks at ${ticks.join(", ")}` : "";
  const scale = domain.scale === "log" ? ", logarithmic" : "";
  made.title = `${formatValue(domain.lo)} to ${formatValue(domain.hi)}${unit}${scale}${between}`;
  return made;
}

/** The keys, from the table that the key handler uses. */
function helpPanel() {
  const list = element("dl", {});
  for (const { label, help } of helpLines()) {
    list.append(element("div", {}, element("dt", {}, element("kbd", { text: label })), element("dd", { text: help })));
  }
  const card = element(
    "div",
    { class: "card" },
    element("h2", { text: "Keys" }),
    element("p", { class: "muted", text: "They act while the player has the focus: click it, or reach it with Tab." }),
    list,
  );
  const help = element("div", { class: "help", role: "dialog", "aria-label": "Keys", tabindex: "-1" }, card);
  help.hidden = true;
  return help;
}

/** @param {import("./layout.mjs").Rect} rect @param {number} ratio */
function deviceRect({ x, y, width, height }, ratio) {
  const left = Math.round(x * ratio);
  const top = Math.round(y * ratio);
  return { x: left, y: top, width: Math.round((x + width) * ratio) - left, height: Math.round((y + height) * ratio) - top };
}

/** @param {HTMLElement} target @param {number} x @param {number} y @param {number} width @param {number} height */
function place(target, x, y, width, height) {
  Object.assign(target.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
}

/** @param {HTMLElement} target @param {string} label */
function setLabel(target, label) {
  target.title = label;
  target.setAttribute("aria-label", label);
}

/** @param {number[]} choices @param {number} value */
function nearest(choices, value) {
  return choices.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best), choices[0]);
}

/** @param {unknown} a @param {unknown} b */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Brightness of a CSS colour in 0..1. @param {string} colour */
function luminance(colour) {
  const [r, g, b] = pixelOf(colour);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

/** RGBA of a CSS colour, by painting it: themes may spell it in any way. @param {string} colour */
function pixelOf(colour) {
  const context = element("canvas", { width: "1", height: "1" }).getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}
