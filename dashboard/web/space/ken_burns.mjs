// @ts-check
/** The film of a camera path: previewing it in time, and editing it by hand on the panes. */

import { frameAt, frameEnd } from "../player/clock.mjs";
import { depthOf, lensOf } from "../surfaces/geometry.mjs";
import { inside } from "../view/camera_path_terms.mjs";
import { SECONDS_LIMITS } from "../view/space_view_state.mjs";
import { AUTOZOOM, autozoom, progressAt, SAMPLES, WHOLE } from "./camera_path.mjs";
import { extentOf } from "./painter.mjs";

/** Length of a film of a still, and at most of a clip at first. */
const STILL_SECONDS = 4;
const MOST_SECONDS = 10;

/**
 * @typedef {import("../view/space_view_state.mjs").Film} Film
 * @typedef {import("./camera_path.mjs").Window} Window
 */

export class KenBurns {
  /** @param {import("../player/context.mjs").Context} context @param {import("./painter.mjs").Painter} painter @param {() => void} changed the film, its time or whether it plays */
  constructor(context, painter, changed) {
    this.context = context;
    this.painter = painter;
    this.changed = changed;
    /** When the film began, ms of the browser's clock; null: it stands. @type {number | null} */
    this.beganMs = null;
    /** Whether the clip has ended before the film, and its last frame stays. */
    this.isHeld = false;
    /** Whether the film itself pauses and plays the clip right now. */
    this.isSteering = false;
  }

  get film() {
    return this.painter.film;
  }

  get isPlaying() {
    return this.beganMs !== null;
  }

  /** Start or end the film mode, with a path that keeps most visible. */
  toggle() {
    const { view } = this.context;
    this.pause();
    if (this.film) return view.change({ film: null });
    if (this.painter.scale === 0) return this.context.ui.announce("no depth is loaded yet: try again in a moment");
    const focus = this.painter.sceneScale;
    const film = /** @type {Film} */ ({ kind: "auto", from: WHOLE, to: [0.5, 0.5, AUTOZOOM], depth: 1, focus });
    const long = Math.min(Math.max(this.clipSeconds || STILL_SECONDS, SECONDS_LIMITS[0]), MOST_SECONDS);
    const seconds = Number(long.toFixed(1));
    this.painter.filmTime = 0;
    const made = this.aimed({ ...film, motion: "pingpong", ease: "smooth", seconds });
    const { surface, gaps } = view.state;
    const isTorn = surface.name === "tear" && gaps === "open";
    view.change({ film: made, ...(isTorn && { gaps: /** @type {"filled"} */ ("filled") }) });
  }

  /** @param {Partial<Film>} changes */
  change(changes) {
    const { film } = this;
    if (film) this.context.view.change({ film: this.aimed({ ...film, ...changes }) });
  }

  /** The film with the end that autozoom finds, where it is to find one. @param {Film} film @returns {Film} */
  aimed(film) {
    if (film.kind !== "auto") return film;
    const seen = this.firstSeen();
    const extent = extentOf(seen?.lens ?? lensOf(this.context.stage.size, this.painter.degrees));
    const depths = seen ? samplesOf(seen, film.focus) : new Float64Array(SAMPLES * SAMPLES).fill(NaN);
    return { ...film, from: WHOLE, to: autozoom(depths, extent, film.depth).window };
  }

  /** The depth of the first pane on the screen that has one. */
  firstSeen() {
    const { stage } = this.context;
    for (const [pane, rect] of (stage.layout?.rects ?? []).entries()) {
      const seen = rect && this.painter.seen(pane);
      if (seen) return seen;
    }
    return null;
  }

  // Time

  /** How long the clip plays from the first frame of its range to the end of the last; 0: it is a still. */
  get clipSeconds() {
    const { clip, data } = this.context;
    const [first, last] = clip.range;
    return last > first ? frameEnd(data.ptsSeconds, last) - data.ptsSeconds[first] : 0;
  }

  /** The frame of the clip at a time of the film, which stays at the end of its range. @param {number} seconds */
  frameOf(seconds) {
    const { clip, data } = this.context;
    return clipFrame(data.ptsSeconds, clip.range, seconds);
  }

  play() {
    const { film, painter, context } = this;
    if (!film) return;
    const from = film.motion === "once" && painter.filmTime >= 1 ? 0 : painter.filmTime;
    this.beganMs = performance.now() - 1000 * film.seconds * from;
    this.startClip(film.seconds * from);
    context.timers.soon("ken-burns", () => this.tick());
    this.changed();
  }

  pause() {
    if (this.beganMs === null) return;
    this.beganMs = null;
    this.context.timers.cancel("ken-burns");
    if (this.context.playback.isPlaying) this.context.playback.pause();
    this.context.position.repaint();
    this.changed();
  }

  /** The clip plays along from where the film is. @param {number} seconds of the film */
  startClip(seconds) {
    const { position, playback } = this.context;
    if (this.clipSeconds === 0) return;
    this.isHeld = seconds >= this.clipSeconds;
    this.isSteering = true;
    position.jump(this.frameOf(seconds));
    if (!this.isHeld) playback.play(1);
    this.isSteering = false;
  }

  tick() {
    const { film, painter, context } = this;
    if (!film || this.beganMs === null) return this.pause();
    const now = performance.now();
    let time = (now - this.beganMs) / (1000 * film.seconds);
    if (time >= 1 && film.motion === "once") {
      painter.filmTime = 1;
      return this.pause();
    }
    if (time >= 1) {
      this.beganMs = now;
      time = 0;
      this.startClip(0);
    }
    painter.filmTime = time;
    painter.movedMs = now;
    if (this.clipSeconds > 0 && !this.isHeld && time * film.seconds >= this.clipSeconds) {
      this.isHeld = true;
      context.position.jump(context.clip.range[1]);
    }
    context.position.repaint();
    context.timers.soon("ken-burns", () => this.tick());
    this.changed();
  }

  /** The clip was paused by someone else: the film stops as well. */
  followPlayback() {
    if (this.isSteering || this.isHeld || !this.isPlaying || this.clipSeconds === 0) return;
    if (!this.context.playback.isPlaying) this.pause();
  }

  /** Show a time of the film, from 0 to 1. @param {number} time */
  scrub(time) {
    const { film, painter, context } = this;
    if (!film) return;
    this.pause();
    painter.filmTime = Math.min(Math.max(time, 0), 1);
    painter.movedMs = performance.now();
    if (this.clipSeconds > 0) context.position.jump(this.frameOf(film.seconds * painter.filmTime));
    context.position.repaint();
    this.changed();
  }

  /** Show the start or the end of the path. @param {"from" | "to"} end */
  show(end) {
    this.scrub(end === "from" ? 0 : timeOfEnd(this.film));
  }

  // By hand

  /** The end of the path that is edited: the nearer one. @returns {"from" | "to"} */
  get editedEnd() {
    const { film } = this;
    if (!film || film.kind === "orbit" || film.kind === "dolly") return "to";
    return progressAt(film, this.painter.filmTime) < 0.5 ? "from" : "to";
  }

  /** The window that is edited. @returns {Window} */
  get window() {
    return this.film?.[this.editedEnd] ?? WHOLE;
  }

  /** Move and magnify the edited window, until `settle`. @param {(window: Window) => Window} move */
  edit(move) {
    const { film, painter } = this;
    if (!film) return;
    const end = this.editedEnd;
    const kind = film.kind === "auto" ? "zoom" : film.kind;
    if (this.isPlaying) this.pause();
    if (kind === "zoom") painter.filmTime = end === "from" ? 0 : timeOfEnd(film);
    painter.editedFilm = { ...film, kind, [end]: inside(move(film[end])) };
    painter.movedMs = performance.now();
    this.context.position.repaint();
    this.changed();
  }

  settle() {
    const film = this.painter.editedFilm;
    this.painter.editedFilm = null;
    if (film) this.context.view.change({ film });
  }

  /** Moves of pointer and keys, while there is a film. @returns {import("./orbit.mjs").Moves} */
  get moves() {
    const { width, height } = this.context.stage.size;
    const shorter = Math.min(width, height);
    const pan = (/** @type {number} */ du, /** @type {number} */ dv) =>
      this.edit(([u, v, zoom]) => [u - (du * shorter) / width / zoom, v - (dv * shorter) / height / zoom, zoom]);
    return {
      orbit: (yaw, pitch) => pan(yaw / 180, pitch / 180),
      pan,
      dolly: (factor) => this.edit(([u, v, zoom]) => [u, v, zoom * factor]),
      settle: () => this.settle(),
      reset: () => {
        this.edit(() => WHOLE);
        this.settle();
      },
    };
  }
}

/** When the path is at its end. @param {Film | null} film */
function timeOfEnd(film) {
  return film?.motion === "once" ? 1 : 0.5;
}

/** The frame of a clip at a time of the film, counted from the first frame of a range; after the range its last one. Pure. @param {ArrayLike<number>} pts @param {[number, number]} range @param {number} seconds */
export function clipFrame(pts, [first, last], seconds) {
  return Math.min(Math.max(frameAt(pts, pts[first] + seconds), first), last);
}

/** The samples of a depth that autozoom reads, in units of the focus depth. Pure. @param {import("./picking.mjs").Seen} seen @param {number} focus */
export function samplesOf({ codes, domain, lens: { width, height } }, focus) {
  return Float64Array.from({ length: SAMPLES * SAMPLES }, (_, i) => {
    const x = Math.floor((((i % SAMPLES) + 0.5) / SAMPLES) * width);
    const y = Math.floor(((Math.floor(i / SAMPLES) + 0.5) / SAMPLES) * height);
    return depthOf(domain, codes[y * width + x]) / focus;
  });
}
