// @ts-check
/**
 * The values of one pixel in all panes: of the pixel under the pointer, or, while the probe is on, of one that stays, which
 * clicks and keys move. A tap switches it on too, as fingers do not hover. The values stand in the second line of the
 * headings, where they cover no picture.
 */

import { codeOf, halfCode, physicalValue } from "../drawing/colour.mjs";
import { channels, differenceOf, isSky, isUnknown, measureOf, referenceOf } from "../drawing/compose.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { element, listener } from "../ui/dom.mjs";
import { formatMark, formatNumber, withUnit } from "../ui/numbers.mjs";
import { nameOf } from "./wipe.mjs";
import { CLICK_PX, maxScale, showing } from "./zoom.mjs";

/** @typedef {import("../player/context.mjs").Domain} Domain */

/** Steps of the crosshair, pixels. */
const STEP = { small: 1, large: 10 };
/** Pixels magnified this much get a frame around them instead of a cross through them, CSS px. */
const FRAME_FROM_PX = 6;
/** Quiet time before a screen reader gets the values. */
const SPEAK_MS = 400;
/** A frame stays this long before energies that no pane shows are requested: scrubbing comes first. */
const ENERGIES_MS = 100;
/** Headings of narrower panes have no room for names and half steps, CSS px; both stand in their titles. */
const NARROW_PX = 215;

/**
 * @param {import("../player/context.mjs").Context} context @param {Pick<import("./zoom.mjs").Gestures, "isDragging" | "movedPx">} gestures that a click must not be part of
 * @returns {import("../player/context.mjs").Part}
 */
export function probing(context, gestures) {
  const { stage, signal } = context;
  /** The pixel under the pointer. @type {[number, number] | null} */
  let under = null;
  /** A mark per pane. @type {HTMLElement[]} */
  let marks = [];
  /** @param {number} frame @returns {{frame: number, codes: Map<string, ImageData | null>, abort: AbortController}} */
  const energiesOf = (frame) => ({ frame, codes: new Map(), abort: new AbortController() });
  /** Energies that no pane shows, of one frame: codes by letter. */
  let energies = energiesOf(-1);
  /** @param {number} frame the one whose energies are wanted from now on; -1: none */
  const turnTo = (frame) => {
    energies.abort.abort();
    energies = energiesOf(frame);
    return energies;
  };
  const where = element("output", { class: "number probe-at", "aria-label": "pixel" });
  const spoken = element("span", { class: "unseen", role: "status" });
  const crosshair = element("div", {
    class: "crosshair",
    tabindex: "-1",
    role: "application",
    "aria-label": "crosshair: arrow keys move it by 1 pixel, with Shift by 10; Escape removes it",
  });
  stage.root.append(crosshair, spoken);
  context.ui.toolbar.reports.append(where);

  // A link may name a pixel of a larger picture.
  const pixel = () => {
    const { probe } = context.view.state;
    return probe ? inside(probe[0], probe[1]) : under;
  };
  const isFocused = () => crosshair.matches(":focus");

  /** @param {number} x @param {number} y @returns {[number, number]} */
  const inside = (x, y) => [
    Math.min(Math.max(Math.floor(x), 0), stage.size.width - 1),
    Math.min(Math.max(Math.floor(y), 0), stage.size.height - 1),
  ];

  /** @param {string} letter @returns {ImageData | null} */
  const energyOf = (letter) => {
    const at = context.overlayTracks.findIndex((track) => track.letter === letter);
    if (at >= 0) return context.position.pictures[stage.panes.length + at]?.codes ?? null;
    return energies.frame === context.position.painted ? (energies.codes.get(letter) ?? null) : null;
  };

  /** Request the energies that are not on the screen. */
  const fetchEnergies = () => {
    const frame = context.position.painted;
    if (energies.frame === frame || context.view.state.overlay || context.playback.isPlaying || frame < 0) return;
    const own = turnTo(frame);
    for (const [letter, track] of Object.entries(context.data.energies ?? {})) {
      context.frames.loadSingle(track, frame, own.abort.signal).then(
        ({ codes }) => {
          own.codes.set(letter, codes);
          if (own === energies && !context.isDestroyed) context.timers.soon("probe", show);
        },
        () => {},
      );
    }
  };

  const show = () => {
    const at = pixel();
    stage.root.toggleAttribute("data-probed", at !== null);
    where.textContent = at ? `x ${at[0]}  y ${at[1]}` : "";
    if (at && energies.frame !== context.position.painted)
      context.timers.later("probe-energies", ENERGIES_MS, fetchEnergies);
    stage.panes.forEach((_, index) => {
      const { values } = stage.elements[index];
      const width = stage.layout?.rects[index]?.width ?? 0;
      const text = at ? textOf(index, at, width < NARROW_PX ? "short" : "full") : "";
      if (values.textContent === text) return;
      values.textContent = text;
      values.title = at ? textOf(index, at, "full") : "";
    });
    place();
  };

  /** @param {number} index @param {[number, number]} at @param {"short" | "full" | "spoken"} form */
  const textOf = (index, [x, y], form) => {
    const { panes, size, plans } = stage;
    const pane = panes[index];
    const { pictures } = context.position;
    const picture = pictures[index];
    const codes = picture?.codes;
    if (!codes) return "–";
    // A preview's values are near the stored ones, and no more than that.
    const sign = picture.isExact ? "" : form === "spoken" ? "about " : "≈ ";
    const offset = (/** @type {ImageData} */ image) =>
      Math.floor((y * image.height) / size.height) * image.width + Math.floor((x * image.width) / size.width);
    const rgba = rgba32Of(codes)[offset(codes)];
    const { domain } = plans[index]; // which says what an aligned depth is worth
    if (isUnknown(plans[index], domain, rgba)) return "unknown";
    const parts = [valueText(domain, rgba)];
    const reference = referenceOf(panes, index, context.view.state.diff ?? "auto");
    const other = reference >= 0 && reference !== index ? pictures[reference]?.codes : null;
    const name = panes[reference]?.letter || "truth";
    if (other) {
      const rgbaOther = rgba32Of(other)[offset(other)];
      const isKnown = !isUnknown(plans[reference], plans[reference].domain, rgbaOther);
      const difference = isKnown ? differenceOf(domain, rgba, rgbaOther, plans[reference].domain) : NaN;
      parts.unshift(relationText(domain, difference, name));
    }
    const track = pane.role === "prediction" ? context.data.energies?.[pane.letter] : undefined;
    if (track) {
      const energy = energyOf(pane.letter);
      const text = energy ? valueText(track.domain, rgba32Of(energy)[offset(energy)]) : "…";
      // Half a step of an energy is a sixteenth of a σ: spoken, but not worth the room in a heading.
      parts.splice(1, 0, form === "spoken" ? `energy ${text}` : `E ${text.replace(/ ±[\d.e-]+/, "")}`);
    }
    if (form === "short") return sign + parts.map(shortened).join(" · ");
    return sign + parts.join(form === "spoken" ? ", " : " · ");
  };

  const place = () => {
    const at = pixel();
    if (marks.length !== stage.panes.length) {
      for (const mark of marks) mark.remove();
      marks = stage.panes.map(() => element("div", { class: "mark", "aria-hidden": "true" }));
      stage.root.append(...marks);
    }
    marks.forEach((mark, index) => {
      const rect = stage.layout?.rects[index];
      const from = at && rect && stage.toCss(index, at[0], at[1]);
      const to = at && rect && stage.toCss(index, at[0] + 1, at[1] + 1);
      const middle = at && rect && stage.toCss(index, at[0] + 0.5, at[1] + 0.5);
      if (!from || !to || !middle || !rect) {
        mark.hidden = true;
        return;
      }
      const { left: x, top: y } = middle;
      mark.hidden = x < rect.x || y < rect.y || x > rect.x + rect.width || y > rect.y + rect.height;
      const isFrame = to.left - from.left >= FRAME_FROM_PX;
      mark.dataset.kind = isFrame ? "frame" : "cross";
      mark.style.width = isFrame ? `${to.left - from.left}px` : "";
      mark.style.height = isFrame ? `${to.top - from.top}px` : "";
      mark.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
    });
    const first = marks.find((mark) => !mark.hidden);
    if (first) crosshair.style.transform = first.style.transform;
  };

  const speak = () => {
    context.timers.later("speak", SPEAK_MS, () => {
      const at = context.view.state.probe;
      if (!at || !isFocused()) return;
      const texts = stage.panes.map((pane, index) => `${nameOf(pane)}: ${textOf(index, at, "spoken")}`);
      spoken.textContent = `pixel ${at[0]}, ${at[1]}. ${texts.join(". ")}`;
    });
  };

  const release = () => {
    spoken.textContent = "";
    if (isFocused()) context.ui.focus();
    context.view.change({ probe: null });
  };

  const on = listener(stage.root, signal);
  const moved = (/** @type {PointerEvent | null} */ event) => {
    const found =
      event && event.pointerType !== "touch" && !gestures.isDragging ? stage.at(event.clientX, event.clientY) : null;
    const before = under;
    under = found ? inside(found.x, found.y) : null;
    if (String(before) !== String(under)) context.timers.soon("probe", show);
  };
  on("pointermove", moved);
  on("pointerleave", () => moved(null));
  on("click", (event) => {
    const control = /** @type {Element} */ (event.composedPath()[0]).closest("button, [role=slider]");
    const found = stage.at(event.clientX, event.clientY);
    if (control || !found || event.shiftKey || event.altKey || gestures.movedPx >= CLICK_PX) return;
    const at = inside(found.x, found.y);
    const { probe } = context.view.state;
    if (!probe && /** @type {PointerEvent} */ (event).pointerType !== "touch") return;
    const isSame =
      probe && Math.hypot(probe[0] - at[0], probe[1] - at[1]) * (found.widthPx / stage.size.width) < 2 * CLICK_PX;
    if (isSame) release();
    else context.view.change({ probe: at });
  });
  listener(crosshair, signal)("keydown", (event) => {
    const size = event.shiftKey ? STEP.large : STEP.small;
    /** @type {Record<string, number[]>} */
    const steps = { ArrowLeft: [-size, 0], ArrowRight: [size, 0], ArrowUp: [0, -size], ArrowDown: [0, size] };
    const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!isPlain || (!(event.key in steps) && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") return release();
    const [x, y] = context.view.state.probe ?? [0, 0];
    const at = inside(x + steps[event.key][0], y + steps[event.key][1]);
    const { width, height } = stage.size;
    const zoom = showing(context.view.state.zoom, (at[0] + 0.5) / width, (at[1] + 0.5) / height, maxScale(stage.size));
    context.view.change({ probe: at, zoom });
    speak();
  });

  return {
    actions: {
      probe: () => {
        if (context.view.state.probe && isFocused()) return release();
        const { zoom, probe } = context.view.state;
        const seen = inside((zoom?.x ?? 0.5) * stage.size.width, (zoom?.y ?? 0.5) * stage.size.height);
        context.view.change({ probe: probe ?? under ?? seen });
        crosshair.focus({ preventScroll: true });
        speak();
      },
      probeOff: release,
    },
    view: show,
    paint: () => pixel() && show(),
    fit: place,
    update: (_data, isNewClip) => {
      if (isNewClip) under = null;
      turnTo(-1);
      context.timers.soon("probe", show);
    },
  };
}

/**
 * A pixel's value in the domain's unit, with half a step of its quantisation.
 * @param {Domain} domain @param {number} rgba its pixel, little-endian
 */
export function valueText(domain, rgba) {
  const { lo, hi, unit } = domain;
  const value = (/** @type {number} */ code) => physicalValue(domain, code / 255);
  if (domain.channels === 3) {
    const half = (hi - lo) / 510;
    const values = channels(rgba).map(value);
    const length = domain.meaning === "direction" ? Math.hypot(...values) : 1;
    if (domain.meaning === "direction" && length < 0.1) return "no direction";
    return `${values.map((one) => fixed(one / length, half / length)).join(" ")} ±${formatMark(Number((half / length).toPrecision(1)))}${unit && ` ${unit}`}`;
  }
  if (isSky(domain, rgba)) return "sky";
  const code = codeOf(domain, rgba);
  const v = value(code);
  const half = Math.max(...[-1, 1].map((side) => Math.abs(value(code + side * halfCode(domain)) - v)));
  return `${fixed(v, half)} ±${fixed(Number(half.toPrecision(1)), half)}${unit && ` ${unit}`}`;
}

/** Without half a step and the reference's name, and with two decimals. @param {string} text */
function shortened(text) {
  return text
    .replace(/ ±[\d.e-]+/, "")
    .replace(/ (to|of) \S+$/, "")
    .replace(/\d+\.\d{3,}/g, (digits) => Number(digits).toFixed(2))
    .replace(/−(?=0\.00(\D|$))/g, "");
}

/** With as many decimals as the quantisation supports. @param {number} value @param {number} half */
function fixed(value, half) {
  const places = Math.min(Math.max(0, -Math.floor(Math.log10(half))), 6);
  const text = value.toFixed(places);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** How a pixel differs from that of the reference. @param {Domain} domain @param {number} difference NaN: unknown @param {string} name */
function relationText(domain, difference, name) {
  if (!Number.isFinite(difference)) return `${name} unknown`;
  const measure = measureOf(domain);
  const sign = difference > 0 ? "+" : difference < 0 ? "−" : "±";
  const size = formatNumber(Math.abs(difference), domain.unit);
  if (measure === "angle") return `${withUnit(Math.abs(difference), "°")} to ${name}`;
  if (measure === "relative") return `${sign}${withUnit(Math.abs(difference), "%")} of ${name}`;
  return measure === "mean" ? `|Δ| ${size} to ${name}` : `${sign}${size} to ${name}`;
}
