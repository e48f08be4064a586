// @ts-check
/** The current view state (see view_state.mjs), and what follows from a change of it. `change` is the only way to another one. */

import { EXTRAS, withExtraPanes } from "./extra_panes.mjs";
import { initialViewState, readViewState } from "./view_state.mjs";

/**
 * @typedef {import("../player/context.mjs").ViewState} ViewState
 */

export class View {
  /** @param {import("../player/player.mjs").Player} player */
  constructor(player) {
    this.player = player;
    this.state = initialViewState();
  }

  /** The view state of a place. @param {import("../player/context.mjs").Place} place @returns {ViewState} */
  read({ look }) {
    const { base, clip, letters } = this.player;
    const { panes } = withExtraPanes(base, EXTRAS);
    return readViewState(look ?? {}, { ids: panes.map(({ id }) => id), nFrames: clip.nFrames, letters });
  }

  /** @param {Partial<ViewState>} changes */
  change(changes) {
    const { player } = this;
    const before = this.state;
    this.state = { ...before, ...changes };
    player.charts.setLook(this.state);
    if (String(before.loop) !== String(this.state.loop)) player.playback.restart();
    this.state = this.withoutContradiction(changes);
    if (String(before.panes) !== String(this.state.panes)) player.showExtras();
    else if (tracksOf(before) !== tracksOf(this.state)) player.showTracks(false);
    player.stage.setLook(this.state, player.overlayTracks);
    const isMoved = before.solo !== this.state.solo || before.size !== this.state.size;
    if (isMoved || panesOf(before.wipe) !== panesOf(this.state.wipe)) player.fit();
    else player.position.repaint();
    for (const part of player.parts) part.view?.(this.state, before);
    player.reports.soon();
  }

  /** A single pane and a wipe exclude each other: the one chosen last stays. @param {Partial<ViewState>} changes */
  withoutContradiction(changes) {
    if (changes.solo) return { ...this.state, wipe: null };
    return changes.wipe ? { ...this.state, solo: null } : this.state;
  }

  /**
   * Take over what the viewer did not choose, without reporting it: every change of the link is a step of the Back button.
   * @param {Partial<ViewState>} changes
   */
  adopt(changes) {
    this.state = { ...this.state, ...changes };
    this.player.reports.acknowledge();
  }

  /** @param {[number, number]} loop the whole clip is no loop, and neither is a single frame */
  setLoop([first, last]) {
    const isLoop = first < last && (first > 0 || last < this.player.clip.nFrames - 1);
    this.change({ loop: isLoop ? [first, last] : null });
  }
}

/** @param {ViewState["wipe"]} wipe */
function panesOf(wipe) {
  return wipe ? `${wipe.first} ${wipe.second}` : "";
}

/** Which pictures a view needs beside those of its panes. @param {ViewState} state */
function tracksOf({ overlay, colour }) {
  return `${overlay !== null} ${colour === "normals"}`;
}
