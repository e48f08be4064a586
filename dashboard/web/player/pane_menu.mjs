// @ts-check
/** Which configuration does a pane show? The menu over its title: what is chosen there is shown before the page has answered. */

import { element } from "../ui/dom.mjs";

/**
 * What a pane could show instead: a stored prediction.
 * @typedef {{open: string, title: string, detail: string, key: string, isComplete: boolean, domain: any, packs: any[]}} Choice
 *   open: `zoo/method/path`
 */

/**
 * @param {import("./player.mjs").Pane} pane @param {Choice[]} choices @param {(choice: Choice) => void} onChoose
 * @returns {HTMLSelectElement} lies unseen over the title, which it opens from
 */
export function choiceMenu(pane, choices, onChoose) {
  const name = `configuration of ${pane.letter}`;
  const menu = element("select", { class: "pane-menu", "aria-label": name, title: name });
  menu.append(
    ...choices.map(({ open, title, detail }) => element("option", { value: open, text: title, title: detail })),
  );
  menu.value = choices.find(({ key }) => key === pane.key)?.open ?? "";
  menu.addEventListener("change", () => {
    const chosen = choices.find(({ open }) => open === menu.value);
    if (chosen) onChoose(chosen);
  });
  return menu;
}
