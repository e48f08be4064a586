// @ts-check
/**
 * The frame that is wanted, and the frame on the screen.
 *
 * `goTo(i)` is the only way to another frame. It requests frame i of all panes from the loader, and paints it only when every
 * one of them has come, together with number, time, scrubber and plot cursor, in one animation frame. Until then the last
 * whole frame stays. So panes cannot drift: nothing could show two frames.
 */

import { UNREACHABLE } from "../frames/fetch.mjs";
import { framesAround, framesToPlay } from "./clock.mjs";
import { screen } from "./screen.mjs";

/** Late frames are announced after this; shorter waits go unmentioned. */
export const LOADING_SIGN_MS = 400;
/** Seeks on their way at once: the newest, and one to finish so that frames keep appearing while scrubbing. */
const MAX_SEEKS = 2;
/** Frames decoded before they are wanted. */
export const DECODE_AHEAD = { playing: 12, standing: 6 };
/** A frame that stays this long is shown exactly where a preview came first. */
const SETTLE_MS = 120;
/** An unreachable server is tried again after this. */
const RETRY_MS = 4500;

/** @typedef {import("../frames/frame_loader.mjs").Picture} Picture */

export class Position {
  /** @param {import("./player.mjs").Player} player */
  constructor(player) {
    this.player = player;
    /** The frame that is wanted: the one clock. */
    this.wanted = 0;
    /** The frame on the screen, or on its way there with the next animation frame; -1: none yet. */
    this.painted = -1;
    /** The frame whose pixels are in the canvas. */
    this.inCanvas = -1;
    /** Pictures on the screen, by pane, then those of `overlayTracks`; null: not loaded yet. @type {(Picture | null)[]} */
    this.pictures = [];
    this.isScrubbing = false;
    /** Whether a tick of play is running, which is an animation frame already. */
    this.isInTick = false;
    this.lastPaintMs = 0;
    this.seekTurn = 0;
    this.paintedTurn = 0;
    this.seeks = 0;
    this.tracksTurn = 0;
    /** @type {string[]} keys of the tracks shown */
    this.trackKeys = [];
  }

  /** Show that frame as soon as every pane has it. The newest call wins. @param {number} frame */
  goTo(frame) {
    const { player } = this;
    this.wanted = player.clip.clamp(frame);
    this.seekTurn += 1;
    player.stage.empty.hidden = player.clip.nReady > 0;
    if (player.clip.nReady === 0) return;
    const pictures = player.frames.peek(this.wanted, player.playback.fpsDue);
    if (pictures) this.show(this.wanted, pictures, this.seekTurn);
    else {
      this.seek();
      this.planPrefetch(); // at once, as it cancels what was being fetched for another place
    }
    if (this.painted !== this.wanted || !pictures) {
      player.timers.later("loading", LOADING_SIGN_MS, () => player.ui.setLoading(this.isLate()));
    }
  }

  /** Pause, and go to that frame. @param {number} frame */
  jump(frame) {
    this.player.playback.pause();
    this.goTo(frame);
  }

  /** Follow a pointer that drags through frames. @param {number} frame @param {boolean} isFinal it has been released */
  scrub(frame, isFinal) {
    const { player } = this;
    player.playback.pause();
    this.isScrubbing = !isFinal;
    this.goTo(frame);
    for (const part of player.parts) part.scrub?.();
    if (!isFinal) return;
    this.settleSoon();
    player.reports.soon();
  }

  /** Load the wanted frame; when it has come, whatever is wanted by then. */
  async seek() {
    if (this.seeks >= MAX_SEEKS) return; // one that finishes takes it up
    const { player, tracksTurn } = this;
    const frame = this.wanted;
    const turn = this.seekTurn;
    this.seeks += 1;
    let pictures = null;
    try {
      pictures = await player.frames.load(frame, player.playback.fpsDue);
    } finally {
      if (tracksTurn === this.tracksTurn) this.seeks -= 1;
    }
    if (player.isDestroyed || tracksTurn !== this.tracksTurn) return;
    // Each seek of a scrub is shown, but never an older one after a newer one, nor one of other panes.
    // Nor does play step back to one that a later one has overtaken; where it comes round again, its tick finds it.
    if (pictures && !player.playback.hasPassed(frame))
      this.show(frame, player.frames.peekAt(frame, "exact") ?? pictures, turn);
    if (this.isLate() && !player.playback.isPlaying) this.goTo(this.wanted);
  }

  isLate() {
    return this.player.clip.nReady > 0 && (this.painted !== this.wanted || this.pictures.includes(null));
  }

  /** Paint these pictures in the next animation frame. @param {number} frame @param {Picture[]} pictures @param {number} turn */
  show(frame, pictures, turn) {
    if (turn < this.paintedTurn) return;
    this.paintedTurn = turn;
    this.painted = frame;
    this.pictures = pictures;
    if (!this.player.playback.isPlaying) this.planPrefetch();
    this.settleSoon();
    if (pictures.some(({ error }) => error === UNREACHABLE))
      this.player.timers.later("retry", RETRY_MS, () => this.goTo(this.wanted));
    if (this.isInTick) this.paint();
    else this.repaint();
  }

  /** Whether the pictures on the screen, or on their way there with the next animation frame, are exact. */
  get isExact() {
    return this.pictures.every((picture) => picture?.isExact !== false);
  }

  /** Replace previews by exact pictures where the viewer stays. */
  settleSoon() {
    const { timers, playback } = this.player;
    if (this.isExact || playback.isPlaying || this.isScrubbing || this.isLate()) return timers.cancel("settle");
    timers.later("settle", SETTLE_MS, () => this.settle());
  }

  /** Paint exact pictures of the frame on the screen, unless the viewer goes elsewhere meanwhile. */
  async settle() {
    if (this.isExact || this.painted < 0) return;
    const { player, tracksTurn } = this;
    const frame = this.painted;
    const pictures = await player.frames.loadAlone(frame);
    const isCurrent = tracksTurn === this.tracksTurn && frame === this.painted && !player.playback.isPlaying;
    if (!pictures || player.isDestroyed || !isCurrent) return;
    // A preview is better than no picture, while there is hope.
    if (pictures.some(({ error }) => error === UNREACHABLE))
      return player.timers.later("settle", RETRY_MS, () => this.settle());
    this.show(frame, pictures, this.seekTurn);
    this.paint();
  }

  /** Show lossless pictures only, or previews again where those are late. @param {boolean} isExactOnly */
  setExactOnly(isExactOnly) {
    const { player } = this;
    player.frames.isExactOnly = isExactOnly;
    if (!player.playback.isPlaying) this.goTo(this.wanted);
    this.planPrefetch();
  }

  planPrefetch() {
    const { clip, playback, frames } = this.player;
    const { clock, direction } = playback;
    const ahead = clock
      ? framesToPlay(this.wanted, { frames: clock.frames, direction, count: DECODE_AHEAD.playing })
      : framesAround(this.wanted, { first: clip.firstReady, last: clip.lastReady, count: DECODE_AHEAD.standing });
    frames.prefetch(this.wanted, {
      frames: ahead,
      direction: clock ? direction : 0,
      last: clock ? clock.frames[clock.frames.length - 1] : clip.lastReady,
      fps: playback.fpsDue,
    });
  }

  /** Paint in the next animation frame. */
  repaint() {
    this.player.timers.soon("paint", () => this.paint());
  }

  /** Paint everything that shows the frame, at once. */
  paint() {
    const { player } = this;
    if (!player.stage.layout || this.painted < 0) return;
    player.stage.paint(this.pictures, player.view.state.wipe);
    this.lastPaintMs = performance.now();
    player.playback.lateSince = null;
    this.inCanvas = screen.frame = this.painted;
    if (!this.isLate()) player.ui.setLoading(false);
    player.charts.moveCursor(this.painted);
    for (const part of player.parts) part.paint?.(this.painted, this.pictures);
    player.forTests.paints += 1;
    if (!player.playback.isPlaying) player.reports.soon();
  }

  /**
   * Show the frames of these tracks from now on. A track that stays keeps its picture; the picture of another one must
   * not stand under a new heading.
   * @param {(import("../frames/frame_loader.mjs").Track)[]} tracks @param {boolean} isNewClip
   */
  setTracks(tracks, isNewClip) {
    const before = new Map(this.trackKeys.map((key, index) => [key, this.pictures[index]]));
    this.trackKeys = tracks.map(({ key }) => key);
    this.tracksTurn += 1;
    this.seeks = 0;
    this.pictures = tracks.map(({ key }) => (isNewClip ? null : (before.get(key) ?? null)));
    if (isNewClip) {
      this.painted = this.inCanvas = -1;
      this.player.stage.clear();
    }
    this.player.frames.setTracks(tracks.map(({ key, packs }) => ({ key, packs })));
    if (this.painted >= 0 && (this.isLate() || !this.isExact)) this.goTo(this.wanted);
  }
}
