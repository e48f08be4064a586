// @ts-check
/** Reports to Python where the viewer has settled, and hands it requests. The frame is the page's own clock, so no tick is reported. */

import { FIELDS, writeViewState } from "../view/view_state.mjs";

/**
 * Quiet time before a position is reported to Python. Every report that changes the link is a step of the Back button, so
 * that a zoom in five steps waits for the last of them.
 */
const REPORT_MS = { usual: 200, zooming: 1500 };

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

  /** Whether nothing but the zoom, the camera or its path has changed since the last report. */
  isZooming() {
    if (!this.reported) return false;
    const plain = (/** @type {string} */ text) => {
      const { look, ...place } = JSON.parse(text);
      return JSON.stringify([place, { ...look, zoom: "", camera: "", film: "" }]);
    };
    const text = this.text();
    return text !== this.reported && plain(text) === plain(this.reported);
  }

  /** Report the place once it is quiet. */
  soon() {
    const { timers } = this.player;
    timers.later("report", this.isZooming() ? REPORT_MS.zooming : REPORT_MS.usual, () => {
      const { playback, position } = this.player;
      const text = this.text();
      if (playback.isPlaying || position.isScrubbing || position.isLate() || text === this.reported) return;
      this.reported = text;
      this.setState("position", JSON.parse(text));
    });
  }

  /** Write the place into the query of a link, as Python does. @param {URLSearchParams} query */
  writeInto(query) {
    const { frame, speed, look } = this.place();
    query.set("frame", String(frame));
    query.delete("speed");
    if (speed !== 1) query.set("speed", String(speed));
    for (const name of Object.keys(FIELDS)) query.delete(name);
    for (const [name, text] of Object.entries(look ?? {})) query.set(name, text);
  }

  /**
   * Send Python a request, such as {open: "zoo/method/path"} for one more configuration, by the trigger "wish" of the protocol.
   * @param {Record<string, string>} wanted
   */
  request(wanted) {
    this.setTrigger("wish", wanted);
  }
}
