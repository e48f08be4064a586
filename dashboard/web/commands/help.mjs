// @ts-check
/** The help: what one looks at, the keys by group from the table that the key handler uses, and gestures. */

import { dialog } from "../ui/dialog.mjs";
import { element } from "../ui/dom.mjs";
import { BINDINGS } from "./keys.mjs";

const WHAT = [
  "Input is the video, ground truth the right answer where it is known; A and B are networks that predict it from the video alone.",
  "Consistency energy measures how far different paths to that prediction disagree: where it is high, at least one of them is wrong.",
  "0\u00a0σ is as usual on validation images; above 0 the paths disagree more than usual, and from 3\u00a0σ on it is far from usual.",
];

const GESTURES = [
  ["tap", "read the values at a pixel; tap it again to stop"],
  ["drag the scrubber", "move through the frames; so does a drag on a plot"],
  ["pinch", "magnify the pictures; drag with one finger to move them"],
  ["double tap", "fit the pictures again"],
  ["swipe up or down", "scroll the page, also over the pictures"],
  ["hold flicker", "alternate between A and B"],
];

/** @returns {HTMLDialogElement} */
export function helpPanel() {
  const about = element("a", { href: "about", target: "_self", text: "More about consistency" });
  const keys = keyGroups().map(([group, lines]) =>
    element("section", {}, element("h4", { text: group }), listOf(lines)),
  );
  const isTouched = window.matchMedia("(pointer: coarse)").matches;
  const byKeys = [
    element("h3", { text: "Keys" }),
    element("p", {
      class: "muted",
      text: "They work everywhere on the page but in fields, menus and panels like this.",
    }),
    element("div", { class: "help-groups" }, ...keys),
  ];
  const byTouch = [element("h3", { text: "Gestures" }), listOf(GESTURES.map(([label, help]) => ({ label, help })))];
  const panel = dialog(
    "Help",
    { className: "help" },
    element("h2", { text: "What am I looking at?" }),
    ...WHAT.map((text) => element("p", { text })),
    element("p", {}, about),
    ...(isTouched ? [...byTouch, ...byKeys] : [...byKeys, ...byTouch]),
  );
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "?") return;
    event.preventDefault();
    panel.close();
  });
  return panel;
}

/** @param {{label: string, help: string}[]} lines */
function listOf(lines) {
  const rows = lines.map(({ label, help }) =>
    element("div", {}, element("dt", {}, element("kbd", { text: label })), element("dd", { text: help })),
  );
  return element("dl", {}, ...rows);
}

/** The key table by group, with the digits as one line. @returns {[string, {label: string, help: string}[]][]} */
function keyGroups() {
  /** @type {Map<string, {label: string, help: string}[]>} */
  const groups = new Map();
  for (const { group, label, help, action, value } of BINDINGS) {
    if (action === "solo" && value !== 0) continue;
    const line =
      action === "solo" ? { label: "1 – 9", help: "show only one pane (press again for all)" } : { label, help };
    groups.set(group, [...(groups.get(group) ?? []), line]);
  }
  return [...groups];
}
