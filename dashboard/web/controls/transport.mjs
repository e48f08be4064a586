// @ts-check
/** The controls of play: scrubber, buttons, frame number, time, speed and rate. */

import { formatTime } from "../player/clock.mjs";
import { Charts } from "../plots/charts.mjs";
import { button, DRAG_ENDS, element, icon } from "../ui/dom.mjs";
import { placesOf, readPlace } from "../view/place_text.mjs";
import { Thumbnail } from "./thumbnail.mjs";

const HOLD_MS = { first: 400, next: 60 };

/** @typedef {import("../player/context.mjs").Context} Context */

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function transporting(context) {
  const own = new Transport(context);
  return {
    timeline: { root: own.slider, thumb: own.thumbRail },
    commands: () => {
      const { isExactOnly } = context.frames;
      const run = () => own.setExactOnly(!isExactOnly);
      const state = isExactOnly ? "on" : "off";
      return [{ help: "lossless pictures only", words: "exact previews quality slow", state, run }];
    },
    update: (data) => own.update(data),
    view: (state, before) => state.loop !== before.loop && own.drawRail(),
    loaded: () => own.drawRail(),
    playback: () => own.drawPlayback(),
    scrub: () => own.drawPosition(),
    paint: () => {
      own.drawPosition();
      own.drawTier();
    },
    destroy: () => clearTimeout(own.holdTimer),
  };
}

class Transport {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    const { toolbar } = context.ui;
    this.speedsText = "";
    /** @type {boolean | null} */
    this.isPlaying = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.holdTimer = undefined;
    this.loaded = element("div", { class: "loaded" });
    this.played = element("div", { class: "played" });
    this.rail = element("div", { class: "rail" }, this.loaded, this.played);
    this.thumb = element("div", { class: "thumb" });
    /** Both ends of the loop, to drag. */
    this.ends = [0, 1].map((end) =>
      element("div", { class: "loop-end", "data-end": String(end), title: "drag the end of the loop" }),
    );
    this.thumbRail = element("div", { class: "thumb-rail" }, ...this.ends, this.thumb);
    this.thumbnail = new Thumbnail(context);
    this.slider = element(
      "div",
      { class: "slider of-time", role: "slider", tabindex: "0", "aria-label": "frame", "aria-valuemin": "0" },
      this.rail,
      this.thumbRail,
      this.thumbnail.root,
    );
    this.playButton = button("play (Space)", "play");
    this.back = button("previous frame (←)", "back");
    this.forward = button("next frame (→)", "forward");
    this.number = element("input", {
      class: "number",
      type: "text",
      "aria-label": "go to frame",
      title: "a frame (120), a time (0:03, 3 s) or a share of the clip (50 %)",
    });
    this.count = element("span", { class: "muted number" });
    this.time = element("span", { class: "time number of-time", title: "presentation time of this frame" });
    this.speed = element("select", { class: "of-time", "aria-label": "speed", title: "speed (+ and −)" });
    this.rate = element("span", {
      class: "rate number",
      role: "status",
      title: "frames shown per second / frames due per second",
    });
    this.tier = element("button", { class: "tier", type: "button", "aria-pressed": "false" });
    this.drawTier();
    toolbar.row.before(this.slider);
    toolbar.row.prepend(
      element("div", { class: "group of-time" }, this.back, this.playButton, this.forward),
      element(
        "label",
        { class: "group of-time" },
        element("span", { class: "muted word", text: "frame" }),
        this.number,
        this.count,
      ),
      this.time,
      element("div", { class: "group" }, this.speed, this.tier),
      this.rate,
    );
    this.listen();
    this.listenToSlider();
  }

  /** @param {import("../player/context.mjs").Data} data */
  update(data) {
    const { nFrames, nReady, firstReady } = this.context.clip;
    const speedsText = data.speeds.join();
    if (speedsText !== this.speedsText) {
      this.speedsText = speedsText;
      this.speed.replaceChildren(
        ...data.speeds.map((speed) => element("option", { value: String(speed), text: `${speed}×` })),
      );
    }
    this.count.textContent = countText({ nFrames, nReady, firstReady, isFile: Boolean(data.isFile) });
    this.number.style.width = `${Math.max(String(nFrames - 1).length, 3) + 2}ch`;
    this.slider.setAttribute("aria-valuemax", String(nFrames - 1));
    // In line with the plots, where there are any.
    const [left, right] = data.charts.length ? Charts.inset : [0, 0];
    this.slider.style.padding = `0 ${right}px 0 ${left}px`;
    this.tier.hidden = Boolean(data.isFile); // a file has one quality
    this.drawPlayback();
    this.drawRail();
  }

  drawPlayback() {
    const { isPlaying, speed, rateText } = this.context.playback;
    this.speed.value = String(speed);
    if (this.rate.textContent !== rateText) this.rate.textContent = rateText;
    if (isPlaying === this.isPlaying) return;
    this.isPlaying = isPlaying;
    this.playButton.replaceChildren(icon(isPlaying ? "pause" : "play"));
    const label = isPlaying ? "pause (Space)" : "play (Space)";
    this.playButton.title = label;
    this.playButton.setAttribute("aria-label", label);
  }

  /** Frame and time of what is on the screen; the thumb, while it is dragged, stands under the pointer. */
  drawPosition() {
    const { position, clip, data } = this.context;
    const { painted, isScrubbing, wanted } = position;
    // A frame is a slot of the timeline, and its mark the middle, as on the plots below.
    const slot = Math.max(isScrubbing ? wanted : painted, 0) + 0.5;
    this.thumb.style.left = `${((100 * slot) / clip.nFrames).toFixed(3)}%`;
    this.played.style.transform = `scaleX(${(slot / clip.nFrames).toFixed(5)})`;
    if (painted < 0) return; // no picture yet
    const seconds = data.ptsSeconds[painted] ?? 0;
    const root = /** @type {Document | ShadowRoot} */ (this.slider.getRootNode());
    if (root.activeElement !== this.number) this.number.value = String(painted);
    this.time.textContent = formatTime(seconds);
    this.slider.setAttribute("aria-valuenow", String(painted));
    this.slider.setAttribute("aria-valuetext", `frame ${painted} of ${clip.nFrames - 1}, ${formatTime(seconds)}`);
  }

  /** Mark on the scrubber what is in memory, what is not computed yet, and the loop. */
  drawRail() {
    const { clip, frames, view } = this.context;
    const { nFrames, nReady, firstReady } = clip;
    const { loop } = view.state;
    const share = (/** @type {number} */ frame) => `${((100 * frame) / Math.max(nFrames, 1)).toFixed(2)}%`;
    const bar = (/** @type {string} */ name, /** @type {number} */ first, /** @type {number} */ stop) => {
      const made = element("i", { class: name });
      made.style.left = share(first);
      made.style.width = share(stop - first);
      return made;
    };
    const parts = frames.loadedSpans(nFrames).map(([first, stop]) => bar("here", first, stop));
    if (firstReady > 0) parts.push(bar("missing", 0, firstReady));
    if (nReady < nFrames) parts.push(bar("missing", nReady, nFrames));
    if (loop) parts.push(bar("looped", loop[0], loop[1] + 1));
    this.loaded.replaceChildren(...parts);
    for (const [end, handle] of this.ends.entries()) {
      handle.hidden = !loop;
      if (loop) handle.style.left = share(loop[end] + end);
    }
  }

  /** Whether the pictures on the screen are exact, and whether the viewer wants exact ones only. */
  drawTier() {
    const { isExact } = this.context.position;
    const { isExactOnly } = this.context.frames;
    const text = isExact ? "lossless" : "preview";
    const pressed = String(isExactOnly);
    if (this.tier.textContent === text && this.tier.getAttribute("aria-pressed") === pressed) return;
    this.tier.textContent = this.tier.dataset.tier = text;
    this.tier.setAttribute("aria-pressed", pressed);
    const meaning = isExact
      ? "These pictures are the stored values, bit for bit."
      : "These pictures are lossy previews. The stored values follow once you stay on a frame.";
    const press = isExactOnly
      ? "Press to allow previews while lossless pictures load."
      : "Press to show lossless pictures only.";
    this.tier.title = `${meaning} ${press}`;
    this.tier.setAttribute("aria-label", `${text}; lossless only`);
  }

  /** @param {boolean} isExactOnly */
  setExactOnly(isExactOnly) {
    const { position, ui } = this.context;
    position.setExactOnly(isExactOnly);
    this.drawTier();
    ui.announce(
      isExactOnly ? "lossless pictures only, however long they take" : "previews while lossless pictures load",
    );
  }

  listen() {
    const { context, number } = this;
    const { position, playback, ui, commands, signal } = context;
    this.playButton.addEventListener("click", () => commands.run("toggle"), { signal });
    const isExactOnly = () => this.tier.getAttribute("aria-pressed") === "true";
    this.tier.addEventListener("click", () => this.setExactOnly(!isExactOnly()), { signal });
    this.repeatWhileHeld(this.back, () => commands.run("step", -1));
    this.repeatWhileHeld(this.forward, () => commands.run("step", 1));
    this.speed.addEventListener("change", () => playback.setSpeed(Number(this.speed.value)), { signal });
    number.addEventListener("focus", () => number.select(), { signal });
    number.addEventListener("blur", () => this.drawPosition(), { signal });
    number.addEventListener(
      "keydown",
      ({ key }) => {
        if (key === "Enter") {
          const place = readPlace(number.value, placesOf(context));
          if (place) position.jump(place.frame);
          else ui.announce(`enter a frame from 0 to ${context.clip.nFrames - 1}, a time (0:03, 3 s) or a share (50 %)`);
          if (place?.note) ui.announce(place.note);
        }
        if (key === "Enter" || key === "Escape") ui.focus();
      },
      { signal },
    );
  }

  listenToSlider() {
    const { slider, context } = this;
    const { signal } = context;
    const under = (/** @type {PointerEvent} */ event) => {
      const box = this.rail.getBoundingClientRect();
      return Math.floor(((event.clientX - box.left) / box.width) * context.clip.nFrames);
    };
    let isDragging = false;
    /** The end of the loop that is dragged. @type {number | null} */
    let loopEnd = null;
    let last = 0;
    const moveEnd = (/** @type {PointerEvent} */ event) => {
      const { loop } = context.view.state;
      if (!loop || loopEnd === null) return;
      const at = Math.min(Math.max(under(event), 0), context.clip.nFrames - 1);
      const moved = loopEnd === 0 ? [Math.min(at, loop[1] - 1), loop[1]] : [loop[0], Math.max(at, loop[0] + 1)];
      if (String(moved) !== String(loop)) context.view.setLoop(/** @type {[number, number]} */ (moved));
      if (!context.view.state.loop) loopEnd = null; // the whole clip is no loop
    };
    const scrub = (/** @type {number} */ frame, /** @type {boolean} */ isFinal) => {
      last = frame;
      context.position.scrub(frame, isFinal);
    };
    slider.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        slider.setPointerCapture(event.pointerId);
        const handle = /** @type {HTMLElement} */ (event.target).closest(".loop-end");
        loopEnd = handle ? this.ends.indexOf(/** @type {HTMLDivElement} */ (handle)) : null;
        isDragging = loopEnd === null;
        if (isDragging) scrub(under(event), false);
      },
      { signal },
    );
    slider.addEventListener(
      "pointermove",
      (event) => {
        if (isDragging) scrub(under(event), false);
        else if (loopEnd !== null) moveEnd(event);
        if (event.pointerType !== "touch") this.thumbnail.show(under(event), event.clientX);
      },
      { signal },
    );
    slider.addEventListener("pointerleave", () => this.thumbnail.hide(), { signal });
    const end = (/** @type {PointerEvent} */ event) => {
      loopEnd = null;
      if (!isDragging) return;
      isDragging = false;
      scrub(event.type === "pointerup" ? under(event) : last, true);
    };
    for (const name of DRAG_ENDS) slider.addEventListener(name, end, { signal });
  }

  /** @param {HTMLElement} target @param {() => void} act */
  repeatWhileHeld(target, act) {
    const { signal } = this.context;
    let isHeld = false;
    let hasRepeated = false;
    const repeat = () => {
      if (!isHeld || signal.aborted) return;
      hasRepeated = true;
      act();
      this.holdTimer = setTimeout(repeat, HOLD_MS.next);
    };
    target.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        isHeld = true;
        hasRepeated = false;
        clearTimeout(this.holdTimer);
        this.holdTimer = setTimeout(repeat, HOLD_MS.first);
      },
      { signal },
    );
    const release = () => {
      isHeld = false;
      clearTimeout(this.holdTimer);
    };
    for (const name of ["pointerup", "pointerleave", "pointercancel"])
      target.addEventListener(name, release, { signal });
    // The click that ends a hold is not another step; one of the keyboard (detail 0) never ends a hold.
    target.addEventListener("click", (event) => (event.detail === 0 || !hasRepeated) && act(), { signal });
  }
}

/**
 * What stands behind the number of the frame. A file holds a part of a clip, and never more of it. Pure.
 * @param {{nFrames: number, nReady: number, firstReady: number, isFile: boolean}} clip
 */
export function countText({ nFrames, nReady, firstReady, isFile }) {
  const held = nReady - firstReady;
  if (isFile && held < nFrames) {
    const frames = held === 1 ? "1 frame" : `${held} frames`;
    return `of ${firstReady} to ${nReady - 1} (${frames})`;
  }
  return `/ ${nFrames - 1}${nReady < nFrames ? `, ${nReady} ready` : ""}`;
}
