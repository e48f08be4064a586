// @ts-check
/** Labelled menus and sliders in the rows under the pictures. */

import { element, listener } from "./dom.mjs";

/** @param {{signal: AbortSignal, done: () => void}} owner done: called when a slider is let go, as it takes the keys while it is held */
export function fields({ signal, done }) {
  return {
    /** @param {string} label @param {(value: string) => void} choose */
    menu(label, choose) {
      const made = element("select", { "aria-label": label, title: label });
      listener(made, signal)("change", () => choose(made.value));
      return made;
    },

    /** @param {string} label @param {number[]} limits @param {number} step @param {(value: number) => void} choose */
    slider(label, [min, max], step, choose) {
      const input = element("input", {
        type: "range",
        min: String(min),
        max: String(max),
        step: String(step),
        "aria-label": label,
        title: label,
      });
      const name = element("span", { class: "muted" });
      const value = element("output", { class: "number" });
      const on = listener(input, signal);
      on("input", () => choose(Number(input.value)));
      on("pointerup", done);
      return { root: element("label", { class: "group" }, name, input, value), input, name, value };
    },
  };
}

/** @param {string} text @param {Node[]} parts */
export function labelled(text, ...parts) {
  return element("label", { class: "group" }, element("span", { class: "muted", text }), ...parts);
}
