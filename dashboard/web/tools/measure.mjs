// @ts-check
/** Two clicks measure: the depths of two pixels, the angle between their normals, and their distance where depth is in metres. */

import { codeOf, physicalValue } from "../drawing/colour.mjs";
import { channels } from "../drawing/compose.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { ASSUMED_FIELD_OF_VIEW_DEGREES, distance, lensOf, pointOf } from "../surfaces/geometry.mjs";
import { element, listener, worded } from "../ui/dom.mjs";
import { formatNumber, withUnit } from "../ui/numbers.mjs";
import { CLICK_PX } from "./zoom.mjs";

/** @typedef {import("../player/context.mjs").Domain} Domain */
/** @typedef {{x: number, y: number}} Point a pixel */

/**
 * @param {import("../player/context.mjs").Context} context @param {Pick<import("./zoom.mjs").Gestures, "movedPx">} gestures that a click must not be part of
 * @param {{degrees?: () => number, more?: (points: Point[]) => HTMLElement | null}} [options] degrees: field of view of the
 *   shorter side; more: what else the points say
 * @returns {import("../player/context.mjs").Part}
 */
export function measuring(
  context,
  gestures,
  { degrees = () => ASSUMED_FIELD_OF_VIEW_DEGREES, more = () => null } = {},
) {
  const { stage, signal } = context;
  const switchOn = worded("measure between two pixels: depth, angle, distance", "measure", "Measure");
  switchOn.setAttribute("aria-pressed", "false");
  const found = element("div", { class: "measured", role: "status" });
  found.hidden = true;
  let isOn = false;
  /** @type {Point[]} none, one or two */
  let points = [];
  /** @type {HTMLElement[]} */
  let marks = [];

  const show = () => {
    switchOn.setAttribute("aria-pressed", String(isOn));
    stage.root.toggleAttribute("data-measuring", isOn);
    found.hidden = !isOn;
    if (isOn) {
      const lines = points.length < 2 ? [] : linesOf(context, points[0], points[1], degrees());
      const hint = ["Click the first of two points.", "Click the second point.", ""][points.length];
      const place = points.map(({ x, y }) => `(${x}, ${y})`).join(" to ");
      const texts = hint ? [hint] : [`From ${place}:`, ...(lines.length ? lines : ["no depth or normals are shown"])];
      const others = more(points);
      found.replaceChildren(...texts.map((text) => element("div", { text })), ...(others ? [others] : []));
    }
    place();
  };

  const place = () => {
    for (const mark of marks) mark.remove();
    marks = [];
    if (!isOn) return;
    stage.panes.forEach((_, index) => {
      const rect = stage.layout?.rects[index];
      const ends = points.map(({ x, y }) => stage.toCss(index, x + 0.5, y + 0.5));
      if (!rect) return;
      // In a box of its own, so that a zoomed picture's line ends at its edge.
      const box = element("div", { class: "measure", "aria-hidden": "true" });
      Object.assign(box.style, {
        left: `${rect.x}px`,
        top: `${rect.y}px`,
        width: `${rect.width}px`,
        height: `${rect.height}px`,
      });
      for (const end of ends) {
        if (!end) continue;
        const dot = element("i", { class: "dot" });
        Object.assign(dot.style, { left: `${end.left - rect.x}px`, top: `${end.top - rect.y}px` });
        box.append(dot);
      }
      if (ends[0] && ends[1]) {
        const [dx, dy] = [ends[1].left - ends[0].left, ends[1].top - ends[0].top];
        const line = element("i", { class: "line" });
        Object.assign(line.style, {
          left: `${ends[0].left - rect.x}px`,
          top: `${ends[0].top - rect.y}px`,
          width: `${Math.hypot(dx, dy)}px`,
          transform: `rotate(${Math.atan2(dy, dx)}rad)`,
        });
        box.append(line);
      }
      marks.push(box);
    });
    stage.root.append(...marks);
  };

  const turn = (/** @type {boolean} */ wanted) => {
    isOn = wanted;
    points = [];
    show();
  };
  switchOn.addEventListener("click", () => {
    turn(!isOn);
    context.ui.focus();
  });
  context.ui.toolbar.addTools(switchOn);

  // Before the probe, which would take the click for its own.
  stage.root.addEventListener(
    "click",
    (event) => {
      const control = /** @type {Element} */ (event.composedPath()[0]).closest("button, [role=slider]");
      const at = stage.at(event.clientX, event.clientY);
      if (!isOn || control || !at || gestures.movedPx >= CLICK_PX) return;
      event.stopImmediatePropagation();
      points = [...(points.length === 2 ? [] : points), { x: Math.floor(at.x), y: Math.floor(at.y) }];
      show();
    },
    { capture: true, signal },
  );
  listener(context.ui.root, signal)("keydown", (event) => {
    if (event.key === "Escape" && isOn) turn(false);
  });

  return {
    element: found,
    commands: () => [
      {
        help: "measure between two pixels",
        words: "distance angle depth ruler",
        state: isOn ? "on" : "off",
        run: () => turn(!isOn),
      },
    ],
    view: place,
    fit: place,
    paint: () => points.length === 2 && show(),
    update: (_data, isNewClip) => {
      if (isNewClip) turn(false);
    },
  };
}

/**
 * A line for each configuration that shows depth or normals.
 * @param {import("../player/context.mjs").Context} context @param {Point} from @param {Point} to
 * @param {number} degrees field of view
 */
function linesOf(context, from, to, degrees) {
  const { stage } = context;
  const pixel = (/** @type {number} */ index, /** @type {Point} */ { x, y }) => {
    const codes = context.position.pictures[index]?.codes;
    if (!codes) return null;
    const at = Math.floor((y * codes.height) / stage.size.height) * codes.width;
    return rgba32Of(codes)[at + Math.floor((x * codes.width) / stage.size.width)];
  };
  /** @type {Map<string, string[]>} */
  const lines = new Map();
  stage.panes.forEach(({ role, letter, title, detail }, index) => {
    const { domain } = stage.plans[index];
    if (role !== "prediction" && role !== "readout" && role !== "truth") return;
    const [first, second] = [pixel(index, from), pixel(index, to)];
    if (first === null || second === null) return;
    const text = relation(domain, first, second, from, to, stage.size, degrees);
    if (!text) return;
    const known = lines.get(letter) ?? [`${letter || title} ${detail}`];
    lines.set(letter, [...known, text]);
  });
  return [...lines.values()].map(([name, ...texts]) => `${name}: ${texts.join(" · ")}`);
}

/**
 * What two pixels of a domain say of the scene; empty if nothing.
 * @param {Domain} domain @param {number} first @param {number} second their pixels, little-endian
 * @param {Point} from @param {Point} to @param {{width: number, height: number}} size of the picture
 * @param {number} [degrees] field of view of the shorter side
 */
export function relation(domain, first, second, from, to, size, degrees = ASSUMED_FIELD_OF_VIEW_DEGREES) {
  if (domain.meaning === "direction") {
    const angle = angleBetween(domain, first, second);
    return Number.isFinite(angle) ? `angle between the normals ${withUnit(angle, "°")}` : "";
  }
  if (domain.name !== "depth" || domain.channels !== 1) return "";
  const [near, far] = [first, second].map((pixel) => physicalValue(domain, codeOf(domain, pixel) / 255));
  const depths = `depth ${withUnit(near, domain.unit)} and ${withUnit(far, domain.unit)}`;
  if (domain.unit !== "m") return `${depths}, ratio ${formatNumber(far / near, "")}; it has no unit, so no distance`;
  const lens = lensOf(size, degrees);
  const apart = distance(pointOf(lens, from.x, from.y, near), pointOf(lens, to.x, to.y, far));
  return `${depths}, distance ${withUnit(apart, "m")} (at a field of view of ${Number(degrees.toFixed(1))}°)`;
}

/** Degrees; NaN where a pixel has no direction. @param {Domain} domain @param {number} first @param {number} second */
function angleBetween(domain, first, second) {
  const [a, b] = [first, second].map((pixel) => channels(pixel).map((code) => physicalValue(domain, code / 255)));
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  const cosine = a.reduce((sum, value, at) => sum + value * b[at], 0) / lengths;
  return lengths < 0.01 ? NaN : (Math.acos(Math.min(Math.max(cosine, -1), 1)) * 180) / Math.PI;
}
