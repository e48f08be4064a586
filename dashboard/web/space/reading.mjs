// @ts-check
/** What two points of the picture say of each depth: their places in space, the depth along the line, and how flat the box between them is. */

import { angleDegrees, depthOf, halfStep, planeOf, pointOf, pointsIn } from "../surfaces/geometry.mjs";
import { element, svgElement } from "../ui/dom.mjs";
import { formatNumber, scaleMarks, unitAfter, withUnit } from "../ui/numbers.mjs";
import { TRUTH } from "./patches.mjs";

/** Smaller boxes have no plane worth stating, pixels. */
const LEAST_SIDE_PX = 4;
/** Size and margins of the plot, in its own units. */
const PLOT = { width: 600, height: 138, left: 56, bottom: 8, top: 8 };

/**
 * @typedef {import("../surfaces/geometry.mjs").Domain} Domain
 * @typedef {import("../surfaces/geometry.mjs").Lens} Lens
 * @typedef {{x: number, y: number}} Pixel
 * @typedef {{name: string, letter: string, codes: Float32Array, domain: Domain, lens: Lens, unit: string, source: string}} Depth of a pane; unit: m, or
 *   empty where it is up to scale; source: `zoo/method/path`, TRUTH, or empty where it is not known
 */

/**
 * The depth at each pixel of the line between two, NaN where it is unknown. Pure.
 * @param {Pick<Depth, "codes" | "domain" | "lens">} depth @param {Pixel} from @param {Pixel} to
 * @returns {number[]}
 */
export function sliceOf({ codes, domain, lens }, from, to) {
  const count = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y)) + 1;
  return Array.from({ length: count }, (_, i) => {
    const share = count > 1 ? i / (count - 1) : 0;
    const [x, y] = [Math.round(from.x + share * (to.x - from.x)), Math.round(from.y + share * (to.y - from.y))];
    return depthOf(domain, codes[y * lens.width + x]);
  });
}

/** The box between two pixels: left, top, width, height. Pure. @param {Pixel} from @param {Pixel} to @returns {[number, number, number, number]} */
export function boxOf(from, to) {
  return [Math.min(from.x, to.x), Math.min(from.y, to.y), Math.abs(to.x - from.x) + 1, Math.abs(to.y - from.y) + 1];
}

/** The plane through a box; null where it is too small, or too little of it is known. Pure. @param {Depth} depth @param {Pixel} from @param {Pixel} to */
function planeThrough({ codes, domain, lens }, from, to) {
  const box = boxOf(from, to);
  return Math.min(box[2], box[3]) < LEAST_SIDE_PX ? null : planeOf(pointsIn(codes, domain, lens, box));
}

/** What is said of the plane through a box; empty where it is too small. Pure. @param {Depth} depth @param {Pixel} from @param {Pixel} to */
export function flatnessText(depth, from, to) {
  const { name, domain, unit } = depth;
  const plane = planeThrough(depth, from, to);
  if (!plane) return "";
  const share = withUnit((100 * plane.rms) / plane.centre[2], "%");
  const size = unit ? `${withUnit(100 * plane.rms, "cm")} RMS, ${share} of the depth` : `${share} of the depth RMS`;
  const step = withUnit((200 * halfStep(domain, plane.centre[2])) / plane.centre[2], "%");
  const tilt = withUnit(angleDegrees(plane.normal, [0, 0, -1]), "°");
  return `${name}: off a plane by ${size} (a step of the stored depth is ${step}); tilted by ${tilt}`;
}

/** The same as a note of the frame: shares of the depth alone, and where the box is. Empty where nothing is said. Pure. @param {{depth: Depth, from: Pixel, to: Pixel}[]} seen @param {[number, number, number, number]} box in pixels of the clip */
export function flatnessNote(seen, [left, top, width, height]) {
  const shares = seen.flatMap(({ depth, from, to }) => {
    const plane = planeThrough(depth, from, to);
    return plane ? [`${depth.letter || depth.name} ${withUnit((100 * plane.rms) / plane.centre[2], "%")}`] : [];
  });
  return shares.length ? `off a plane: ${shares.join(", ")} (${width} × ${height} px at ${left}, ${top})` : "";
}

/** The same as numbers, for the Overview. Pure. @param {{depth: Depth, from: Pixel, to: Pixel}[]} seen @returns {Record<string, import("./patches.mjs").Flatness>} by what the depth is of */
export function flatnessNumbers(seen) {
  /** @type {Record<string, import("./patches.mjs").Flatness>} */
  const found = {};
  for (const { depth, from, to } of seen) {
    const plane = planeThrough(depth, from, to);
    if (!plane || !depth.source) continue;
    const middle = plane.centre[2];
    // Rounding is even over a step, whose RMS is its length over the root of 12.
    const rounding = (2 * halfStep(depth.domain, middle)) / middle / Math.sqrt(12);
    found[depth.source] = { rms: plane.rms, depth: middle, rounding, isMetric: depth.unit === "m" };
  }
  return found;
}

/** Where a pixel lies in space. Pure. @param {Depth} depth @param {Pixel} at */
export function placeText({ name, codes, domain, lens, unit }, { x, y }) {
  const depth = depthOf(domain, codes[y * lens.width + x]);
  if (!Number.isFinite(depth)) return `${name}: unknown`;
  const [right, down, forward] = pointOf(lens, x, y, depth).map((value) => formatNumber(value, unit));
  return `${name}: ${right} right, ${down} down, ${forward} ahead of the camera${unit && ` (${unit})`}`;
}

/**
 * The readings of one point, or of two.
 * @param {import("./painter.mjs").Painter} painter @param {Pixel[]} points in pixels of the clip
 * @param {(note: string, box: number[], depths: Record<string, import("./patches.mjs").Flatness>) => void} keep keeps
 *   a note of the frame, and its numbers
 * @returns {HTMLElement | null}
 */
export function reading(painter, points, keep) {
  const { stage, data } = painter.context;
  /** @type {Depth[]} */
  const depths = [];
  stage.panes.forEach(({ letter, title, heading, role, key }, pane) => {
    const seen = painter.seen(pane);
    if (!seen || !stage.layout?.rects[pane]) return;
    const name = letter ? `${letter} ${heading || title}` : title;
    const source = role === "truth" ? TRUTH : (data.choices?.find((choice) => choice.key === key)?.open ?? "");
    depths.push({ ...seen, name, letter, unit: painter.isMetric(pane) ? "m" : "", source });
  });
  if (depths.length === 0 || points.length === 0) return null;
  const root = element("div", { class: "space-reading" });
  // A preview or a foreign track may have another size than the clip.
  const own = (/** @type {Depth} */ { lens }, /** @type {Pixel} */ { x, y }) => ({
    x: Math.floor(((x + 0.5) * lens.width) / stage.size.width),
    y: Math.floor(((y + 0.5) * lens.height) / stage.size.height),
  });
  if (points.length === 1) {
    root.append(...depths.map((depth) => element("div", { text: placeText(depth, own(depth, points[0])) })));
    return root;
  }
  const [from, to] = points;
  for (const depth of depths) {
    const text = flatnessText(depth, own(depth, from), own(depth, to));
    if (text) root.append(element("div", { text }));
  }
  const seen = depths.map((depth) => ({ depth, from: own(depth, from), to: own(depth, to) }));
  const note = flatnessNote(seen, boxOf(from, to));
  if (note) {
    const kept = element("button", { type: "button", text: "Keep as a note of this frame" });
    kept.addEventListener("click", () => keep(note, boxOf(from, to), flatnessNumbers(seen)));
    root.append(kept);
  }
  const curves = depths.map((depth) => ({ depth, values: sliceOf(depth, own(depth, from), own(depth, to)) }));
  const plot = plotOf(curves);
  if (plot)
    root.append(
      element("div", { class: "muted", text: "Depth along the line from the first point to the second:" }),
      plot,
      element("div", { class: "slice-names" }, ...depths.map(legendEntry)),
    );
  return root;
}

/**
 * Marks of the axis of depth: bottom, middle and top. It has a unit where all curves have the same. Pure.
 * @param {number} low @param {number} high @param {string[]} units of the curves
 */
export function depthMarks(low, high, units) {
  const unit = units.every((one) => one === units[0]) ? units[0] : "";
  const values = [low, (low + high) / 2, high];
  const texts = scaleMarks(values, unit);
  return values.map((value, i) => ({ value, text: texts[i] + unitAfter(unit) }));
}

/** @param {{depth: Depth, values: number[]}[]} curves @returns {Element | null} */
function plotOf(curves) {
  const known = curves.flatMap(({ values }) => values.filter(Number.isFinite));
  if (known.length < 2) return null;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const [low, high] = most - least < 0.02 * most ? [0.98 * least, 1.02 * most] : [least, most];
  const { width, height, left, bottom, top } = PLOT;
  const xOf = (/** @type {number} */ share) => left + share * (width - left - 8);
  const yOf = (/** @type {number} */ value) =>
    height - bottom - ((value - low) / (high - low)) * (height - bottom - top);
  const names = curves.map(({ depth, values }) => {
    const ends = [values[0], values[values.length - 1]].map((value) =>
      Number.isFinite(value) ? formatNumber(value, depth.unit) : "unknown",
    );
    return `${depth.name} from ${ends[0]} to ${ends[1]}${unitAfter(depth.unit)}`;
  });
  const svg = svgElement("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    class: "slice",
    "aria-label": names.join("; "),
  });
  const units = curves.map(({ depth }) => depth.unit);
  for (const { value, text } of depthMarks(low, high, units)) {
    const y = yOf(value);
    svg.append(
      svgElement("line", { x1: left, x2: width - 8, y1: y, y2: y, stroke: "var(--xc-grid)" }),
      svgElement("text", { x: left - 6, y: y + 4, "text-anchor": "end", text }),
    );
  }
  for (const { depth, values } of curves) {
    let path = "";
    values.forEach((value, i) => {
      const isStart = !Number.isFinite(values[i - 1]);
      if (Number.isFinite(value))
        path += `${isStart ? "M" : "L"}${xOf(i / Math.max(values.length - 1, 1)).toFixed(1)} ${yOf(value).toFixed(1)}`;
    });
    svg.append(
      svgElement("path", {
        d: path,
        fill: "none",
        stroke: colourOf(depth),
        "stroke-width": 2,
        "stroke-dasharray": depth.letter ? "none" : "5 3",
      }),
    );
  }
  return svg;
}

/** A piece of the curve, and its name. @param {Depth} depth */
function legendEntry(depth) {
  const style = `border-top: 2px ${depth.letter ? "solid" : "dashed"} ${colourOf(depth)}`;
  return element("span", {}, element("span", { class: "slice-key", style }), depth.name);
}

/** @param {Depth} depth */
function colourOf({ letter }) {
  return letter ? `var(--xc-${letter.toLowerCase()})` : "var(--xc-text)";
}
