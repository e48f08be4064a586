// @ts-check
/** Playing: which frame is due at each animation frame, and what is shown where it is late. */

import { PlayClock, Punctuality, RateMeter } from "./clock.mjs";
import { DECODE_AHEAD, LOADING_SIGN_MS } from "./position.mjs";

/** Rates that differ by less look the same. */
const RATE_TOLERANCE = 0.1;
/** How long play runs ahead of frames that the network has not brought, ms: some three of them. */
const HOLD_MS = 100;

export class Playback {
  /** @param {import("./player.mjs").Player} player */
  constructor(player) {
    this.player = player;
    this.speed = 1;
    /** @type {PlayClock | null} while playing */
    this.clock = null;
    /** @type {1 | -1} */
    this.direction = 1;
    /** Frames marked on a plot, ascending. @type {number[]} */
    this.marked = [];
    /** Frames shown of frames due, where they differ; else empty. */
    this.rateText = "";
    this.meter = new RateMeter();
    this.punctuality = new Punctuality();
    /** The frame that was due at the last tick. */
    this.lastDue = -1;
    /** Since when due frames have not been shown, ms; null: none is late. @type {number | null} */
    this.lateSince = null;
    /** The frame at which the clock was last held. @type {number | null} */
    this.held = null;
  }

  get isPlaying() {
    return this.clock !== null;
  }

  /** Frames a second that play should show; 0: standing. */
  get fpsDue() {
    return this.clock?.fps ?? 0;
  }

  /** @param {1 | -1} direction */
  play(direction = 1) {
    const { clip, position, frames, timers, data } = this.player;
    if (clip.nReady < 2) return;
    const { played } = clip;
    const [first, last] = [played[0], played[played.length - 1]];
    const isInside = first <= position.wanted && position.wanted <= last;
    const from = isInside ? position.wanted : direction > 0 ? first : last;
    this.direction = direction;
    if (!this.clock) frames.isTooSlow = false; // what was late before need not be now
    const now = performance.now();
    this.clock = new PlayClock(data.ptsSeconds, { frames: played, speed: this.speed, direction, frame: from, now });
    const frame = this.clock.at(now);
    this.meter.reset(now);
    this.punctuality.reset(now);
    this.lateSince = null;
    this.held = null;
    this.changed();
    position.goTo(frame);
    position.planPrefetch();
    timers.soon("tick", (time) => this.tick(time));
  }

  /** Play again where it plays: with another speed, loop or length. */
  restart() {
    if (this.clock) this.play(this.direction);
  }

  pause() {
    if (!this.clock) return;
    const { position, timers, reports } = this.player;
    this.clock = null;
    this.rateText = "";
    timers.cancel("tick");
    this.changed();
    if (position.painted >= 0) position.goTo(position.painted); // the frame seen is the frame we are at
    reports.soon();
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.player.frames.isTooSlow = false;
    this.changed();
    if (this.clock) this.restart();
    else this.player.reports.soon();
  }

  /** Play these frames only; all, where there are none. @param {number[]} frames ascending */
  setMarked(frames) {
    if (frames.join() !== this.marked.join()) {
      this.marked = frames;
      this.restart();
    }
    this.player.charts.mark(frames);
    for (const part of this.player.parts) part.mark?.(frames);
  }

  changed() {
    for (const part of this.player.parts) part.playback?.();
  }

  /** @param {number} time of the animation frame, ms */
  tick(time) {
    const { position, frames, timers, ui } = this.player;
    if (!this.clock) return;
    timers.soon("tick", (next) => this.tick(next));
    // A frame may have been shown while the clock was held: continue from it, and never go back.
    if (this.held !== null && position.painted !== this.held) {
      if (this.hasPassed(this.clock.at(time))) this.clock.rebase(position.painted, time);
      this.held = null;
    }
    const due = this.clock.at(time);
    // Only a paint ends it: after a stall the clock stands at the painted frame, which is no progress.
    if (due !== position.painted) this.lateSince ??= time;
    const lateMs = due === position.painted ? 0 : time - (this.lateSince ?? time);
    // Slow decoding drops frames, but nothing is skipped while the network is slow. What it has not brought yet is not run
    // away from: the blocks after it would be requested too, and all of them would come later.
    if (lateMs > (frames.hasBytes(due, this.fpsDue) ? LOADING_SIGN_MS : HOLD_MS) && position.isLate()) {
      this.held = position.painted >= 0 ? position.painted : position.wanted;
      this.clock.rebase(this.held, time);
      if (lateMs > LOADING_SIGN_MS) ui.setLoading(true);
    }
    const before = position.painted;
    position.isInTick = true;
    try {
      this.advance(due, this.clock);
    } finally {
      position.isInTick = false;
    }
    const isShown = position.painted !== before;
    if (isShown) this.meter.add(time);
    const isLate = this.punctuality.tick(time, due !== this.lastDue, isShown);
    this.lastDue = due;
    // Exact frames that cannot be shown in time, for whatever reason, make room for previews.
    if (isLate && position.isExact && !frames.isTooSlow) {
      frames.isTooSlow = true;
      position.planPrefetch();
    }
    this.measureRate(time);
  }

  /** Whether play has just gone past that frame. @param {number} frame */
  hasPassed(frame) {
    const behind = (this.player.position.painted - frame) * this.direction;
    return this.isPlaying && behind > 0 && behind <= DECODE_AHEAD.playing;
  }

  /**
   * Show the due frame or, where it is late, the newest that is ready since the last one.
   * @param {number} due @param {PlayClock} clock
   */
  advance(due, clock) {
    const { position, frames } = this.player;
    if (due !== position.wanted) {
      position.wanted = due;
      position.seekTurn += 1;
      position.planPrefetch();
    }
    if (!position.isLate()) return;
    const pictures = frames.peek(due, this.fpsDue);
    if (pictures) {
      position.show(due, pictures, position.seekTurn);
      return;
    }
    const at = clock.indexOf(due);
    for (let back = 1; back <= DECODE_AHEAD.playing; back += 1) {
      const earlier = clock.frames[at - back * this.direction];
      if (earlier === undefined || earlier === position.painted) break;
      const ready = frames.peek(earlier, this.fpsDue);
      if (!ready) continue;
      position.show(earlier, ready, position.seekTurn);
      break;
    }
    position.seek();
  }

  /** @param {number} now ms */
  measureRate(now) {
    const achieved = this.meter.rate(now);
    if (achieved === null) return;
    const target = this.fpsDue;
    // The screen itself shows some 60 a second; a rate within the tolerance of the target is not worth mentioning.
    const differs = Math.abs(achieved - target) > Math.max(RATE_TOLERANCE * target, 1);
    const text = differs ? `${achieved.toFixed(0)} of ${Number(target.toPrecision(3))} fps` : "";
    if (text === this.rateText) return;
    this.rateText = text;
    this.changed();
  }
}
