// @ts-check
/**
 * The controls of the panes: titles that are menus and can be dragged, the swap of A and B, and one more pane.
 *
 * What is chosen is shown before Python has answered, where its pictures do not need Python.
 */

import { button, DRAG_ENDS, element, worded } from "../ui/dom.mjs";
import { EXTRAS, possibleExtras } from "../view/extra_panes.mjs";
import { arranged, reordered } from "./pane_order.mjs";
import { PanePicker, sectionsOf, sectionsToAdd } from "./pane_picker.mjs";

/** Python is sent a choice after this even where its picture has not come. */
const PATIENCE_MS = 400;
/** Python has refused a choice that it has not taken over after this. */
const ANSWER_MS = 5000;
/** A press that moves this far is a drag, CSS px. */
const DRAG_PX = 8;
/** How the viewer names what can be added, and what else the palette finds it by. @type {Record<import("../view/extra_panes.mjs").Extra, {text: string, words: string}>} */
const EXTRA_NAMES = {
  difference: { text: "B − A beside the predictions", words: "add extra difference subtraction remove" },
  energy: { text: "Energy beside the predictions", words: "add extra heat map remove" },
  stability: { text: "Change over time beside the predictions", words: "add extra stability flicker heat map remove" },
  confidence: {
    text: "Confidence beside the predictions",
    words: "add extra uncertainty stated geometric disagreement heat map remove",
  },
};

/**
 * @typedef {import("../player/context.mjs").Data} Data
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {import("../player/context.mjs").Choice} Choice
 * @typedef {{title: HTMLElement | null, end: HTMLElement[]}} Controls title: in place of the plain one; end: at the end of its line
 */

export class PaneMenus {
  /** @param {import("../player/player.mjs").Player} player */
  constructor(player) {
    this.player = player;
    this.picker = new PanePicker();
    /** What Python sent; what is shown is ahead of it where something was chosen since. @type {Pick<Data, "panes" | "energies" | "stabilities" | "confidences">} */
    this.answered = { panes: [] };
    /** Settles once Python has been sent all choices. @type {Promise<unknown>} */
    this.sent = Promise.resolve();
  }

  /** Take over what Python sent. @param {Data} data */
  update({ panes, energies, stabilities, confidences }) {
    this.answered = { panes, energies, stabilities, confidences };
    this.player.timers.cancel("refused");
  }

  /** Letters of the configurations, in order. */
  get letters() {
    const { panes } = this.player.base;
    return [...new Set(panes.map(({ letter }) => letter).filter(Boolean))].sort();
  }

  get choices() {
    return this.player.base.choices ?? [];
  }

  /** @param {Pane} pane @returns {Controls} */
  of(pane) {
    const hasMenu = pane.role === "prediction" && pane.letter && this.choices.length > 0;
    if (!hasMenu) return { title: null, end: [] };
    const end = [];
    if (pane.letter === "A" && this.letters.includes("B")) end.push(this.swap());
    if (pane.letter === this.letters.at(-1) && this.letters.length < this.player.letters.length) end.push(this.more());
    return { title: this.title(pane), end };
  }

  /** @param {Pane} pane */
  title(pane) {
    const name = `configuration of ${pane.letter}: ${pane.title}`;
    const made = element("button", {
      type: "button",
      class: "pane-choice",
      "aria-label": name,
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
    });
    made.append(element("span", { class: "pane-title", text: pane.heading ?? pane.title }));
    const drag = this.draggable(made, pane);
    made.addEventListener("click", (event) => (event.detail > 0 && drag.hasMoved()) || this.openMenu(pane, made));
    return made;
  }

  swap() {
    const made = button("swap A and B", null, "⇄");
    made.classList.add("pane-end");
    made.addEventListener("click", () => this.arrange("A", { do: "right" }));
    return made;
  }

  more() {
    const made = button("add a configuration", null, "+");
    made.classList.add("pane-end");
    return this.adding(made);
  }

  /** The tool that adds a pane, wherever the last one stands. */
  tool() {
    return this.adding(worded("add a pane: a configuration, B − A, or the energy of each", "add", "Pane"));
  }

  /** @param {HTMLElement} made */
  adding(made) {
    made.setAttribute("aria-haspopup", "dialog");
    made.setAttribute("aria-expanded", "false");
    made.addEventListener("click", () => this.openAdd(made));
    return made;
  }

  /** @param {Pane} pane @param {HTMLElement} anchor */
  openMenu({ letter, id, key }, anchor) {
    const { letters } = this;
    const at = letters.indexOf(letter);
    const shown = this.choices.find((choice) => choice.key === key);
    const act = (/** @type {string} */ text, /** @type {string} */ what, /** @type {boolean} */ isOff) => ({
      text,
      isOff,
      run: () => this.arrange(letter, { do: what }),
    });
    this.picker.open(
      {
        name: `configuration of ${letter}`,
        sections: sectionsOf(this.choices, shown),
        chosen: shown?.open ?? "",
        acts: [
          act("Move left", "left", at === 0),
          act("Move right", "right", at === letters.length - 1),
          act("Duplicate", "duplicate", letters.length >= this.player.letters.length),
          act("Remove", "remove", letters.length <= 2),
          ...this.extras(),
        ],
        choose: (choice) => {
          const pane = this.player.base.panes.find((one) => one.id === id);
          if (pane) this.choose(pane, choice);
        },
      },
      anchor,
    );
  }

  /** @param {HTMLElement} anchor */
  openAdd(anchor) {
    const shown = new Set(this.player.base.panes.map(({ key }) => key));
    const { letters } = this;
    const last = letters.at(-1);
    const hasRoom = letters.length < this.player.letters.length && !this.player.base.isFile;
    this.picker.open(
      {
        name: "configuration to add",
        sections: hasRoom ? sectionsToAdd(this.choices, this.player.base.suggestion ?? "", shown) : [],
        none: letters.length < this.player.letters.length ? "" : "You can compare up to eight configurations.",
        chosen: "",
        acts: [
          ...(last && hasRoom
            ? [{ text: `Duplicate ${last}`, run: () => this.arrange(last, { do: "duplicate" }) }]
            : []),
          ...this.extras(),
        ],
        choose: ({ open }) => {
          this.player.ui.focus();
          this.player.request({ open });
        },
      },
      anchor,
    );
  }

  /** The switches of the panes that the viewer adds. @returns {(import("./pane_picker.mjs").Act & {words: string})[]} */
  extras() {
    const { view } = this.player;
    const possible = possibleExtras(this.player.base);
    return EXTRAS.map((one) => ({
      ...EXTRA_NAMES[one],
      isPressed: view.state.panes.includes(one),
      isOff: !possible.includes(one),
      run: () => this.toggleExtra(one),
    }));
  }

  /** The same for the palette. @returns {import("../player/context.mjs").Command[]} */
  commands() {
    return this.extras()
      .filter(({ isOff }) => !isOff)
      .map(({ text, words, isPressed, run }) => ({
        help: `pane: ${text}`,
        words,
        state: isPressed ? "on" : "off",
        run,
      }));
  }

  /** @param {import("../view/extra_panes.mjs").Extra} one */
  toggleExtra(one) {
    const { view } = this.player;
    const shown = view.state.panes;
    view.change({ panes: EXTRAS.filter((extra) => (extra === one) !== shown.includes(extra)) });
  }

  /**
   * Change the order or number of the configurations.
   * @param {string} letter @param {{do: string} | {to: string}} wanted
   */
  arrange(letter, wanted) {
    const { player, letters } = this;
    const after = arranged(letters, letter, wanted, player.letters);
    if (!after) return;
    player.ui.focus();
    const shown = reordered(player.base, letters, after);
    const request = { letter, ...wanted };
    if (!shown) return player.request(request);
    player.replace(shown);
    this.expectAnswer();
    this.send(request);
  }

  /**
   * Show another configuration in a pane, and send the choice to Python, which brings its curves and readouts. The picture
   * does not wait for Python, unless others that belong to it would be left behind; and as Python's answer takes time on
   * the page, Python is sent the choice once the picture is painted.
   * @param {Pane} pane @param {Choice} choice
   */
  choose(pane, { open, ...shown }) {
    const { player } = this;
    const request = { letter: pane.letter, open };
    player.ui.focus();
    const { panes } = player.base;
    const isAlone = panes.every((one) => one.letter !== pane.letter || one.id === pane.id);
    const { overlay, panes: extras } = player.view.state;
    const hasMaps = ["energy", "stability", "confidence"].some((one) => extras.includes(/** @type {any} */ (one)));
    if (!isAlone || overlay !== null || hasMaps) return player.request(request);
    player.replace({ panes: panes.map((one) => (one.id === pane.id ? { ...one, ...shown } : one)) });
    this.expectAnswer();
    this.send(request);
  }

  /** Take back what Python has not taken over. */
  expectAnswer() {
    this.player.timers.later("refused", ANSWER_MS, () => this.player.replace(this.answered));
  }

  /** Send Python a request once what was chosen is painted, one after the other. @param {Record<string, string>} request */
  send(request) {
    const { player } = this;
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const isLoaded = Promise.race([player.frames.loadExact(player.position.wanted), patience]);
    const isPainted = isLoaded.then(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    this.sent = Promise.allSettled([this.sent, isPainted]).then(() => player.isDestroyed || player.request(request));
  }

  /** A title that is dragged onto another pane takes its place. @param {HTMLElement} made @param {Pane} pane */
  draggable(made, { letter }) {
    const { stage } = this.player;
    /** @type {{x: number, y: number} | null} */
    let from = null;
    let isDrag = false;
    let target = -1;
    const mark = (/** @type {number} */ index) => {
      target = index;
      for (const [at, { box }] of stage.elements.entries()) box.toggleAttribute("data-target", at === index);
    };
    made.addEventListener("pointerdown", ({ button: pressed, clientX, clientY, pointerId }) => {
      isDrag = false;
      from = pressed === 0 ? { x: clientX, y: clientY } : null;
      if (from) made.setPointerCapture(pointerId); // a fast pointer leaves the title before it has moved far
    });
    made.addEventListener("pointermove", ({ clientX, clientY }) => {
      if (!from) return;
      if (!isDrag && Math.hypot(clientX - from.x, clientY - from.y) < DRAG_PX) return;
      isDrag = true;
      made.toggleAttribute("data-dragged", true);
      const at = stage.columnAt(clientX, clientY);
      const isOther = at >= 0 && stage.panes[at].role === "prediction" && stage.panes[at].letter !== letter;
      mark(isOther ? at : -1);
    });
    for (const name of DRAG_ENDS)
      made.addEventListener(name, () => {
        if (!from) return;
        from = null;
        const to = stage.panes[target]?.letter;
        mark(-1);
        made.removeAttribute("data-dragged");
        if (isDrag && to && name === "pointerup") this.arrange(letter, { to });
      });
    // The click that ends a drag opens no menu.
    return { hasMoved: () => isDrag };
  }
}
