// @ts-check
/**
 * Drag, wheel, pinch and keys over the panes move the camera.
 *
 * The plain wheel moves it only while the player has the focus, as embedded maps do not: a page that is scrolled past the panes
 * must not be caught by them. One finger turns it sideways and scrolls the page up and down; two fingers pan and pinch.
 */

import { CLICK_PX } from "../tools/zoom.mjs";
import { DRAG_ENDS, listener } from "../ui/dom.mjs";

/** A drag across a pane turns the camera by this much, degrees. */
const TURN_DEGREES = 180;
/** The wheel's factor per px, and how many px a line and a page are. */
const WHEEL = { perPx: 0.0018, linePx: 20, pagePx: 400 };
/** Steps of the keys. */
export const KEY_STEP = { degrees: 5, share: 0.05, factor: 1.2 };

/**
 * @typedef {{orbit: (yaw: number, pitch: number) => void, pan: (du: number, dv: number) => void,
 *   dolly: (factor: number) => void, settle: () => void, reset: () => void}} Moves degrees; shares of a pane; above 1: nearer;
 *   settle: a movement has ended
 * @typedef {{signal: AbortSignal, sizeAt: (x: number, y: number) => {width: number, height: number} | null,
 *   hasFocus: () => boolean, moves: Moves}} Options sizeAt: of the pane in space at a point of the window, CSS px
 */

export class Orbit {
  /** @param {HTMLElement} target @param {Options} options */
  constructor(target, { signal, sizeAt, hasFocus, moves }) {
    this.target = target;
    this.sizeAt = sizeAt;
    this.moves = moves;
    /** @type {Map<number, {x: number, y: number}>} */
    this.down = new Map();
    this.size = { width: 1, height: 1 };
    this.isPan = false;
    this.isDragging = false;
    this.movedPx = 0;
    const on = listener(target, signal, { passive: false });
    on("pointerdown", (event) => this.onDown(event));
    on("pointermove", (event) => this.onMove(event));
    for (const name of DRAG_ENDS) on(name, (event) => this.onUp(event));
    on("wheel", (event) => this.onWheel(event, hasFocus()));
    on("contextmenu", (event) => sizeAt(event.clientX, event.clientY) && event.preventDefault()); // the right button pans
    on("dblclick", (event) => {
      if (!isControl(event) && sizeAt(event.clientX, event.clientY)) moves.reset();
    });
    on("touchmove", (event) => event.touches.length > 1 && this.down.size > 0 && event.preventDefault());
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    const size = this.sizeAt(event.clientX, event.clientY);
    if (event.button > 2 || event.defaultPrevented || isControl(event) || !size) return;
    if (this.down.size === 0) this.movedPx = 0;
    this.size = size;
    this.isPan = event.button > 0 || event.shiftKey;
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    this.movedPx += Math.hypot(now.x - before.x, now.y - before.y);
    this.down.set(event.pointerId, now);
    const [other] = [...this.down].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (this.movedPx < CLICK_PX && !other) return;
    if (!this.isDragging) this.target.setPointerCapture(event.pointerId);
    this.isDragging = true;
    const shorter = Math.min(this.size.width, this.size.height);
    const [du, dv] = [(now.x - before.x) / shorter, (now.y - before.y) / shorter];
    if (other) {
      const apart = (/** @type {{x: number, y: number}} */ one) => Math.hypot(one.x - other.x, one.y - other.y);
      this.moves.dolly(apart(now) / Math.max(apart(before), 1));
      this.moves.pan(du / 2, dv / 2);
    } else if (this.isPan) this.moves.pan(du, dv);
    else this.moves.orbit(TURN_DEGREES * du, TURN_DEGREES * dv);
  }

  /** @param {PointerEvent} event */
  onUp(event) {
    if (!this.down.delete(event.pointerId) || this.down.size > 0) return;
    if (this.isDragging) this.moves.settle();
    this.isDragging = false;
  }

  /** @param {WheelEvent} event @param {boolean} hasFocus */
  onWheel(event, hasFocus) {
    const isAsked = event.ctrlKey || (hasFocus && !event.shiftKey && !event.altKey);
    if (!isAsked || event.deltaY === 0 || !this.sizeAt(event.clientX, event.clientY)) return;
    event.preventDefault();
    const px = event.deltaY * (event.deltaMode === 1 ? WHEEL.linePx : event.deltaMode === 2 ? WHEEL.pagePx : 1);
    this.moves.dolly(Math.exp(-Math.min(Math.max(px, -300), 300) * WHEEL.perPx * (event.ctrlKey ? 4 : 1)));
    this.moves.settle();
  }
}

/**
 * What a key does with the focus on the view; false: nothing.
 * @param {KeyboardEvent} event @param {Moves} moves
 */
export function moveByKey({ key, shiftKey, ctrlKey, altKey, metaKey }, moves) {
  if (ctrlKey || altKey || metaKey) return false;
  const { degrees, share, factor } = KEY_STEP;
  /** @type {Record<string, () => void>} */
  const turns = {
    ArrowLeft: () => moves.orbit(degrees, 0),
    ArrowRight: () => moves.orbit(-degrees, 0),
    ArrowUp: () => moves.orbit(0, degrees),
    ArrowDown: () => moves.orbit(0, -degrees),
  };
  /** @type {Record<string, () => void>} */
  const shifts = {
    ArrowLeft: () => moves.pan(share, 0),
    ArrowRight: () => moves.pan(-share, 0),
    ArrowUp: () => moves.pan(0, share),
    ArrowDown: () => moves.pan(0, -share),
  };
  const others = {
    "+": () => moves.dolly(factor),
    "=": () => moves.dolly(factor),
    "-": () => moves.dolly(1 / factor),
    Home: moves.reset,
  };
  const move = (shiftKey ? shifts : turns)[key] ?? others[/** @type {"+"} */ (key)];
  if (!move) return false;
  move();
  moves.settle();
  return true;
}

/** @param {Event} event */
function isControl(event) {
  return /** @type {Element} */ (event.composedPath()[0]).closest("button, input, select, [role=slider]") !== null;
}
