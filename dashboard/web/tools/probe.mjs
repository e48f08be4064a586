// @ts-check
/**
 * Which values has one pixel, in all panes at once? Under the pointer for as long as it is there, and at a pixel that was
 * clicked or reached with keys until it is given up. They stand in the second line of the headings, where nothing has to
 * make room for them and no picture is covered.
 */

import { formatValue, physicalValue } from "../drawing/colour.mjs";
import { channels, differenceOf, isUnknown, measureOf, referenceOf } from "../drawing/compose.mjs";
import { element } from "../ui/dom.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { nameOf } from "./wipe.mjs";
import { CLICK_PX, maxScale, showing } from "./zoom.mjs";

/** Steps of the crosshair, pixels. */
const STEP = { small: 1, large: 10 };
/** Pixels magnified this much get a frame around them instead of a cross through them, CSS px. */
const FRAME_FROM_PX = 6;
/** Quiet time before a screen reader is told the values. */
const SPEAK_MS = 400;
/** A frame has to stand this long before energies that no pane shows are asked for: scrubbing comes first. */
const ENERGIES_MS = 100;
/** Headings of narrower panes have no room for names and half steps, CSS px; both stand in their titles. */
const NARROW_PX = 215;

/**
 * @param {any} player
 * @returns {import("../player/player.mjs").Part}
 */
export function probing(player) {
  const { stage, transport } = player;
  const { signal } = player.abort;
  /** The pixel under the pointer. @type {[number, number] | null} */
  let under = null;
  /** @type {HTMLElement[]} a mark per pane */
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
    "aria-label": "crosshair: arrow keys move it by a pixel, with Shift by ten; Escape gives it up",
  });
  stage.root.append(crosshair, spoken);
  transport.tools.append(where);

  // A link may name a pixel of a larger picture.
  const pixel = () => (player.look.probe ? inside(player.look.probe[0], player.look.probe[1]) : under);
  const isFocused = () => /** @type {any} */ (stage.root.getRootNode()).activeElement === crosshair;

  /** @param {number} x @param {number} y @returns {[number, number]} */
  const inside = (x, y) => [
    Math.min(Math.max(Math.floor(x), 0), stage.size.width - 1),
    Math.min(Math.max(Math.floor(y), 0), stage.size.height - 1),
  ];

  /** @param {string} letter @returns {ImageData | null} */
  const energyOf = (letter) => {
    const at = player.extras.findIndex((/** @type {any} */ extra) => extra.letter === letter);
    if (at >= 0) return player.pictures[stage.panes.length + at]?.codes ?? null;
    return energies.frame === player.painted ? (energies.codes.get(letter) ?? null) : null;
  };

  /** Energies are asked for where they are not on the screen. */
  const fetchEnergies = () => {
    const frame = player.painted;
    if (energies.frame === frame || player.look.overlay || player.clock || frame < 0) return;
    const own = turnTo(frame);
    for (const [letter, track] of Object.entries(player.data?.energies ?? {})) {
      player.loader.pictures.loadSingle(track, frame, own.abort.signal).then(
        (/** @type {any} */ { codes }) => {
          own.codes.set(letter, codes);
          if (own === energies && !player.isDestroyed) player.soon("probe", show);
        },
        () => {},
      );
    }
  };

  const show = () => {
    const at = pixel();
    stage.root.toggleAttribute("data-probed", at !== null);
    where.textContent = at ? `x ${at[0]}  y ${at[1]}` : "";
    if (at && energies.frame !== player.painted) player.later("probe-energies", ENERGIES_MS, fetchEnergies);
    stage.panes.forEach((/** @type {import("../player/player.mjs").Pane} */ pane, /** @type {number} */ index) => {
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
    const codes = player.pictures[index]?.codes;
    if (!codes) return "–";
    // A preview's values are near the stored ones, and no more than that.
    const sign = player.pictures[index].isExact ? "" : form === "spoken" ? "about " : "≈ ";
    const offset = (/** @type {ImageData} */ image) =>
      Math.floor((y * image.height) / size.height) * image.width + Math.floor((x * image.width) / size.width);
    const word = rgba32Of(codes)[offset(codes)];
    if (isUnknown(plans[index], pane.domain, word)) return "unknown";
    const parts = [valueWords(pane.domain, word)];
    const reference = referenceOf(panes, index, player.look.diff ?? "auto");
    const other = reference >= 0 && reference !== index ? player.pictures[reference]?.codes : null;
    const name = panes[reference]?.letter || "truth";
    if (other) {
      const wordOther = rgba32Of(other)[offset(other)];
      const known = !isUnknown(plans[reference], panes[reference].domain, wordOther);
      parts.unshift(known ? relationWords(pane.domain, word, wordOther, name) : `${name} unknown`);
    }
    if (pane.letter && pane.id === pane.letter && player.data?.energies?.[pane.letter]) {
      const { domain } = player.data.energies[pane.letter];
      const energy = energyOf(pane.letter);
      const words = energy ? valueWords(domain, rgba32Of(energy)[offset(energy)]) : "…";
      // Half a step of an energy is a sixteenth of a σ: said, but not worth the room in a heading.
      parts.splice(1, 0, form === "spoken" ? `energy ${words}` : `E ${words.replace(/ ±[\d.e-]+/, "")}`);
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
      if (!from || !to || !rect) return void (mark.hidden = true);
      const [x, y] = [(from.left + to.left) / 2, (from.top + to.top) / 2];
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
    player.later("speak", SPEAK_MS, () => {
      const at = player.look.probe;
      if (!at || !isFocused()) return;
      const words = stage.panes.map(
        (/** @type {any} */ pane, /** @type {number} */ index) => `${nameOf(pane)}: ${textOf(index, at, "spoken")}`,
      );
      spoken.textContent = `pixel ${at[0]}, ${at[1]}. ${words.join(". ")}`;
    });
  };

  const giveUp = () => {
    spoken.textContent = "";
    if (isFocused()) player.root.focus({ preventScroll: true });
    player.change({ probe: null });
  };

  const listen = (
    /** @type {HTMLElement} */ target,
    /** @type {string} */ name,
    /** @type {(event: any) => void} */ act,
  ) => target.addEventListener(name, act, { signal });
  const moved = (/** @type {PointerEvent | null} */ event) => {
    const found =
      event && event.pointerType !== "touch" && !player.gestures.isDragging
        ? stage.at(event.clientX, event.clientY)
        : null;
    const before = under;
    under = found ? inside(found.x, found.y) : null;
    if (String(before) !== String(under)) player.soon("probe", show);
  };
  listen(stage.root, "pointermove", moved);
  listen(stage.root, "pointerleave", () => moved(null));
  listen(stage.root, "click", (event) => {
    const control = event.composedPath()[0].closest("button, [role=slider]");
    const found = stage.at(event.clientX, event.clientY);
    if (control || !found || event.shiftKey || event.altKey || player.gestures.movedPx >= CLICK_PX) return;
    const at = inside(found.x, found.y);
    const { probe } = player.look;
    const isSame =
      probe && Math.hypot(probe[0] - at[0], probe[1] - at[1]) * (found.widthPx / stage.size.width) < 2 * CLICK_PX;
    if (isSame) giveUp();
    else player.change({ probe: at });
  });
  listen(crosshair, "keydown", (event) => {
    const size = event.shiftKey ? STEP.large : STEP.small;
    /** @type {Record<string, number[]>} */
    const steps = { ArrowLeft: [-size, 0], ArrowRight: [size, 0], ArrowUp: [0, -size], ArrowDown: [0, size] };
    const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!isPlain || (!(event.key in steps) && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") return giveUp();
    const [x, y] = player.look.probe ?? [0, 0];
    const at = inside(x + steps[event.key][0], y + steps[event.key][1]);
    const { width, height } = stage.size;
    const zoom = showing(player.look.zoom, (at[0] + 0.5) / width, (at[1] + 0.5) / height, maxScale(stage.size));
    player.change({ probe: at, zoom });
    speak();
  });

  return {
    actions: {
      probe: () => {
        if (player.look.probe && isFocused()) return giveUp();
        const { zoom, probe } = player.look;
        player.change({
          probe: probe ?? inside((zoom?.x ?? 0.5) * stage.size.width, (zoom?.y ?? 0.5) * stage.size.height),
        });
        crosshair.focus({ preventScroll: true });
        speak();
      },
      probeOff: giveUp,
    },
    look: show,
    paint: () => pixel() && show(),
    fit: place,
    update: (_data, isNewClip) => {
      if (isNewClip) under = null;
      turnTo(-1);
      player.soon("probe", show);
    },
  };
}

/**
 * A pixel's value in the domain's unit, with half a step of its quantisation.
 * @param {any} domain @param {number} word
 */
export function valueWords(domain, word) {
  const { lo, hi, scale, unit } = domain;
  const value = (/** @type {number} */ code) => physicalValue(domain, code / 255);
  if (domain.channels === 3) {
    const half = (hi - lo) / 510;
    const values = channels(word).map(value);
    const length = domain.meaning === "direction" ? Math.hypot(...values) : 1;
    if (domain.meaning === "direction" && length < 0.1) return "no direction";
    return `${values.map((one) => fixed(one / length, half / length)).join(" ")} ±${formatValue(Number((half / length).toPrecision(1)))}${unit && ` ${unit}`}`;
  }
  const v = value(word & 255);
  const half = scale === "log" ? v * ((hi / lo) ** (0.5 / 255) - 1) : (hi - lo) / 510;
  return `${fixed(v, half)} ±${formatValue(Number(half.toPrecision(1)))}${unit && ` ${unit}`}`;
}

/** Without half a step and the reference's name, and with two places. @param {string} words */
function shortened(words) {
  return words
    .replace(/ ±[\d.e-]+/, "")
    .replace(/ (to|of) \S+$/, "")
    .replace(/(\.\d\d)\d+/g, "$1")
    .replace(/−(?=0\.00(\D|$))/g, "");
}

/** As many places as the quantisation leaves meaning to. @param {number} value @param {number} half */
function fixed(value, half) {
  const places = Math.min(Math.max(0, -Math.floor(Math.log10(half))), 6);
  const text = value.toFixed(places);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** How a pixel differs from that of the reference. @param {any} domain @param {number} word @param {number} other @param {string} name */
function relationWords(domain, word, other, name) {
  const difference = differenceOf(domain, word, other);
  if (!Number.isFinite(difference)) return `${name} unknown`;
  const measure = measureOf(domain);
  const sign = difference > 0 ? "+" : difference < 0 ? "−" : "±";
  const size = formatValue(Math.abs(difference));
  if (measure === "angle") return `${Math.abs(difference).toFixed(1)}° to ${name}`;
  if (measure === "relative") return `${sign}${Math.abs(difference).toFixed(1)} % of ${name}`;
  return measure === "mean" ? `|Δ| ${size} to ${name}` : `${sign}${size} to ${name}`;
}
