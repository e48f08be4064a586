// @ts-check
/**
 * Which path leads to the target? The graph of paths as a control: a click on one shows it as the chosen letter.
 *
 * Every path is one option, drawn from the image on the left over a domain in the middle to the target on the right.
 * Its width is how much it disagrees with the direct prediction in the frame on the screen; one that is not computed is
 * dashed, says so, and gives the command instead. Under the pointer, or with the focus, it shows what it predicts.
 */

import { dialog } from "./dialog.mjs";
import { button, element } from "./dom.mjs";
import { drawCodes } from "./colour.mjs";
import { FrameLoader, decodeBlob } from "./frames.mjs";
import { packOf } from "./pack.mjs";
import { screen } from "./screen.mjs";
import { Theme } from "./theme.mjs";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 560, row: 40, top: 24, left: 86, middle: 280, right: 474, box: 13 };
/** Standardised terms between these, sigma, are drawn between these widths, px. */
const ENERGY = { low: -1, high: 3 };
const WIDTH = { low: 2, high: 10, unknown: 2 };

/**
 * @typedef {{zoo: string, method: string, path: string, titles: string[], energy: number | null, command: string | null,
 *   track: string | null}} Way
 *   energy: mean over the clip, sigma; track: key of what it predicts, null: it is not computed
 * @typedef {{packs: import("./frames.mjs").Pack[], paths: string[], mu: number[], sigma: number[]}} Energy
 * @typedef {{lineup: {letter: string, zoo: string, method: string, path: string}[], letters: string, ways: Way[],
 *   energies: Record<string, Energy>, domain: any}} Data energies: by zoo/method; domain: of what the paths predict
 */

/** @type {WeakMap<object, Picker>} */
const pickers = new WeakMap();

/** Streamlit's entry, called again with new data or another theme. @param {any} component */
export function mount({ data, parentElement, setTriggerValue }) {
  const known = pickers.get(parentElement);
  const picker = known?.host.isConnected ? known : new Picker(parentElement);
  pickers.set(parentElement, picker);
  picker.update(data, setTriggerValue);
  return () => {};
}

/** Width of the line of a path. Pure. @param {number | null} energy sigma */
export function lineWidth(energy) {
  if (energy === null) return WIDTH.unknown;
  const share = Math.min(Math.max((energy - ENERGY.low) / (ENERGY.high - ENERGY.low), 0), 1);
  return WIDTH.low + share * (WIDTH.high - WIDTH.low);
}

class Picker {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    this.letter = "A";
    this.method = "";
    /** The path that the pointer or the focus is on: what is told stays when the graph is drawn again. @type {string | null} */
    this.pointed = null;
    /** @type {Data} */
    this.data = { lineup: [], letters: "", ways: [], energies: {}, domain: null };
    /** Energies by path, sigma, of one frame by one method. */
    this.now = { of: "", byPath: /** @type {Record<string, number>} */ ({}) };
    this.loader = new FrameLoader();
    /** What a path predicts, for as long as it is pointed at. */
    this.preview = element("canvas", { class: "graph-preview", role: "img", "aria-label": "what the path predicts" });
    this.previewing = new AbortController();
    this.ask = (/** @type {string} */ _name, /** @type {unknown} */ _wish) => {};
    this.letters = element("div", { class: "graph-letters", role: "radiogroup", "aria-label": "letter" });
    this.places = ["left", "right", "remove"].map((what) => {
      const one = button(what, null, { left: "←", right: "→", remove: "×" }[what]);
      one.addEventListener("click", () => this.arrange(what));
      return one;
    });
    this.methods = element("select", { "aria-label": "zoo and method" });
    this.drawing = document.createElementNS(SVG, "svg");
    this.words = element("p", { class: "graph-words", role: "status" });
    this.command = element("code", { class: "graph-command" });
    this.command.hidden = true;
    // A dialog of its own: Streamlit's popover takes keys and Tab away from what it cannot look into.
    this.panel = dialog(
      "Configurations",
      { className: "graph", closed: () => this.close() },
      element("h2", { text: "Configurations" }),
      element("div", { class: "graph-top" }, this.letters, element("div", { class: "group" }, ...this.places), this.methods),
      this.drawing,
      element("div", { class: "graph-told" }, this.preview, element("div", {}, this.words, this.command)),
    );
    this.opener = button("arrange, remove, and choose on the graph", "paths");
    this.opener.addEventListener("click", () => this.open());
    this.host = element("div", { class: "graph-opener" }, this.opener);
    /** With the player's style; on the page only while it is open. */
    this.root = element("div", { class: "xc" }, this.panel);
    parent.replaceChildren(element("link", { rel: "stylesheet", href: new URL("player.css", import.meta.url).href }), this.host);
    this.theme = new Theme(this.root);
    this.methods.addEventListener("change", () => {
      this.method = this.methods.value;
      this.pointed = null;
      this.draw();
    });
  }

  /** @param {Data} data @param {(name: string, wish: unknown) => void} ask */
  update(data, ask) {
    const before = JSON.stringify(this.data.lineup);
    this.data = data;
    this.ask = ask;
    if (this.panel.open) this.theme.apply();
    if (!data.lineup.some(({ letter }) => letter === this.letter) && !this.isNew) this.letter = "A";
    if (before !== JSON.stringify(data.lineup)) this.follow();
    this.draw();
  }

  open() {
    this.host.append(this.root);
    this.theme.apply();
    this.panel.showModal();
    this.draw();
  }

  close() {
    this.root.remove();
    // The dialog gave the focus back, but not where a click does not give it to a button; and it may have moved on since.
    if (document.activeElement === document.body) this.opener.focus({ preventScroll: true });
  }

  /** The letter that would be added. */
  get next() {
    return this.data.letters[this.data.lineup.length] ?? "";
  }

  get isNew() {
    return this.letter === this.next;
  }

  get own() {
    return this.data.lineup.find(({ letter }) => letter === this.letter);
  }

  /** Show the zoo and method of the letter. */
  follow() {
    this.pointed = null;
    const own = this.own ?? this.data.lineup[0];
    if (own) this.method = `${own.zoo}/${own.method}`;
  }

  /** The energies of the frame on the screen, as soon as they are here. */
  async look() {
    const energy = this.data.energies[this.method];
    const { frame } = screen;
    const of = `${this.method} ${frame} ${energy?.packs.length}`;
    if (this.now.of === of || !this.panel.open) return;
    this.now = { of, byPath: {} };
    const pack = energy?.packs[packOf(energy.packs, frame)];
    if (!pack) return;
    const url = new URL(pack.url, document.baseURI).href;
    try {
      const { shape, values } = await this.loader.column({ ...pack, url }, "terms");
      if (this.now.of !== of) return;
      const row = values.subarray((frame - pack.start) * shape[1]);
      const terms = energy.paths.map((path, i) => [path, (row[i] - energy.mu[i]) / energy.sigma[i]]);
      this.now.byPath = Object.fromEntries(terms);
      this.draw();
    } catch {
      // The means of the clip are on the graph already, and the page says what cannot be read.
    }
  }

  /** Of the frame on the screen, else the mean over the clip. @param {Way} way */
  energyOf({ path, energy }) {
    return this.now.byPath[path] ?? energy;
  }

  draw() {
    this.drawLetters();
    const names = [...new Set(this.data.ways.map(({ zoo, method }) => `${zoo}/${method}`))];
    if (!names.includes(this.method)) this.method = names[0] ?? "";
    this.methods.replaceChildren(...names.map((name) => element("option", { value: name, text: name })));
    this.methods.value = this.method;
    const ways = this.data.ways.filter(({ zoo, method }) => `${zoo}/${method}` === this.method);
    this.drawWays(ways);
    const told = ways.find(({ path }) => path === this.pointed) ?? ways.find((way) => this.isOwn(way));
    this.tell(told ?? null);
    this.look();
  }

  drawLetters() {
    const made = [...this.data.lineup.map(({ letter }) => letter), ...(this.next ? [this.next] : [])];
    const before = /** @type {any} */ (this.root.getRootNode()).activeElement?.dataset?.letter;
    this.letters.replaceChildren(
      ...made.map((letter) => {
        const isNew = letter === this.next;
        const isChosen = letter === this.letter;
        const one = element("button", {
          type: "button",
          role: "radio",
          "aria-checked": String(isChosen),
          "aria-label": isNew ? `new: ${letter}` : letter,
          tabindex: isChosen ? "0" : "-1",
          "data-letter": letter,
          text: isNew ? `+ ${letter}` : letter,
        });
        one.style.setProperty("--xc-own", `var(--xc-${letter.toLowerCase()})`);
        one.addEventListener("click", () => this.choose(letter));
        return one;
      }),
    );
    const names = { left: `move ${this.letter} left`, right: `move ${this.letter} right`, remove: `remove ${this.letter}` };
    const at = this.data.lineup.findIndex(({ letter }) => letter === this.letter);
    const count = this.data.lineup.length;
    Object.values(names).forEach((name, index) => {
      const one = this.places[index];
      one.title = name;
      one.setAttribute("aria-label", name);
      one.disabled = at < 0 || [at === 0, at === count - 1, count <= 2][index];
    });
    rove(this.letters, (one) => this.choose(one.dataset.letter ?? "A"));
    if (before) this.letters.querySelector(`[data-letter="${this.letter}"]`)?.focus();
  }

  /** @param {string} what */
  arrange(what) {
    this.ask("wish", { letter: this.letter, do: what });
    // The letter goes with its configuration.
    const by = { left: -1, right: 1, remove: 0 }[what] ?? 0;
    this.letter = this.data.letters[this.data.letters.indexOf(this.letter) + by] ?? "A";
  }

  /** @param {string} letter */
  choose(letter) {
    this.letter = letter;
    this.follow();
    this.draw();
  }

  /** @param {Way} way */
  isOwn({ zoo, method, path }) {
    const { own } = this;
    return own !== undefined && own.zoo === zoo && own.method === method && own.path === path;
  }

  /** @param {Way[]} ways */
  drawWays(ways) {
    const svg = this.drawing;
    const before = [...svg.querySelectorAll(".way")];
    const focused = before.indexOf(/** @type {any} */ (this.root.getRootNode()).activeElement);
    const { width, row, top, left, right } = SIZE;
    const height = 2 * top + row * Math.max(ways.length - 1, 1);
    const middle = height / 2;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "radiogroup");
    svg.setAttribute("aria-label", `path of ${this.letter}`);
    svg.style.setProperty("--xc-own", `var(--xc-${this.letter.toLowerCase()})`);
    const chosen = before.length === ways.length && focused >= 0 ? focused : Math.max(ways.findIndex((way) => this.isOwn(way)), 0);
    const options = ways.map((way, index) => {
      const y = ways.length > 1 ? top + row * index : middle;
      return this.option(way, { y, middle, isChosen: this.isOwn(way), isFirst: index === chosen });
    });
    const ends = ways.length ? [ways[0].titles[0], ways[0].titles[ways[0].titles.length - 1]] : [];
    svg.replaceChildren(...options, ...ends.map((title, index) => node(title, index ? right : left, middle)));
    rove(svg, () => {}, (one) => one.dispatchEvent(new MouseEvent("click")));
    if (focused >= 0) /** @type {any} */ (svg.querySelector("[tabindex='0']"))?.focus();
  }

  /** @param {Way} way @param {{y: number, middle: number, isChosen: boolean, isFirst: boolean}} place */
  option(way, { y, middle, isChosen, isFirst }) {
    const { left, right, middle: x } = SIZE;
    const line = `M${left} ${middle}C${(left + x) / 2} ${middle} ${(left + x) / 2} ${y} ${x} ${y}S${(x + right) / 2} ${middle} ${right} ${middle}`;
    const via = way.titles.slice(1, -1).join(", ");
    const energy = this.energyOf(way);
    const number = energy === null ? "" : ` ${signed(energy)} σ`;
    const group = made("g", {
      class: `way${way.command ? " missing" : ""}`,
      role: "radio",
      "aria-checked": String(isChosen),
      "aria-label": `${way.titles.join(" → ")}${number}${way.command ? ", not computed" : ""}`,
      tabindex: isFirst ? "0" : "-1",
    });
    const stroke = made("path", { d: line, class: "way-line" });
    stroke.style.strokeWidth = `${lineWidth(energy)}px`;
    group.append(made("path", { d: line, class: "way-hit" }), stroke, node(via || "direct", x, y, number, way.command !== null));
    group.addEventListener("click", () => this.take(way));
    const point = () => {
      this.pointed = way.path;
      this.tell(way);
    };
    for (const name of ["pointerenter", "focus"]) group.addEventListener(name, point);
    return group;
  }

  /** @param {Way} way */
  take(way) {
    this.tell(way);
    if (way.command || this.isOwn(way)) return;
    const letter = this.isNew ? "" : this.letter;
    this.ask("wish", { letter, open: `${way.zoo}/${way.method}/${way.path}` });
  }

  /** What the path predicts of the frame on the screen. @param {Way | null} way */
  async show(way) {
    this.previewing.abort();
    this.previewing = new AbortController();
    const { signal } = this.previewing;
    const { frame } = screen;
    this.preview.classList.toggle("is-empty", !way?.track);
    if (!way?.track || !this.panel.open) return;
    try {
      const response = await fetch(new URL(`frames/${way.track}-${frame}${this.data.passQuery}`, document.baseURI), { signal });
      if (!response.ok) throw new Error();
      const codes = await decodeBlob(await response.blob());
      if (signal.aborted) return;
      drawCodes(this.preview, codes, this.data.domain);
      this.preview.setAttribute("aria-label", `${way.titles.join(" → ")}, frame ${frame}`);
    } catch {
      if (!signal.aborted) this.preview.classList.add("is-empty"); // the pane says why, once it is shown
    }
  }

  /** The path in words and as a picture. @param {Way | null} way */
  tell(way) {
    this.show(way);
    this.command.hidden = !way?.command;
    if (!way) {
      this.words.textContent = "A click on a path shows it. Its width is the energy of that path in the frame on the screen.";
      return;
    }
    const path = way.titles.join(" → ");
    const now = this.now.byPath[way.path];
    const here = now === undefined ? "" : `${signed(now)} σ in frame ${screen.frame}, `;
    const energy = way.energy === null ? "" : ` It differs from the direct prediction by ${here}${signed(way.energy)} σ on average.`;
    const what = `${way.zoo}/${way.method}: ${path}.`;
    if (way.command) {
      this.words.textContent = `${what}${energy} Not computed for this clip; this command makes it:`;
      this.command.textContent = way.command;
    } else {
      this.words.textContent = `${this.letter} ${this.isOwn(way) ? "shows" : "would show"} ${what}${energy}`;
    }
  }
}

/**
 * Arrow keys move within a group of which one has the focus, as in the ARIA pattern.
 * @param {Element} group @param {(one: HTMLElement) => void} moved @param {(one: HTMLElement) => void} [pressed] Space, Enter
 */
function rove(group, moved, pressed) {
  const options = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[role=radio]")]);
  options.forEach((one, index) =>
    one.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (by) {
        event.preventDefault();
        const next = options[(index + by + options.length) % options.length];
        options.forEach((other) => other.setAttribute("tabindex", other === next ? "0" : "-1"));
        next.focus();
        moved(next);
      } else if (pressed && (event.key === " " || event.key === "Enter")) {
        event.preventDefault();
        pressed(one);
      }
    }),
  );
}

/**
 * A name in a box.
 * @param {string} title @param {number} x @param {number} y @param {string} [number] @param {boolean} [isMissing]
 */
function node(title, x, y, number = "", isMissing = false) {
  const group = made("g", { class: "node" });
  const text = `${title}${number}${isMissing ? " · not computed" : ""}`;
  const half = Math.min(text.length * 3.5 + 8, 120);
  const box = made("rect", {
    x: String(x - half), y: String(y - SIZE.box), width: String(2 * half), height: String(2 * SIZE.box), rx: "6",
  }); // prettier-ignore
  const label = made("text", { x: String(x), y: String(y) });
  label.textContent = text.length > 34 ? `${text.slice(0, 33)}…` : text;
  group.append(box, label);
  return group;
}

/** @param {string} name @param {Record<string, string>} attributes @returns {SVGElement} */
function made(name, attributes) {
  const one = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  return one;
}

/** @param {number} value */
function signed(value) {
  const text = value.toFixed(2);
  return Number(text) === 0 ? "0.00" : text.replace("-", "−");
}
