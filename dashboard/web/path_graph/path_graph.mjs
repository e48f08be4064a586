// @ts-check
/**
 * The graph X1 -> X2 -> X3 as a control: the path of each configuration to the target, and the readout of all.
 *
 * Every path is one option, drawn from the image on the left through the domains in the middle to the target X2: a click shows
 * it as the chosen letter. On the right of the target are its readouts X3; all configurations show the same one. The width
 * of an edge is how much its path disagrees with the direct prediction of the domain that it ends in, in the frame on the
 * screen (for readouts: for the methods shown). A path that is not computed is dashed, and gives the command that computes
 * it. Under the pointer, or with the focus, a path shows what it predicts.
 */

import { drawCodes } from "../drawing/colour.mjs";
import { placeOf } from "../frames/blocks.mjs";
import { decodeBlob } from "../frames/decode.mjs";
import { PackReader } from "../frames/pack_reader.mjs";
import { screen } from "../player/screen.mjs";
import { standardised } from "../plots/energy.mjs";
import { dialog } from "../ui/dialog.mjs";
import { button, element, svgElement } from "../ui/dom.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { Theme } from "../ui/theme.mjs";

const SIZE = { row: 40, top: 24, box: 13 };
/** Rows of more options than this stand closer, so that what is below them stays on the screen. */
const MANY = { options: 6, row: 31 };
/** Widths of the columns (image, between, target, readouts) in shares, and of all of them, px. */
const COLUMNS = { shares: [0.7, 1.35, 1, 1.35], least: 430, most: 720 };
/** Mean width of a letter of the graph's names. */
const LETTER_PX = 6.2;
/** The option that hides the readouts. */
const NO_READOUT = "no readout";
/** Standardised terms between these, sigma, are drawn between these widths, px. */
const ENERGY = { low: -3, high: 3 };
const WIDTH = { low: 2, high: 10, unknown: 2 };

/**
 * @typedef {{zoo: string, method: string, path: string, titles: string[], energy: number | null, command: string | null,
 *   blanks: string, track: string | null}} PathOption
 *   energy: mean over the clip, sigma; command: computes it; blanks: what to replace in it; track: key of what it predicts, null: it is not computed
 * @typedef {{packs: import("../frames/frame_loader.mjs").Pack[], paths: string[], mu: number[], sigma: number[]}} Energy
 * @typedef {{lineup: {letter: string, zoo: string, method: string, path: string}[], letters: string,
 *   styles?: Record<string, import("../ui/theme.mjs").Style>, ways: PathOption[],
 *   readouts: PathOption[], readout: string, energies: Record<string, Energy>,
 *   domains: Record<string, import("../player/context.mjs").Domain>, passQuery: string}} Data
 *   ways: paths to the target; readouts: paths on from the target; readout: the domain that is shown, "": none;
 *   energies: by zoo/method/domain; domains: by zoo/domain, those that the paths end in
 * @typedef {{data: Data, parentElement: HTMLElement, setTriggerValue: (name: string, request: unknown) => void}} Component
 */

/** Width of the line of a path. Pure. @param {number | null} energy sigma */
export function lineWidth(energy) {
  if (energy === null) return WIDTH.unknown;
  const share = Math.min(Math.max((energy - ENERGY.low) / (ENERGY.high - ENERGY.low), 0), 1);
  return WIDTH.low + share * (WIDTH.high - WIDTH.low);
}

/** What is said of an option without a picture; "" if it has one. Pure. @param {number | null} energy @param {boolean} isMissing */
export function missingMark(energy, isMissing) {
  if (!isMissing) return "";
  return energy === null ? "not computed" : "picture not stored";
}

/**
 * How much a path disagrees with the direct prediction, in words. Pure.
 * @param {number | null} mean over the clip, sigma @param {number | undefined} now in this frame @param {number} frame
 */
export function disagreement(mean, now, frame) {
  if (mean === null) return "";
  const how = mean < 0 ? "less than usual" : "more than usual";
  const by = `${withUnit(Math.abs(mean), "σ")} ${mean < 0 ? "below" : "above"} the mean of validation images`;
  const here = now === undefined ? "" : `; ${withUnit(now, "σ")} in frame ${frame}`;
  return ` On average it disagrees with the direct prediction ${how} (${by}${here}).`;
}

export class Picker {
  /** @param {HTMLElement} host @param {HTMLElement} opener the button that opens it, in the host */
  constructor(host, opener) {
    this.host = host;
    this.opener = opener;
    this.letter = "A";
    this.method = "";
    /** What the pointer or the focus is on: a path, or "" for no readout; described again with every drawing. @type {string | null} */
    this.pointed = null;
    /** The picture that is shown or on its way. */
    this.pictured = "";
    /** @type {Data} */
    this.data = {
      lineup: [],
      letters: "",
      ways: [],
      readouts: [],
      readout: "",
      energies: {},
      domains: {},
      passQuery: "",
    };
    /** Energies by path, sigma, of one frame by one method. */
    this.now = { of: "", byPath: /** @type {Record<string, number>} */ ({}) };
    this.packs = new PackReader();
    /** What a path predicts, for as long as it is pointed at. */
    this.preview = element("canvas", { class: "graph-preview", role: "img", "aria-label": "what the path predicts" });
    this.previewing = new AbortController();
    /** Where the page was before it was scrolled; null: it was not. @type {number | null} */
    this.scrolledFrom = null;
    /** @type {Component["setTriggerValue"]} */
    this.ask = () => {};
    this.letters = element("div", { class: "graph-letters", role: "radiogroup", "aria-label": "letter" });
    this.places = Object.entries({ left: "←", right: "→", remove: "remove" }).map(([what, sign]) => {
      const one = button(what, null, sign);
      one.addEventListener("click", () => this.arrange(what));
      return one;
    });
    this.methods = element("select", { "aria-label": "zoo and method" });
    this.drawing = svgElement("svg");
    this.text = element("p", { class: "graph-text", role: "status" });
    this.command = element("code", { class: "graph-command" });
    this.copy = button("copy the command", null, "copy");
    this.copy.addEventListener("click", () => this.copyCommand());
    this.command.hidden = this.copy.hidden = true;
    // A dialog of its own: Streamlit's popover takes keys and Tab away from what it cannot look into.
    this.panel = dialog(
      "Configurations",
      { className: "graph", closed: () => this.close() },
      element(
        "div",
        { class: "graph-top" },
        element("h2", { text: "Configurations" }),
        this.letters,
        element("div", { class: "group" }, ...this.places),
        this.methods,
      ),
      element(
        "div",
        { class: "graph-body" },
        this.drawing,
        element(
          "div",
          { class: "graph-about" },
          this.preview,
          element("div", {}, this.text, element("div", { class: "graph-run" }, this.command, this.copy)),
        ),
      ),
    );
    /** With the player's style; on the page only while it is open. */
    this.root = element("div", { class: "xc" }, this.panel);
    this.theme = new Theme(this.root);
    this.methods.addEventListener("change", () => {
      this.method = this.methods.value;
      this.pointed = null;
      this.draw();
    });
  }

  /** @param {Data} data @param {Component["setTriggerValue"]} ask */
  update(data, ask) {
    const before = JSON.stringify(this.data.lineup);
    this.data = data;
    this.ask = ask;
    this.theme.setStyles(data.letters, data.styles ?? {});
    if (this.panel.open) this.theme.apply();
    if (!data.lineup.some(({ letter }) => letter === this.letter) && !this.isNew) this.letter = "A";
    if (before !== JSON.stringify(data.lineup)) this.follow();
    this.draw();
  }

  open() {
    if (this.panel.open) return; // a second press while the first one loaded it
    this.host.append(this.root);
    this.theme.apply();
    this.panel.showModal();
    this.draw();
    this.uncover();
  }

  /** Scroll the pictures that the panel changes out from under it, until it is closed. */
  uncover() {
    const player = document.querySelector(".st-key-player");
    const scroller = player?.closest("[data-testid=stMain]");
    if (!player || !scroller) return;
    const { top, bottom } = player.getBoundingClientRect();
    if (bottom <= this.panel.getBoundingClientRect().top || top <= 0) return;
    this.scrolledFrom = scroller.scrollTop;
    scroller.scrollTop += top;
  }

  close() {
    this.root.remove();
    if (this.scrolledFrom !== null) {
      const scroller = document.querySelector("[data-testid=stMain]");
      if (scroller) scroller.scrollTop = this.scrolledFrom;
      this.scrolledFrom = null;
    }
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

  /** Load the energies of the frame on the screen, then draw them. */
  async loadEnergies() {
    const { frame } = screen;
    const energies = Object.entries(this.data.energies).filter(([name]) => name.startsWith(`${this.method}/`));
    const of = `${this.method} ${frame} ${energies.map(([name, { packs }]) => [name, packs.length])}`;
    if (this.now.of === of || !this.panel.open) return;
    this.now = { of, byPath: {} };
    const load = async (/** @type {Energy} */ energy) => {
      const { packs, paths } = energy;
      const pack = placeOf({ packs }, frame)?.pack;
      if (!pack) return;
      const url = new URL(pack.url, document.baseURI).href;
      const { shape, values } = await this.packs.column({ ...pack, url }, "terms");
      if (this.now.of !== of) return;
      const row = values.subarray((frame - pack.start) * shape[1]);
      for (const [i, path] of paths.entries()) this.now.byPath[path] = standardised(row[i], i, energy);
    };
    // Where one cannot be read, the graph already shows the mean of the clip, and the page reports why.
    await Promise.allSettled(energies.map(([, energy]) => load(energy)));
    if (this.now.of === of && Object.keys(this.now.byPath).length) this.draw();
  }

  /** In the frame on the screen, else the mean over the clip. @param {PathOption} option */
  energyOf({ path, energy }) {
    return this.now.byPath[path] ?? energy;
  }

  draw() {
    this.drawLetters();
    const names = [...new Set(this.data.ways.map(({ zoo, method }) => `${zoo}/${method}`))];
    if (!names.includes(this.method)) this.method = names[0] ?? "";
    this.methods.replaceChildren(...names.map((name) => element("option", { value: name, text: name })));
    this.methods.value = this.method;
    const isOfMethod = (/** @type {PathOption} */ { zoo, method }) => `${zoo}/${method}` === this.method;
    const paths = this.data.ways.filter(isOfMethod);
    // A readout that only another method has is drawn as missing.
    const ends = new Map(this.data.readouts.map((option) => [endOf(option), option]));
    for (const option of this.data.readouts) if (isOfMethod(option)) ends.set(endOf(option), option);
    const readouts = [...ends.values()];
    this.drawGraph(paths, readouts);
    const described =
      [...paths, ...readouts].find(({ path }) => path === this.pointed) ?? paths.find((option) => this.isOwn(option));
    this.describe(this.pointed === "" ? null : (described ?? null));
    this.loadEnergies();
  }

  drawLetters() {
    const made = [...this.data.lineup.map(({ letter }) => letter), ...(this.next ? [this.next] : [])];
    const hadFocus = this.letters.matches(":focus-within");
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
    const names = {
      left: `move ${this.letter} left`,
      right: `move ${this.letter} right`,
      remove: `remove ${this.letter}`,
    };
    const at = this.data.lineup.findIndex(({ letter }) => letter === this.letter);
    const count = this.data.lineup.length;
    Object.values(names).forEach((name, index) => {
      const one = this.places[index];
      one.title = name;
      one.setAttribute("aria-label", name);
      one.disabled = at < 0 || [at === 0, at === count - 1, count <= 2][index];
    });
    rove(this.letters, (one) => this.choose(one.dataset.letter ?? "A"));
    /** @type {HTMLElement | null} */
    const chosen = this.letters.querySelector(`[data-letter="${this.letter}"]`);
    if (hadFocus) chosen?.focus();
  }

  /** @param {string} what "left", "right" or "remove" */
  arrange(what) {
    this.ask("wish", { letter: this.letter, do: what });
    // The letter goes with its configuration.
    const by = what === "left" ? -1 : what === "right" ? 1 : 0;
    this.letter = this.data.letters[this.data.letters.indexOf(this.letter) + by] ?? "A";
  }

  /** @param {string} letter */
  choose(letter) {
    this.letter = letter;
    this.follow();
    this.draw();
  }

  /** @param {PathOption} option */
  isOwn({ zoo, method, path }) {
    const { own } = this;
    return own !== undefined && own.zoo === zoo && own.method === method && own.path === path;
  }

  /** @param {PathOption[]} options @param {PathOption[]} readouts */
  drawGraph(options, readouts) {
    const svg = this.drawing;
    const focused = /** @type {SVGElement | null} */ (svg.querySelector(":focus"))?.dataset.path ?? null;
    const shares = COLUMNS.shares.slice(0, readouts.length ? 4 : 3);
    const all = COLUMNS.shares.reduce((sum, share) => sum + share);
    const unit = Math.min(Math.max(window.innerWidth - 64, COLUMNS.least), COLUMNS.most) / all;
    const columns = shares.map((share, i) => {
      const left = shares.slice(0, i).reduce((sum, other) => sum + other, 0);
      return { x: (left + share / 2) * unit, half: (share / 2) * unit - 4 };
    });
    const width = shares.reduce((sum, share) => sum + share) * unit;
    const nRows = Math.max(options.length, readouts.length ? readouts.length + 1 : 0, 2);
    const row = nRows > MANY.options ? MANY.row : SIZE.row;
    const height = 2 * SIZE.top + row * (nRows - 1);
    const middle = height / 2;
    const rowOf = (/** @type {number} */ i, /** @type {number} */ n) => middle + (i - (n - 1) / 2) * row;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.maxWidth = `${width}px`;
    svg.style.setProperty("--xc-own", `var(--xc-${this.letter.toLowerCase()})`);
    const [image, between, target, end] = columns;
    const paths = options.map((option, i) => {
      const y = rowOf(i, options.length);
      // Level where names stand, so that no line runs across the name of another path.
      const [left, right] = [between.x - between.half, between.x + between.half];
      const line = `${curve(image.x, middle, left, y)}H${right}${curve(right, y, target.x, middle).replace("M", "L")}`;
      const via = option.titles.slice(1, -1).join(" → ") || "direct";
      return this.drawOption(option, {
        line,
        at: { ...between, y },
        name: via,
        isChosen: this.isOwn(option),
        act: () => this.choosePath(option),
      });
    });
    const ends = readouts.map((option, i) => {
      const y = rowOf(i, readouts.length + 1);
      const name = option.titles[option.titles.length - 1];
      const isChosen = this.data.readout === endOf(option);
      return this.drawOption(option, {
        line: `${curve(target.x, middle, end.x - end.half, y)}H${end.x}`,
        at: { ...end, y },
        name,
        isChosen,
        act: () => this.chooseReadout(option),
      });
    });
    if (readouts.length) {
      const at = { ...end, y: rowOf(readouts.length, readouts.length + 1) };
      ends.push(
        this.drawOption(null, {
          line: "",
          at,
          name: NO_READOUT,
          isChosen: !this.data.readout,
          act: () => this.chooseReadout(null),
        }),
      );
    }
    const { titles } = options[0] ?? { titles: [""] };
    svg.replaceChildren(
      group(paths, { class: "paths", "aria-label": `path of ${this.letter}` }, focused),
      ...(ends.length ? [group(ends, { class: "ends", "aria-label": "readout of all" }, focused)] : []),
      ...(options.length
        ? [node(titles[0], { ...image, y: middle }), node(titles[titles.length - 1], { ...target, y: middle })]
        : []),
    );
    if (focused === null) return;
    const reached = /** @type {SVGElement[]} */ ([...svg.querySelectorAll("[tabindex='0']")]);
    (reached.find((one) => one.dataset.path === focused) ?? reached[0])?.focus();
  }

  /**
   * @param {PathOption | null} option null: no readout
   * @param {{line: string, at: Place, name: string, isChosen: boolean, act: () => void}} drawn
   */
  drawOption(option, { line, at, name, isChosen, act }) {
    const energy = option ? this.energyOf(option) : null;
    const number = energy === null ? "" : ` ${withUnit(energy, "σ")}`;
    const isMissing = Boolean(option?.command);
    const word = missingMark(energy, isMissing);
    const drawn = svgElement("g", {
      class: `way${isMissing ? " missing" : ""}`,
      role: "radio",
      "aria-checked": String(isChosen),
      "aria-label": option ? `${option.titles.join(" → ")}${number}${word && `, ${word}`}` : name,
      "data-path": option?.path ?? "",
    });
    const stroke = svgElement("path", { d: line, class: "way-line" });
    stroke.style.strokeWidth = `${lineWidth(energy)}px`;
    const mark = word && ` · ${word}`;
    drawn.append(svgElement("path", { d: line, class: "way-hit" }), stroke, node(name, at, [`${number}${mark}`, mark]));
    drawn.addEventListener("click", act);
    const point = () => {
      this.pointed = option?.path ?? "";
      this.describe(option);
    };
    for (const event of ["pointerenter", "focus"]) drawn.addEventListener(event, point);
    return drawn;
  }

  /** @param {PathOption} option */
  choosePath(option) {
    this.describe(option);
    if (option.command) return;
    // Also the path that it shows: the answer to another click may be on its way.
    const letter = this.isNew ? "" : this.letter;
    this.ask("wish", { letter, open: `${option.zoo}/${option.method}/${option.path}` });
  }

  /** Show this readout of all predictions. @param {PathOption | null} option */
  chooseReadout(option) {
    this.describe(option);
    const end = option ? endOf(option) : "";
    const isStored = !option || this.data.readouts.some((one) => endOf(one) === end && !one.command);
    if (isStored) this.ask("wish", { readout: end });
  }

  /** Show what the path predicts for the frame on the screen. @param {PathOption | null} option */
  async showPreview(option) {
    const { frame } = screen;
    const isShown = option?.track && this.panel.open;
    const picture = isShown ? `${option.track} ${frame}` : "";
    if (this.pictured === picture) return;
    this.pictured = picture;
    this.previewing.abort();
    this.previewing = new AbortController();
    const { signal } = this.previewing;
    this.preview.classList.toggle("is-empty", !isShown);
    if (!isShown) return;
    try {
      const response = await fetch(new URL(`frames/${option.track}-${frame}${this.data.passQuery}`, document.baseURI), {
        signal,
      });
      if (!response.ok) throw new Error();
      const codes = await decodeBlob(await response.blob());
      if (signal.aborted) return;
      drawCodes(this.preview, codes, this.data.domains[`${option.zoo}/${endOf(option)}`]);
      this.preview.setAttribute("aria-label", `${option.titles.join(" → ")}, frame ${frame}`);
    } catch {
      if (signal.aborted) return;
      this.pictured = "";
      this.preview.classList.add("is-empty"); // its pane says why, once it is shown
    }
  }

  /** Describe the path, and show its picture. @param {PathOption | null} option null: no readout, or nothing */
  describe(option) {
    this.showPreview(option);
    this.command.hidden = this.copy.hidden = !option?.command;
    this.copy.textContent = "copy";
    this.command.textContent = option?.command ?? "";
    if (!option) {
      this.text.textContent =
        this.pointed === ""
          ? "Only the predictions, without readouts."
          : "Click a path to show it. Thicker: it disagrees more in this frame.";
      return;
    }
    const path = `${option.zoo}/${option.method}: ${option.titles.join(" → ")}.`;
    const about = `${path}${disagreement(option.energy, this.now.byPath[option.path], screen.frame)}`;
    const word = missingMark(option.energy, Boolean(option.command));
    if (word)
      this.text.textContent = `${about} ${word[0].toUpperCase()}${word.slice(1)} for this clip; compute it with the command below.${option.blanks ? ` ${option.blanks}` : ""}`;
    else if (this.data.readouts.includes(option)) this.text.textContent = `Readout ${about}`;
    else this.text.textContent = `${this.letter} ${this.isOwn(option) ? "shows" : "would show"} ${about}`;
  }

  async copyCommand() {
    try {
      await navigator.clipboard.writeText(this.command.textContent ?? ""); // needs https or localhost
      this.copy.textContent = "copied";
    } catch {
      window.getSelection()?.selectAllChildren(this.command);
      this.copy.textContent = "selected: press Ctrl C";
    }
  }
}

/** The domain that a path ends in. @param {PathOption} option */
function endOf({ path }) {
  return path.slice(path.lastIndexOf("-") + 1);
}

/** From left to right, level at both ends. @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function curve(x0, y0, x1, y1) {
  const x = (x0 + x1) / 2;
  return `M${x0} ${y0}C${x} ${y0} ${x} ${y1} ${x1} ${y1}`;
}

/**
 * Options of which one is chosen; Tab comes to the one that had the focus, else to the chosen one.
 * @param {SVGElement[]} options @param {Record<string, string>} attributes @param {string | null} focused its data-path
 */
function group(options, attributes, focused) {
  const root = svgElement("g", { role: "radiogroup", ...attributes });
  const first =
    options.find((one) => one.dataset.path === focused) ??
    options.find((one) => one.getAttribute("aria-checked") === "true") ??
    options[0];
  for (const one of options) one.setAttribute("tabindex", one === first ? "0" : "-1");
  root.append(...options);
  rove(
    root,
    () => {},
    (one) => one.dispatchEvent(new MouseEvent("click")),
  );
  return root;
}

/** Steps through a group by key. @type {Record<string, number>} */
const ARROWS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/**
 * Arrow keys move within a group that has the focus, as in the ARIA pattern.
 * @param {Element} group @param {(one: HTMLElement) => void} moved @param {(one: HTMLElement) => void} [pressed] Space, Enter
 */
function rove(group, moved, pressed) {
  const options = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[role=radio]")]);
  for (const [index, one] of options.entries()) {
    one.addEventListener("keydown", (event) => {
      const by = ARROWS[event.key];
      if (by) {
        event.preventDefault();
        const next = options[(index + by + options.length) % options.length];
        for (const other of options) other.setAttribute("tabindex", other === next ? "0" : "-1");
        next.focus();
        moved(next);
      } else if (pressed && (event.key === " " || event.key === "Enter")) {
        event.preventDefault();
        pressed(one);
      }
    });
  }
}

/** @typedef {{x: number, y: number, half: number}} Place half: of the width that there is for a name */

/**
 * A name in a box, with the first of the remarks that fits; the name is cut where none does.
 * @param {string} name @param {Place} at @param {string[]} remarks
 */
function node(name, { x, y, half }, remarks = [""]) {
  const room = Math.floor((2 * half - 10) / LETTER_PX);
  const remark = remarks.find((one) => name.length + one.length <= room) ?? remarks[remarks.length - 1];
  const most = Math.max(room - remark.length, 4);
  const label = svgElement("text", { x, y });
  label.textContent = (name.length > most ? `${name.slice(0, most - 1)}…` : name) + remark;
  const own = Math.min(label.textContent.length * 3.5 + 8, half);
  const box = svgElement("rect", {
    x: x - own,
    y: y - SIZE.box,
    width: 2 * own,
    height: 2 * SIZE.box,
    rx: 6,
  });
  const group = svgElement("g", { class: "node" });
  group.append(box, label);
  return group;
}
