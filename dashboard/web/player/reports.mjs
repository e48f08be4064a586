// @ts-check
/** Reports to Python where the viewer has settled, and hands it requests. The frame is the page's own clock, so no tick is reported. */

import { writeViewState } from "./view_state.mjs";

/** Quiet time before a position is reported to Python. */
const REPORT_MS = 200;

export class Reports {
  /** @param {import("./player.mjs").Player} player */
  constructor(player) {
    this.player = player;
    this.reported = "";
    /** Streamlit stores a state, and passes a trigger on once. @type {(name: string, value: unknown) => void} */
    this.setState = () => {};
    /** @type {(name: string, value: unknown) => void} */
    this.setTrigger = () => {};
  }

  /** @returns {import("./context.mjs").Place} where the viewer is */
  place() {
    const { position, playback, view } = this.player;
    return { frame: position.wanted, speed: playback.speed, look: writeViewState(view.state) };
  }

  text() {
    return JSON.stringify({ clip: this.player.data.clip, ...this.place() });
  }

  /** Treats the present place as reported: Python knows it, or need not. */
  acknowledge() {
    this.reported = this.text();
  }

  /** Report the place once it is quiet. */
  soon() {
    this.player.timers.later("report", REPORT_MS, () => {
      const { playback, position } = this.player;
      const text = this.text();
      if (playback.isPlaying || position.isScrubbing || position.isLate() || text === this.reported) return;
      this.reported = text;
      this.setState("position", JSON.parse(text));
    });
  }

  /**
   * Send Python a request, such as {open: "zoo/method/path"} for one more configuration, by the trigger "wish" of the protocol.
   * @param {Record<string, string>} wanted
   */
  request(wanted) {
    this.setTrigger("wish", wanted);
  }
}
