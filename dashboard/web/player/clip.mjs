// @ts-check
/** The frames of the clip that can be shown and played. */

import { span } from "./clock.mjs";

export class Clip {
  /** @param {import("./player.mjs").Player} player */
  constructor(player) {
    this.player = player;
  }

  get nFrames() {
    return this.player.given?.ptsSeconds.length ?? 1;
  }

  /** Frames that every pane has, from 0. */
  get nReady() {
    return Math.max(Math.min(this.player.given?.nReady ?? 1, this.nFrames), 0);
  }

  get lastReady() {
    return Math.max(this.nReady - 1, 0);
  }

  /** The first frame that can be shown: not 0 in a file that holds a part of a clip. */
  get firstReady() {
    return Math.min(this.player.given?.firstReady ?? 0, this.lastReady);
  }

  /** First and last frame of play. @returns {[number, number]} */
  get range() {
    const { loop } = this.player.view.state;
    return loop ? [this.clamp(loop[0]), this.clamp(loop[1])] : [this.firstReady, this.lastReady];
  }

  /** The frames of play: the marked ones in the range where there are several, else all of the range. */
  get played() {
    const [first, last] = this.range;
    const marked = this.player.playback.marked.filter((frame) => first <= frame && frame <= last);
    return marked.length > 1 ? marked : span(first, last);
  }

  /** Where the worst frames are looked for. @returns {[number, number]} */
  get searched() {
    return [0, this.lastReady];
  }

  /** The nearest frame that can be shown. @param {number} frame */
  clamp(frame) {
    const whole = Number.isFinite(frame) ? Math.round(frame) : 0;
    return Math.min(Math.max(whole, this.firstReady), this.lastReady);
  }
}
