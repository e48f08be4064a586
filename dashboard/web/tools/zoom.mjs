// @ts-check
/**
 * Zoom: the visible part of the picture, the same in all panes, and how wheel, fingers, drags and keys change it.
 *
 * A view is the scale (1: the whole picture fits) and the centre of the visible part, in shares of the picture; null: fit.
 */

import { DRAG_ENDS, listener } from "../ui/dom.mjs";

/** At the largest scale so many pixels of the picture are still seen along its shorter side. */
const FEWEST_PIXELS = 8;
/** A wheel notch of 100 px, a line or a page in px, and the scale's factor per px. */
const WHEEL = { linePx: 20, pagePx: 400, perPx: 0.0022, perPinchPx: 0.01 };
/** Movements shorter than this are a click. */
export const CLICK_PX = 4;
/** Scales this close to 1 are the whole picture. */
const FIT_BELOW = 1.02;

/** @typedef {{scale: number, x: number, y: number}} View */

/** @typedef {{u: number, v: number, widthPx: number, heightPx: number}} GesturePlace u, v: in shares of a pane of that size */

/** @type {View} */
const FIT = { scale: 1, x: 0.5, y: 0.5 };

/** Scale at which a pixel of the picture can be looked at alone. @param {{width: number, height: number}} size */
export function maxScale({ width, height }) {
  return Math.max(1, Math.min(width, height) / FEWEST_PIXELS);
}

/**
 * The view inside the picture and its scales; null where it is the whole picture.
 * @param {View} view @param {number} max
 * @returns {View | null}
 */
export function clampView({ scale, x, y }, max) {
  const s = Math.min(Math.max(scale, 1), max);
  if (!(s >= FIT_BELOW)) return null;
  const half = 0.5 / s;
  const inside = (/** @type {number} */ value) => Math.min(Math.max(value, half), 1 - half);
  return { scale: s, x: inside(x), y: inside(y) };
}

/** Left and top edge of what is seen, and its side, in shares of the picture. @param {View | null} view */
export function visiblePart(view) {
  const { scale, x, y } = view ?? FIT;
  return { left: x - 0.5 / scale, top: y - 0.5 / scale, side: 1 / scale };
}

/**
 * `factor` times larger, with what is seen at (u, v) staying there; u, v in shares of the pane.
 * @param {View | null} view @param {number} factor @param {number} u @param {number} v @param {number} max
 */
export function zoomAt(view, factor, u, v, max) {
  const { left, top, side } = visiblePart(view);
  const scale = Math.min(Math.max(factor / side, 1), max);
  return clampView({ scale, x: left + u * side + (0.5 - u) / scale, y: top + v * side + (0.5 - v) / scale }, max);
}

/**
 * Moved as if the picture were dragged by (du, dv) shares of the pane.
 * @param {View | null} view @param {number} du @param {number} dv @param {number} max
 */
export function panBy(view, du, dv, max) {
  const { scale, x, y } = view ?? FIT;
  return clampView({ scale, x: x - du / scale, y: y - dv / scale }, max);
}

/**
 * Moved as little as shows the point (x, y), in shares of the picture, with some room around it.
 * @param {View | null} view @param {number} x @param {number} y @param {number} max
 */
export function showing(view, x, y, max) {
  if (!view) return null;
  const reach = 0.4 / view.scale;
  const near = (/** @type {number} */ middle, /** @type {number} */ at) =>
    Math.min(Math.max(middle, at - reach), at + reach);
  return clampView({ scale: view.scale, x: near(view.x, x), y: near(view.y, y) }, max);
}

/** The scale's factor of a wheel event; a trackpad's pinch arrives as a wheel with Ctrl and small steps. @param {WheelEvent} event */
function wheelFactor({ deltaY, deltaMode, ctrlKey }) {
  const px = deltaY * (deltaMode === 1 ? WHEEL.linePx : deltaMode === 2 ? WHEEL.pagePx : 1);
  const isPinch = ctrlKey && Math.abs(px) < 50;
  return Math.exp(-Math.min(Math.max(px, -300), 300) * (isPinch ? WHEEL.perPinchPx : WHEEL.perPx));
}

/** A step of the keys. */
const KEY_FACTOR = 1.5;

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part & {gestures: Gestures}}
 */
export function zooming(context) {
  const { stage } = context;
  const max = () => maxScale(stage.size);
  const setView = (/** @type {View | null} */ view) => {
    if (JSON.stringify(view) !== JSON.stringify(context.view.state.zoom)) context.view.change({ zoom: view });
  };
  const show = () => {
    stage.root.toggleAttribute("data-magnified", context.view.state.zoom !== null);
  };
  const gestures = new Gestures(stage.root, {
    signal: context.signal,
    at: (x, y) => stage.at(x, y),
    view: () => context.view.state.zoom,
    max,
    setView,
    hasFocus: () => context.ui.root.matches(":focus-within"),
  });
  return {
    gestures,
    actions: {
      zoom: (value = 1) => {
        // At the pixel that is probed, where there is one.
        const { probe, zoom } = context.view.state;
        const { left, top, side } = visiblePart(zoom);
        const [u, v] = probe
          ? [((probe[0] + 0.5) / stage.size.width - left) / side, ((probe[1] + 0.5) / stage.size.height - top) / side]
          : [0.5, 0.5];
        setView(zoomAt(zoom, KEY_FACTOR ** value, u, v, max()));
      },
    },
    view: show,
    update: show,
  };
}

/**
 * Wheel, pinch, drag and double click over the pictures.
 *
 * The plain wheel zooms only while the player has the focus, and never where there is nothing left to zoom out of: a
 * page that is scrolled past the pictures must not be caught by them (as embedded maps do). Ctrl + wheel, which is also
 * a trackpad's pinch, always zooms. A finger drags the page until the picture is magnified; two fingers pinch.
 */
export class Gestures {
  /**
   * @param {HTMLElement} target
   * @param {{signal: AbortSignal, at: (x: number, y: number) => GesturePlace | null,
   *   view: () => View | null, max: () => number, setView: (view: View | null) => void, hasFocus: () => boolean}} options
   *   at: where in a pane a point of the window lies
   */
  constructor(target, { signal, at, view, max, setView, hasFocus }) {
    this.at = at;
    this.view = view;
    this.max = max;
    this.setView = setView;
    /** Pointers that are down, where they were last. @type {Map<number, {x: number, y: number}>} */
    this.down = new Map();
    this.isDragging = false;
    this.movedPx = 0;
    /** Where the last drag was over a pane. @type {GesturePlace | null} */
    this.lastPlace = null;
    const on = listener(target, signal, { passive: false });
    on("wheel", (event) => this.onWheel(event, hasFocus()));
    on("pointerdown", (event) => this.onDown(event, target));
    on("pointermove", (event) => this.onMove(event));
    for (const name of DRAG_ENDS) on(name, (event) => this.onUp(event));
    on("dblclick", (event) => {
      if (this.at(event.clientX, event.clientY) && this.view()) this.setView(null);
    });
    // The browser must not scroll while two fingers pinch, or while one finger drags a magnified picture.
    on("touchmove", (event) => (event.touches.length > 1 || this.view()) && this.down.size && event.preventDefault());
    for (const name of ["gesturestart", "gesturechange"]) // Safari's own pinch
      target.addEventListener(name, (event) => event.preventDefault(), { signal, passive: false });
  }

  /** @param {WheelEvent} event @param {boolean} hasFocus */
  onWheel(event, hasFocus) {
    const place = this.at(event.clientX, event.clientY);
    const isAsked = event.ctrlKey || (hasFocus && !event.shiftKey && !event.altKey);
    if (!place || !isAsked || event.deltaY === 0) return;
    if (!event.ctrlKey && event.deltaY > 0 && !this.view()) return;
    event.preventDefault();
    this.setView(zoomAt(this.view(), wheelFactor(event), place.u, place.v, this.max()));
  }

  /** @param {PointerEvent} event @param {HTMLElement} target */
  onDown(event, target) {
    const isFree = event.button === 0 && !event.shiftKey && !event.altKey && !event.defaultPrevented;
    const control = /** @type {HTMLElement} */ (event.composedPath()[0]).closest(
      "button, input, select, [role=slider]",
    );
    if (!isFree || control || !this.at(event.clientX, event.clientY)) return;
    if (this.down.size === 0) this.movedPx = 0;
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.view() || this.down.size > 1) target.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    this.movedPx += Math.hypot(now.x - before.x, now.y - before.y);
    const others = [...this.down].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    this.down.set(event.pointerId, now);
    if (this.movedPx < CLICK_PX && others.length === 0) return;
    this.isDragging = true;
    const fixed = others[0];
    const from = fixed ? middle(before, fixed) : before;
    const to = fixed ? middle(now, fixed) : now;
    const place = this.at(to.x, to.y) ?? this.at(from.x, from.y) ?? this.lastPlace;
    if (!place) return;
    this.lastPlace = place;
    let view = panBy(this.view(), (to.x - from.x) / place.widthPx, (to.y - from.y) / place.heightPx, this.max());
    if (fixed) {
      const factor = distance(now, fixed) / Math.max(distance(before, fixed), 1);
      view = zoomAt(view, factor, place.u, place.v, this.max());
    }
    this.setView(view);
  }

  /** @param {PointerEvent} event */
  onUp(event) {
    this.down.delete(event.pointerId);
    if (this.down.size === 0) this.isDragging = false;
  }
}

/** @typedef {{x: number, y: number}} Point */

/** @param {Point} a @param {Point} b */
function middle(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** @param {Point} a @param {Point} b */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
