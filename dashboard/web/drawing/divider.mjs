// @ts-check
/**
 * The handle between pictures and controls that sets the height of the pictures, by drag or keys. A double click returns to
 * the default, which leaves the first plot in view.
 */

import { DRAG_ENDS, element, listener } from "../ui/dom.mjs";
import { SIZE_LIMITS } from "../view/pane_view_state.mjs";

/** One key press, % of the window's height. */
const STEP = 4;

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part}
 */
export function dividing(context) {
  const { stage, signal } = context;
  const [least, most] = SIZE_LIMITS;
  const handle = element("div", {
    class: "divider",
    role: "separator",
    tabindex: "0",
    "aria-orientation": "horizontal",
    "aria-label": "height of the pictures",
    "aria-valuemin": String(least),
    "aria-valuemax": String(most),
    title: "drag to resize the pictures; double-click to fit the first plot in the window",
  });
  context.ui.toolbar.root.prepend(handle);
  const now = () => (100 * stage.root.offsetHeight) / window.innerHeight;
  const set = (/** @type {number | null} */ size) =>
    context.view.change({ size: size === null ? null : Math.round(10 * Math.min(Math.max(size, least), most)) / 10 });
  const show = () => handle.setAttribute("aria-valuenow", String(Math.round(context.view.state.size ?? now())));
  const on = listener(handle, signal);
  /** @type {{y: number, size: number} | null} */
  let start = null;
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    start = { y: event.clientY, size: context.view.state.size ?? now() };
    handle.setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
    if (start && Math.abs(event.clientY - start.y) > 2)
      set(start.size + (100 * (event.clientY - start.y)) / window.innerHeight);
  });
  for (const name of DRAG_ENDS) on(name, () => (start = null));
  on("dblclick", () => set(null));
  on("keydown", (event) => {
    const step = { ArrowDown: STEP, ArrowUp: -STEP }[/** @type {"ArrowUp"} */ (event.key)];
    if ((!step && event.key !== "Home") || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    set(step ? (context.view.state.size ?? now()) + step : null);
  });
  const larger = (/** @type {number} */ value) => {
    const size = context.view.state.size ?? now();
    // Pictures as wide as the page do not grow with the room that they have.
    const isFull = now() < size - 1;
    if (value > 0 && isFull)
      return context.ui.announce("as large as the window's width allows; show one alone with 1 to 9");
    set((value < 0 ? Math.min(size, now()) : size) + value * STEP);
  };
  return { actions: { size: larger }, view: show, fit: show };
}
