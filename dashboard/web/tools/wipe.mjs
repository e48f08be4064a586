// @ts-check
/**
 * Two pictures compared in one place: a wipe divides them by an edge that is dragged, a flicker alternates them for as long
 * as a key or button is held. Headings and marks stay where they are.
 */

import { DRAG_ENDS, element, listener } from "../ui/dom.mjs";

/** Steps of the edge by keys, in shares. */
const STEP = { small: 0.01, large: 0.1 };
/** The pictures alternate at this pace while held: two changes a second, of which three and more could do harm. */
const FLICKER_MS = 500;

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part}
 */
export function wiping(context) {
  const { stage, signal } = context;
  const edge = element("div", {
    class: "wipe-edge",
    role: "slider",
    tabindex: "0",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  const tags = [0, 1].map(() => element("span", { class: "wipe-tag", "aria-hidden": "true" }));
  const over = element("div", { class: "wipe" }, ...tags, edge);
  over.hidden = true;
  stage.root.append(over);

  const place = () => {
    const { wipe } = context.view.state;
    const { pair } = stage;
    const rect = pair && stage.layout?.rects[pair[0]];
    over.hidden = !rect || !wipe;
    if (!rect || !wipe) return;
    Object.assign(over.style, {
      left: `${rect.x}px`,
      top: `${rect.y}px`,
      width: `${rect.width}px`,
      height: `${rect.height}px`,
    });
    over.dataset.edge = wipe.isUpright ? "upright" : "flat";
    edge.style.left = wipe.isUpright ? `${100 * wipe.at}%` : "";
    edge.style.top = wipe.isUpright ? "" : `${100 * wipe.at}%`;
    const names = pair.map((index) => nameOf(stage.panes[index]));
    for (const [side, tag] of tags.entries()) tag.textContent = names[side];
    edge.setAttribute("aria-label", `edge between ${names[0]} and ${names[1]}`);
    edge.setAttribute("aria-orientation", wipe.isUpright ? "horizontal" : "vertical");
    edge.setAttribute("aria-valuenow", String(Math.round(100 * wipe.at)));
    edge.setAttribute("aria-valuetext", `${Math.round(100 * wipe.at)} % ${names[0]}`);
  };
  const move = (/** @type {number} */ at) => {
    const { wipe } = context.view.state;
    if (wipe) context.view.change({ wipe: { ...wipe, at: Math.min(Math.max(at, 0), 1) } });
  };

  const on = listener(edge, signal);
  let isDragging = false;
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation(); // no drag of the pictures, and the focus stays here
    isDragging = true;
    edge.setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
    if (!isDragging) return;
    const box = over.getBoundingClientRect();
    const isUpright = context.view.state.wipe?.isUpright;
    move(isUpright ? (event.clientX - box.left) / box.width : (event.clientY - box.top) / box.height);
  });
  for (const name of DRAG_ENDS)
    on(name, () => {
      isDragging = false;
    });
  on("keydown", (event) => {
    const { at } = context.view.state.wipe ?? { at: 0.5 };
    const size = event.shiftKey ? STEP.large : STEP.small;
    /** @type {Record<string, number>} */
    const places = {
      ArrowRight: at + size,
      ArrowDown: at + size,
      ArrowLeft: at - size,
      ArrowUp: at - size,
      PageDown: at + STEP.large,
      PageUp: at - STEP.large,
      Home: 0,
      End: 1,
    };
    if (!(event.key in places) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    move(places[event.key]);
  });

  return {
    actions: {
      wipe: () => {
        if (context.view.state.wipe) return context.view.change({ wipe: null });
        const pair = usualPair(stage.panes);
        if (!pair) return context.ui.announce("a wipe needs two panes");
        context.view.change({ wipe: { first: pair[0], second: pair[1], at: 0.5, isUpright: true } });
      },
      turnWipe: () => {
        const { wipe } = context.view.state;
        if (wipe) context.view.change({ wipe: { ...wipe, isUpright: !wipe.isUpright } });
      },
    },
    view: place,
    fit: place,
    update: place,
  };
}

/** The first two predictions, else the first two panes of one domain, else the first two. @param {import("../player/context.mjs").Pane[]} panes */
function usualPair(panes) {
  const ids = panes.map(({ id }) => id);
  const [a, b] = panes.filter(({ role, letter }) => role === "prediction" && letter);
  if (a && b) return [a.id, b.id];
  for (const [index, pane] of panes.entries()) {
    const other = panes.slice(index + 1).find(({ domain }) => domain.name === pane.domain.name);
    if (other) return [pane.id, other.id];
  }
  return panes.length < 2 ? null : ids.slice(0, 2);
}

/** @param {import("../player/context.mjs").Pane} pane */
export function nameOf({ letter, title, role }) {
  return letter ? `${letter}${role === "readout" ? " readout" : ""}` : title;
}

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part}
 */
export function flickering(context) {
  const { stage } = context;
  /** @type {HTMLElement[]} */
  let tags = [];
  let isHeld = false;
  const show = (/** @type {boolean} */ isFlicked) => {
    stage.setFlicked(isFlicked);
    for (const tag of tags) tag.dataset.shows = isFlicked ? "other" : "own";
    context.position.repaint();
  };
  const alternate = () => {
    if (!isHeld) return;
    show(!stage.isFlicked);
    // With reduced motion it changes only when the key is pressed and released.
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    context.timers.later("flicker", FLICKER_MS, alternate);
  };
  const end = () => {
    if (!isHeld) return;
    isHeld = false;
    context.timers.cancel("flicker");
    show(false);
    for (const tag of tags) tag.remove();
    tags = [];
  };
  const begin = () => {
    if (isHeld) return;
    isHeld = true;
    stage.panes.forEach((pane, index) => {
      const partner = stage.partnerOf(index);
      if (partner === index || !stage.layout?.rects[index]) return;
      const names = [pane, stage.panes[partner]].map((one) => element("b", { text: nameOf(one) }));
      const tag = element("span", { class: "flicker-tag", "aria-hidden": "true" }, ...names);
      tags.push(tag);
      stage.elements[index].box.append(tag);
    });
    if (tags.length === 0) context.ui.announce("no other pane to alternate with");
    alternate();
  };
  for (const name of ["blur", "pagehide"]) window.addEventListener(name, end, { signal: context.signal });
  // The focus may have gone elsewhere while the key was held.
  const released = (/** @type {KeyboardEvent} */ { key }) => key.toLowerCase() === "q" && end();
  window.addEventListener("keyup", released, { signal: context.signal });
  return { actions: { flicker: begin, flickerEnd: end }, update: end, destroy: end };
}
