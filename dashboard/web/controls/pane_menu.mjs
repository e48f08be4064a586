// @ts-check
/** The menu over a pane's title: which configuration the pane shows. A choice is shown before Python has answered. */

import { element } from "../ui/dom.mjs";

/** Python is sent a choice after this even where its picture has not come. */
const PATIENCE_MS = 400;
/** Python has refused a choice that it has not taken over after this. */
const ANSWER_MS = 5000;

/**
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {import("../player/context.mjs").Choice} Choice
 */

export class PaneMenus {
  /** @param {import("../player/player.mjs").Player} player */
  constructor(player) {
    this.player = player;
    /** The panes as Python sent them; those shown are ahead of them where something was chosen since. @type {Pane[]} */
    this.answered = [];
    /** Settles once Python has been sent all choices. @type {Promise<unknown>} */
    this.sent = Promise.resolve();
  }

  /** Take over the panes that Python sent. @param {Pane[]} panes */
  update(panes) {
    this.answered = panes;
    this.player.timers.cancel("refused");
  }

  /** The menu of what a pane could show instead; it lies unseen over the title. @param {Pane} pane @returns {HTMLSelectElement | null} */
  of(pane) {
    const choices = this.player.data.choices ?? [];
    const isOther = choices.length > 1 || (choices.length === 1 && choices[0].key !== pane.key);
    if (pane.role !== "prediction" || !pane.letter || !isOther) return null;
    const name = `configuration of ${pane.letter}`;
    const menu = element("select", { class: "pane-menu", "aria-label": name, title: name });
    menu.append(
      ...choices.map(({ open, title, detail }) => element("option", { value: open, text: title, title: detail })),
    );
    menu.value = choices.find(({ key }) => key === pane.key)?.open ?? "";
    menu.addEventListener("change", () => {
      const chosen = choices.find(({ open }) => open === menu.value);
      if (chosen) this.choose(pane, chosen);
    });
    return menu;
  }

  /**
   * Show another configuration in a pane, and send the choice to Python, which brings its curves and readouts. The picture
   * does not wait for Python, unless others that belong to it would be left behind; and as Python's answer takes time on
   * the page, Python is sent the choice once the picture is painted.
   * @param {Pane} pane @param {Choice} choice
   */
  choose(pane, { open, ...shown }) {
    const { player } = this;
    const send = () => player.isDestroyed || player.request({ letter: pane.letter, open });
    player.ui.focus();
    const { panes } = player.data;
    const isAlone = panes.every((one) => one.letter !== pane.letter || one.id === pane.id);
    if (!isAlone || player.view.state.overlay !== null) return send();
    player.replacePanes(panes.map((one) => (one.id === pane.id ? { ...one, ...shown } : one)));
    player.timers.later("refused", ANSWER_MS, () => player.replacePanes(this.answered));
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const isLoaded = Promise.race([player.frames.loadExact(player.position.wanted), patience]);
    const isPainted = isLoaded.then(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    this.sent = Promise.allSettled([this.sent, isPainted]).then(send); // one after the other, as they were chosen
  }
}
