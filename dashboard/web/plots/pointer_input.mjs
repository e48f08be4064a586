// @ts-check
/**
 * Pointer and wheel on the plots. Click and drag seek; with Shift, or on the time axis, a drag chooses the loop; a vertical
 * swipe still scrolls the page; Ctrl + wheel zooms, and a sideways wheel moves what is zoomed.
 */

import { DRAG_ENDS, listener } from "../ui/dom.mjs";
import { moveSpan } from "./curves.mjs";
import { MARGIN } from "./plotly_figure.mjs";

/** A press that moves less is a click. */
const CLICK_PX = 4;
/** How far the wheel turns for one step of zooming. */
const WHEEL_PX = 100;

/** @typedef {import("./charts.mjs").Charts} Charts */

/** Listen on the host of the charts until their signal. @param {Charts} charts @param {number} zoomStep a factor */
export function listenToPointer(charts, zoomStep) {
  const { host, signal } = charts;
  /** @type {{isLoop: boolean, from: number, x: number, y: number, moved: boolean} | null} */
  let drag = null;
  // The host listens and captures the pointer, because it stays: a plot may be replaced while it is dragged, and would
  // take the end of the drag with it.
  const on = listener(host, signal);
  on("pointerdown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.button !== 0 || !target.closest(".plot-area")) return;
    const isLoop = event.shiftKey || target.closest(".axis-grip") !== null;
    drag = { isLoop, from: frameUnder(charts, event), x: event.clientX, y: event.clientY, moved: false };
    host.setPointerCapture(event.pointerId);
    if (!isLoop) charts.onSeek(drag.from, false);
  });
  on("pointermove", (event) => {
    const isOver = event.pointerType !== "touch" && /** @type {HTMLElement} */ (event.target).closest(".plot-area");
    charts.hover(isOver && !drag ? clampedFrame(charts, event) : null);
    if (!drag) return;
    drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > CLICK_PX;
    if (!drag.isLoop) charts.onSeek(frameUnder(charts, event), false);
    else if (drag.moved) charts.drawLoop(loopUnder(charts, drag.from, event));
  });
  on("pointerleave", () => charts.hover(null));
  for (const name of DRAG_ENDS) {
    on(name, (event) => {
      if (!drag) return;
      const { isLoop, from, moved } = drag;
      drag = null;
      const isDone = name === "pointerup";
      if (!isLoop) charts.onSeek(isDone ? frameUnder(charts, event) : charts.frame, true);
      else if (isDone && moved) charts.onLoop(loopUnder(charts, from, event));
      if (isLoop) charts.drawLoop(charts.look.loop);
      if (isDone && !isLoop && !moved) tap(charts, event);
    });
  }
  let turned = 0;
  const turn = (/** @type {WheelEvent} */ event) => (turned = turnWheel(charts, event, turned, zoomStep));
  host.addEventListener("wheel", turn, { signal, passive: false }); // not passive: it must not zoom the page
}

/** @param {Charts} charts @param {WheelEvent} event @param {number} before turned and not yet used @param {number} zoomStep */
function turnWheel(charts, event, before, zoomStep) {
  if (!(/** @type {HTMLElement} */ (event.target).closest(".plot-area"))) return before;
  if (event.ctrlKey) {
    event.preventDefault();
    const turned = before + event.deltaY;
    if (Math.abs(turned) < WHEEL_PX / 10) return turned;
    charts.zoom(zoomStep ** (turned / WHEEL_PX), frameUnder(charts, event));
    return 0;
  }
  const { span } = charts.look;
  const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
  if (!span || Math.abs(sideways) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return before;
  event.preventDefault();
  const width = Math.max(charts.host.clientWidth - MARGIN.l - MARGIN.r, 1);
  const turned = before + (sideways / width) * (span[1] - span[0] + 1);
  const by = Math.trunc(turned);
  if (by !== 0) {
    const moved = moveSpan(span, by, charts.nFrames);
    // The cursor never leaves the axis: it ends the movement.
    if (charts.frame >= moved[0] && charts.frame <= moved[1]) charts.onLook({ span: moved });
  }
  return turned - by;
}

/** @param {Charts} charts @param {PointerEvent} event */
function tap(charts, event) {
  const under = charts.drawn.find(({ plot }) => {
    const box = plot.getBoundingClientRect();
    return event.clientY >= box.top && event.clientY <= box.bottom;
  });
  const axis = /** @type {any} */ (under?.plot)?._fullLayout?.yaxis;
  if (!under?.chart.onTap || !axis) return;
  const y = event.clientY - under.plot.getBoundingClientRect().top - axis._offset;
  under.chart.onTap(frameUnder(charts, event), axis.p2d(y));
}

/** @param {Charts} charts @param {number} from @param {PointerEvent} event @returns {[number, number]} */
function loopUnder(charts, from, event) {
  const [a, b] = [Math.min(Math.max(from, 0), charts.nFrames - 1), clampedFrame(charts, event)];
  return [Math.min(a, b), Math.max(a, b)];
}

/** @param {Charts} charts @param {MouseEvent} event */
function clampedFrame(charts, event) {
  return Math.min(Math.max(frameUnder(charts, event), 0), charts.nFrames - 1);
}

/** All plots share one axis and one width, so the first stands for all. @param {Charts} charts @param {MouseEvent} event */
function frameUnder(charts, event) {
  const plot = charts.drawn[0]?.plot;
  const axis = /** @type {any} */ (plot)?._fullLayout?.xaxis;
  if (!axis) return charts.frame;
  const x = event.clientX - plot.getBoundingClientRect().left;
  return Math.round(axis.p2d(x - axis._offset));
}
