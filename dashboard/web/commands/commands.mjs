// @ts-check
/** The actions that keys, buttons and the palette run: the player's own, and those of the parts. */

import { copyLink } from "../controls/copy_link.mjs";
import { findPeaks, frameAt } from "../player/clock.mjs";
import { ZOOM_STEP } from "../plots/charts.mjs";
import { highest } from "../plots/curves.mjs";
import { NEEDS_TIME } from "./keys.mjs";

const ONE_FRAME = "this is a single picture: there is nothing to play or to search";
/** How long a loop around a frame is at first. */
const LOOP_SECONDS = 1;

/**
 * An action takes what its caller gives: the value of a key binding, or a pane and an element.
 * @typedef {Record<string, (...given: any[]) => void>} Actions
 */

export class Commands {
  /**
   * @param {Actions} actions
   * @param {{isStill: () => boolean, announce: (text: string) => void}} [page] isStill: what is shown is one picture
   */
  constructor(actions, { isStill, announce } = { isStill: () => false, announce: () => {} }) {
    this.actions = actions;
    this.isStill = isStill;
    this.announce = announce;
    /** What the palette offers beside the keys. @type {(() => import("../player/context.mjs").Command[])[]} */
    this.lists = [];
  }

  /** Add actions, or replace those of the same name. @param {Pick<import("../player/context.mjs").Part, "actions" | "commands">} part */
  add(part) {
    Object.assign(this.actions, part.actions);
    if (part.commands) this.lists.push(() => part.commands?.() ?? []);
  }

  /** @param {string} name */
  has(name) {
    return name in this.actions;
  }

  /** Whether the action does something for what is shown. @param {string} name */
  serves(name) {
    return this.has(name) && !(NEEDS_TIME.has(name) && this.isStill());
  }

  /** @param {string} name @param {...any} given nothing happens where this page has no such action */
  run(name, ...given) {
    if (this.has(name) && !this.serves(name)) return this.announce(ONE_FRAME);
    this.actions[name]?.(...given);
  }
}

/** The actions that need no part. @param {import("../player/player.mjs").Player} player @returns {Actions} */
export function ownActions(player) {
  const { clip, position, playback, view, ui, charts } = player;
  const announceIfNone = (/** @type {number | undefined} */ frame, /** @type {string} */ text) =>
    frame === undefined ? ui.announce(text) : position.jump(frame);
  return {
    toggle: () => (playback.isPlaying ? playback.pause() : playback.play(1)),
    play: (value) => playback.play(value === -1 ? -1 : 1),
    pause: () => playback.pause(),
    step: (value = 1) => position.jump(position.wanted + value),
    first: () => position.jump(clip.range[0]),
    last: () => position.jump(clip.range[1]),
    speed: (value = 1) => {
      const { speeds } = player.data;
      const at = speeds.indexOf(playback.speed) + value;
      playback.setSpeed(speeds[Math.min(Math.max(at, 0), speeds.length - 1)]);
    },
    loopIn: () => {
      const last = view.state.loop?.[1] ?? 0;
      view.setLoop([position.wanted, last > position.wanted ? last : clip.nFrames - 1]);
    },
    loopOut: () => {
      const first = view.state.loop?.[0] ?? clip.nFrames;
      view.setLoop([first < position.wanted ? first : 0, position.wanted]);
    },
    loopToggle: () => {
      if (view.state.loop) return view.change({ loop: null });
      const { ptsSeconds } = player.data;
      const around = (/** @type {number} */ by) =>
        clip.clamp(frameAt(ptsSeconds, ptsSeconds[position.wanted] + by * LOOP_SECONDS));
      view.setLoop([around(-0.5), around(0.5)]);
      ui.announce(
        view.state.loop ? "drag the ends of the loop on the scrubber, or set them with [ and ]" : "too short to loop",
      );
    },
    loopClear: () => view.change({ loop: null }),
    peak: (value = 1) => {
      const { wanted } = position;
      const peaks = findPeaks(charts.mainCurve()).filter((frame) => frame < clip.nReady);
      const next = value > 0 ? peaks.find((frame) => frame > wanted) : peaks.findLast((frame) => frame < wanted);
      announceIfNone(next, value > 0 ? "no peak after this frame" : "no peak before this frame");
    },
    worst: () => announceIfNone(highest(charts.mainCurve(), 1, clip.searched)[0], "no curve to search"),
    largestGap: () =>
      announceIfNone(highest(charts.gapCurve().map(Math.abs), 1, clip.searched)[0], "no two curves to compare"),
    zoomTime: (value = 1) => charts.zoom(value > 0 ? 1 / ZOOM_STEP : ZOOM_STEP),
    solo: (value = 0) => {
      const pane = player.data.panes[value];
      if (pane) view.change({ solo: view.state.solo === pane.id ? null : pane.id });
    },
    fit: () => view.change(view.state.zoom ? { zoom: null } : { solo: null, wipe: null }),
    copyLink: () => copyLink(player),
    fullscreen: () => ui.toggleFullscreen(),
    help: () => ui.openHelp(),
    undo: () => ui.undo() || ui.announce("nothing to undo"),
    close: () => ui.dismiss(),
  };
}
