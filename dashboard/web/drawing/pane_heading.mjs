// @ts-check
/** The elements of one pane: its heading, its legend, its message, and the description of its picture. */

import { element } from "../ui/dom.mjs";
import { formatMark, rangeText, scaleMarks, unitAfter } from "../ui/numbers.mjs";
import { cssGradient, legendTicks } from "./colour.mjs";

/** @typedef {import("../player/context.mjs").Pane} Pane */

/** @typedef {{title: HTMLElement | null, end: HTMLElement[]}} Controls title: in place of the plain one; end: after it */

/** @param {Pane} pane @param {Controls} controls */
export function paneElements(pane, controls) {
  const title = element("span", { class: "pane-title", text: pane.heading ?? pane.title });
  const detail = element("span", { class: "pane-detail", text: pane.detail });
  const line = element("div", { class: "pane-name" });
  if (pane.letter) {
    const badge = element("span", { class: "badge", text: pane.letter });
    badge.style.setProperty(
      "--xc-own",
      `var(--xc-${pane.letter.toLowerCase().replace(/[^a-z]/g, "")}, var(--xc-text))`,
    );
    line.append(badge);
  }
  line.append(controls.title ?? title, ...controls.end);
  if (!pane.isComplete) line.append(element("span", { class: "growing", text: "unfinished" }));
  const values = element("span", { class: "pane-values number" });
  const more = element("div", { class: "pane-more" }, detail, values);
  const head = element("div", { class: "pane-head" }, line, more);
  head.title = [pane.title, pane.detail].filter(Boolean).join(" – ");
  const message = element("p", { class: "pane-message", role: "status" });
  message.hidden = true;
  const name = [pane.letter, pane.title, pane.detail].filter(Boolean).join(" ");
  // The message is beside the picture: screen readers skip what is inside an image.
  const key = element("div", { class: "pane-key" });
  key.hidden = true;
  const box = element("div", { class: "pane" }, element("div", { role: "img", "aria-label": name }), message, key);
  /** @type {HTMLElement | null} */
  const scale = null;
  return { head, line, more, detail, values, scale: /** @type {HTMLElement | null} */ (scale), box, message, key };
}

/**
 * Fills the key of a pane with what its colours mean, where they are of two kinds.
 * @param {HTMLElement} made @param {Record<string, import("./colour.mjs").Scale>} scales by name; none: no key
 */
export function fillKey(made, scales) {
  const entries = Object.entries(scales);
  made.hidden = entries.length === 0;
  made.replaceChildren(
    ...entries.map(([name, scale]) => {
      const bar = element("i", { class: "bar", "aria-hidden": "true" });
      bar.style.background = cssGradient(scale, name !== "energy"); // which mutes what lies under it
      return element("span", {}, name, bar, scaleMarks([scale.lo, scale.hi], scale.unit)[1] + unitAfter(scale.unit));
    }),
  );
}

/** An empty legend, which opens the menu of colour maps and ranges. @param {(anchor: HTMLElement) => void} onPress */
export function legendButton(onPress) {
  const made = element("button", { class: "legend", type: "button", "aria-haspopup": "dialog" });
  made.addEventListener("click", () => onPress(made));
  return made;
}

/**
 * A bar of the scale's colours with its marks.
 * @param {import("./colour.mjs").Scale} scale
 * @param {{position: number, value: number, kind?: string}[]} [marks] position: from 0 to 1 @param {boolean} [isMuted]
 */
export function colourBar(scale, marks = legendTicks(scale), isMuted = false) {
  const bar = element("span", { class: "bar" });
  bar.style.background = cssGradient(scale, isMuted);
  for (const { position, value, kind = "" } of marks) {
    const tick = element("i", { title: formatMark(value), "data-kind": kind });
    tick.style.left = `${100 * position}%`;
    bar.append(tick);
  }
  return bar;
}

/**
 * Fills a legend with a colour bar and its range.
 * @param {import("./colour.mjs").Scale} scale @param {HTMLElement} made from `legendButton` @param {boolean} [isMuted]
 */
export function legend(scale, made, isMuted = false) {
  const { lo, hi, unit } = scale;
  const [low, high] = scaleMarks([lo, hi], unit);
  made.replaceChildren(
    element("span", { class: "number", text: low }),
    colourBar(scale, legendTicks(scale), isMuted),
    element("span", { class: "number", text: high + unitAfter(unit) }),
  );
  const ticks = scaleMarks(
    legendTicks(scale).map(({ value }) => value),
    unit,
  );
  const between = ticks.length ? `; marks at ${ticks.join(", ")}` : "";
  const log = scale.scale === "log" ? ", logarithmic" : "";
  made.title = `${rangeText(scale, unit)}${log}${between}. Press to change colours and range.`;
  made.setAttribute("aria-label", `colours from ${made.title}`);
  return made;
}
