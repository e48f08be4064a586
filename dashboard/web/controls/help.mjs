// @ts-check
/** The panel that lists the keys, from the table that the key handler uses. */

import { element } from "../ui/dom.mjs";
import { helpLines } from "./keys.mjs";

/** @param {() => void} close called for a click beside the card */
export function helpPanel(close) {
  const list = element("dl", {});
  for (const { label, help } of helpLines()) {
    list.append(element("div", {}, element("dt", {}, element("kbd", { text: label })), element("dd", { text: help })));
  }
  const card = element(
    "div",
    { class: "card" },
    element("h2", { text: "Keys" }),
    element("p", { class: "muted", text: "Keys work while the player has the focus: click it, or reach it with Tab." }),
    list,
  );
  const panel = element("div", { class: "help", role: "dialog", "aria-label": "Keys", tabindex: "-1" }, card);
  panel.hidden = true;
  panel.addEventListener("click", (event) => event.target === panel && close());
  return panel;
}
