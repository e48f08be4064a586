// @ts-check
/** How is the clip played? Scrubber, buttons, frame number, time, speed and rate: elements and listeners, no decisions. */

import { formatTime } from "./clock.mjs";
import { button, element, icon } from "../ui/dom.mjs";

/** Between the rows of the controls, CSS px. */
const OPTIONS_GAP_PX = 6;
const HOLD_MS = { first: 400, next: 60 };

/**
 * @typedef {{
 *   act: (action: string, value?: number) => void,
 *   scrub: (frame: number, isFinal: boolean) => void,
 *   jump: (frame: number) => void,
 *   setSpeed: (speed: number) => void,
 *   setExactOnly: (isExactOnly: boolean) => void,
 *   say: (text: string) => void,
 *   leave: () => void,
 * }} Wishes what the viewer asks for; act: an action of keys.mjs; leave: the focus goes back to the player
 */

export class Transport {
  /** @param {Wishes} wishes @param {AbortSignal} signal ends all listeners */
  constructor(wishes, signal) {
    this.wishes = wishes;
    this.signal = signal;
    this.nFrames = 1;
    /** The frame on the screen. */
    this.frame = 0;
    this.seconds = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.holdTimer = undefined;
    this.loaded = element("div", { class: "loaded" });
    this.rail = element("div", { class: "rail" }, this.loaded);
    this.thumb = element("div", { class: "thumb" });
    this.slider = element(
      "div",
      { class: "slider", role: "slider", tabindex: "0", "aria-label": "frame", "aria-valuemin": "0" },
      this.rail,
      element("div", { class: "thumb-rail" }, this.thumb),
    );
    this.playButton = button("play (Space)", "play");
    this.back = button("previous frame (←)", "back");
    this.forward = button("next frame (→)", "forward");
    this.number = element("input", { class: "number", type: "text", inputmode: "numeric", "aria-label": "frame" });
    this.count = element("span", { class: "muted number" });
    this.time = element("span", { class: "time number", title: "presentation time of this frame" });
    this.speed = element("select", { "aria-label": "speed", title: "speed (+ and −)" });
    this.rate = element("span", { class: "rate number", role: "status", title: "frames shown of frames due" });
    this.tier = element("button", { class: "tier", type: "button", "aria-pressed": "false" });
    this.drawTier(true, false);
    this.link = button("copy a link to this frame (S)", "link");
    this.help = button("keys (?)", null, "?");
    /** Where other parts of the player put their buttons, and, in a line of its own, what they ask. */
    this.tools = element("div", { class: "group tools" });
    this.options = element("div", { class: "options" });
    this.options.hidden = true;
    const row = element(
      "div",
      { class: "transport" },
      element("div", { class: "group" }, this.back, this.playButton, this.forward),
      element("label", { class: "group" }, element("span", { class: "muted", text: "frame" }), this.number, this.count),
      this.time,
      element("div", { class: "group" }, this.speed, this.tier),
      this.rate,
      this.tools,
      element("span", { class: "spring" }),
      element("div", { class: "group" }, this.link, this.help),
    );
    this.root = element("div", { class: "controls" }, this.slider, row, this.options);
    this.listen();
  }

  /** @param {number} nFrames of the clip @param {number} nReady of them, those that can be seen */
  setLength(nFrames, nReady) {
    this.nFrames = nFrames;
    const growing = nReady < nFrames ? `, ${nReady} ready` : "";
    this.count.textContent = `/ ${nFrames - 1}${growing}`;
    this.number.style.width = `${Math.max(String(nFrames - 1).length, 3) + 2}ch`;
    this.slider.setAttribute("aria-valuemax", String(nFrames - 1));
  }

  /** So that the scrubber stands in line with the plots. @param {number} left CSS px @param {number} right */
  setInset(left, right) {
    this.slider.style.padding = `0 ${right}px 0 ${left}px`;
  }

  /** @param {number[]} speeds */
  setSpeeds(speeds) {
    this.speed.replaceChildren(
      ...speeds.map((speed) => element("option", { value: String(speed), text: `${speed}×` })),
    );
  }

  /** @param {boolean} isPlaying */
  setPlaying(isPlaying) {
    this.playButton.replaceChildren(icon(isPlaying ? "pause" : "play"));
    const label = isPlaying ? "pause (Space)" : "play (Space)";
    this.playButton.title = label;
    this.playButton.setAttribute("aria-label", label);
    if (!isPlaying) this.rate.textContent = "";
  }

  /**
   * @param {number} frame on the screen
   * @param {number} seconds its presentation time
   * @param {number} mark the frame where the thumb stands: while it is dragged, the one under the pointer
   */
  drawPosition(frame, seconds, mark) {
    this.frame = frame;
    this.seconds = seconds;
    const root = /** @type {Document | ShadowRoot} */ (this.root.getRootNode());
    if (root.activeElement !== this.number) this.number.value = String(frame);
    this.time.textContent = formatTime(seconds);
    // A frame is a slot of the timeline, and its mark the middle, as on the plots below.
    this.thumb.style.left = `${((100 * (mark + 0.5)) / this.nFrames).toFixed(3)}%`;
    this.slider.setAttribute("aria-valuenow", String(frame));
    this.slider.setAttribute("aria-valuetext", `frame ${frame} of ${this.nFrames - 1}, ${formatTime(seconds)}`);
  }

  /**
   * What is here, what is not computed yet, and what play goes round.
   * @param {[number, number][]} loaded spans [first, one past the last)
   * @param {number} nReady @param {[number, number] | null} loop first and last frame @param {number} firstReady
   */
  drawRail(loaded, nReady, loop, firstReady = 0) {
    const { nFrames } = this;
    const share = (/** @type {number} */ frame) => `${((100 * frame) / Math.max(nFrames, 1)).toFixed(2)}%`;
    const bar = (/** @type {string} */ name, /** @type {number} */ first, /** @type {number} */ stop) => {
      const made = element("i", { class: name });
      made.style.left = share(first);
      made.style.width = share(stop - first);
      return made;
    };
    const parts = loaded.map(([first, stop]) => bar("here", first, stop));
    if (firstReady > 0) parts.push(bar("missing", 0, firstReady));
    if (nReady < nFrames) parts.push(bar("missing", nReady, nFrames));
    if (loop) parts.push(bar("looped", loop[0], loop[1] + 1));
    this.loaded.replaceChildren(...parts);
  }

  /** Without the line of options, which comes and goes without the pictures changing their size. */
  get heightPx() {
    return this.root.offsetHeight - (this.options.hidden ? 0 : this.options.offsetHeight + OPTIONS_GAP_PX);
  }

  /** @param {boolean} isExact what is on the screen @param {boolean} isExactOnly what is wished */
  drawTier(isExact, isExactOnly) {
    const text = isExact ? "lossless" : "preview";
    const pressed = String(isExactOnly);
    if (this.tier.textContent === text && this.tier.getAttribute("aria-pressed") === pressed) return;
    this.tier.textContent = this.tier.dataset.tier = text;
    this.tier.setAttribute("aria-pressed", pressed);
    const meaning = isExact
      ? "The pictures on the screen are the stored values, bit by bit."
      : "The pictures on the screen are lossy previews; where they stand still, the stored values follow.";
    const press = isExactOnly
      ? "Press to allow previews while lossless pictures are late."
      : "Press to show nothing but lossless pictures.";
    this.tier.title = `${meaning} ${press}`;
    this.tier.setAttribute("aria-label", `${text}; lossless only`);
  }

  /** @param {string} text */
  drawRate(text) {
    if (this.rate.textContent !== text) this.rate.textContent = text;
  }

  destroy() {
    clearTimeout(this.holdTimer);
  }

  // Below: listening

  listen() {
    const { signal, wishes } = this;
    const on = (
      /** @type {EventTarget} */ target,
      /** @type {string} */ name,
      /** @type {(event: any) => void} */ act,
    ) => target.addEventListener(name, act, { signal });
    on(this.playButton, "click", () => wishes.act("toggle"));
    on(this.link, "click", () => wishes.act("copyLink"));
    on(this.help, "click", () => wishes.act("help"));
    on(this.tier, "click", () => wishes.setExactOnly(this.tier.getAttribute("aria-pressed") !== "true"));
    this.repeatWhileHeld(this.back, () => wishes.act("step", -1));
    this.repeatWhileHeld(this.forward, () => wishes.act("step", 1));
    on(this.speed, "change", () => wishes.setSpeed(Number(this.speed.value)));
    on(this.number, "focus", () => this.number.select());
    on(this.number, "blur", () => this.drawPosition(this.frame, this.seconds, this.frame));
    on(this.number, "keydown", (event) => {
      if (event.key === "Escape") wishes.leave();
      if (event.key !== "Enter") return;
      const text = this.number.value.trim();
      if (/^\d{1,9}$/.test(text)) wishes.jump(Number(text));
      else wishes.say(`a frame is a number from 0 to ${this.nFrames - 1}`);
      wishes.leave();
    });
    this.listenToSlider();
  }

  listenToSlider() {
    const { slider, signal } = this;
    const under = (/** @type {PointerEvent} */ event) => {
      const box = this.rail.getBoundingClientRect();
      return Math.floor(((event.clientX - box.left) / box.width) * this.nFrames);
    };
    let isDragging = false;
    let last = 0;
    const scrub = (/** @type {number} */ frame, /** @type {boolean} */ isFinal) => {
      last = frame;
      this.wishes.scrub(frame, isFinal);
    };
    slider.addEventListener(
      "pointerdown",
      (/** @type {PointerEvent} */ event) => {
        if (event.button !== 0) return;
        isDragging = true;
        slider.setPointerCapture(event.pointerId);
        scrub(under(event), false);
      },
      { signal },
    );
    const move = (/** @type {PointerEvent} */ event) => isDragging && scrub(under(event), false);
    slider.addEventListener("pointermove", move, { signal });
    const end = (/** @type {PointerEvent} */ event) => {
      if (!isDragging) return;
      isDragging = false;
      scrub(event.type === "pointerup" ? under(event) : last, true);
    };
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
      slider.addEventListener(name, end, { signal });
  }

  /** @param {HTMLElement} target @param {() => void} act */
  repeatWhileHeld(target, act) {
    const { signal } = this;
    let isHeld = false;
    let hasRepeated = false;
    const repeat = () => {
      if (!isHeld || signal.aborted) return;
      hasRepeated = true;
      act();
      this.holdTimer = setTimeout(repeat, HOLD_MS.next);
    };
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ listen) =>
      target.addEventListener(name, listen, { signal });
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      isHeld = true;
      hasRepeated = false;
      clearTimeout(this.holdTimer);
      this.holdTimer = setTimeout(repeat, HOLD_MS.first);
    });
    for (const name of ["pointerup", "pointerleave", "pointercancel"]) {
      on(name, () => {
        isHeld = false;
        clearTimeout(this.holdTimer);
      });
    }
    // The click that ends a hold is no further step; one of the keyboard (detail 0) never ends a hold.
    on("click", (event) => (event.detail === 0 || !hasRepeated) && act());
  }
}
