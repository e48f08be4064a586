// @ts-check
/** The gallery: a card for each picture, with its predictions, its energy map and its energies on one scale of all cards. */

import { drawCodes } from "../drawing/colour.mjs";
import { shownScale, shownTable } from "../drawing/compose.mjs";
import { energyScale } from "../drawing/energy_scale.mjs";
import { decodeBlob } from "../frames/decode.mjs";
import { element } from "../ui/dom.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { Theme } from "../ui/theme.mjs";

/** Pictures are loaded this far before they scroll into view. */
const AHEAD = "400px";

/**
 * @typedef {import("../drawing/colour.mjs").Domain} Domain
 * @typedef {import("../ui/theme.mjs").Style} Style
 * @typedef {{label: string, letter: string, role: "input" | "energy" | "prediction", key: string, domain: Domain}} Picture of
 *   the card's frame, in the track of that key
 * @typedef {{letter: string, name: string, sigma: number | null, standing: string}} Reading the mean energy of a method, and
 *   where that lies among rooms
 * @typedef {{lo: number, hi: number, limit: number | null}} Scale of all cards, σ; limit: the percentile of rooms, where stated
 * @typedef {{name: string, title: string, category: string, nFrames: number, frame: number, pictures: Picture[],
 *   readings: Reading[], amongRooms: string, compare: string, sheet: string, space: string,
 *   film: import("./picture_film.mjs").FilmedDepth | null, credit: string, attribution: string, source: string}} Card compare,
 *   sheet, space and source are addresses; "": there is none; film: the depth through which a camera can move
 * @typedef {{passQuery: string, letters: string, styles: Record<string, Style>, scale: Scale, cards: Card[]}} Data
 * @typedef {{data: Data, parentElement: ShadowRoot | HTMLElement}} Component
 */

/** The gallery of each place on the page: Streamlit mounts again with every run. @type {WeakMap<Node, Gallery>} */
const galleries = new WeakMap();

/** @param {Component} component */
export function mount({ data, parentElement }) {
  const known = galleries.get(parentElement);
  const gallery = known?.root.isConnected ? known : new Gallery(parentElement);
  galleries.set(parentElement, gallery);
  gallery.update(data);
  return () => {};
}

/** Where a value lies on the scale, % from its left end; values beyond an end lie at it. Pure. @param {number} value @param {Pick<Scale, "lo" | "hi">} scale */
export function placeOf(value, { lo, hi }) {
  return 100 * Math.min(Math.max((value - lo) / (hi - lo), 0), 1);
}

/** What the scale of a card says, for those who do not see it. Pure. @param {Reading[]} readings */
export function spokenReadings(readings) {
  return readings
    .map(({ name, sigma, standing }) =>
      sigma === null ? `${name}: ${standing}` : `${name} ${withUnit(sigma, "σ")}, ${standing}`,
    )
    .join("; ");
}

/** Readings whose places among rooms are said in one line: A and B mostly lie alike. Pure. @param {Reading[]} readings @returns {string[]} */
export function standings(readings) {
  const distinct = [...new Set(readings.map(({ standing }) => standing))];
  if (distinct.length === 1) return [readings.length > 1 ? `Both ${distinct[0]}` : capital(distinct[0])];
  return readings.map(({ letter, standing }) => `${letter} ${standing}`);
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

class Gallery {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    this.root = element("ul", { class: "xc gallery", "aria-label": "pictures by energy, the lowest first" });
    const sheets = [new URL("../ui/player.css", import.meta.url).href, new URL("./gallery.css", import.meta.url).href];
    parent.replaceChildren(...sheets.map((href) => element("link", { rel: "stylesheet", href })), this.root);
    this.theme = new Theme(this.root);
    /** What a card shows, as text -> its element, so that a run that changes nothing draws nothing again. @type {Map<string, HTMLElement>} */
    this.shown = new Map();
    /** @type {Map<Element, () => void>} */
    this.waiting = new Map();
    this.observer = new IntersectionObserver((entries) => this.load(entries), { rootMargin: AHEAD });
  }

  /** @param {Data} data */
  update(data) {
    this.theme.setStyles(data.letters, data.styles);
    this.theme.apply();
    const before = this.shown;
    this.shown = new Map();
    for (const card of data.cards) {
      const text = JSON.stringify([card, data.passQuery]);
      const root = before.get(text) ?? this.draw(card, data);
      root.querySelector(".readings")?.replaceWith(readings(card, data.scale)); // the scale grows with the cards
      this.shown.set(text, root);
    }
    for (const [text, gone] of before) if (!this.shown.has(text)) this.forget(gone);
    const order = [...this.shown.values()];
    if (order.every((card, place) => card === this.root.children[place]) && order.length === this.root.children.length)
      return;
    // A card that moves would lose the focus.
    const focused = /** @type {ShadowRoot | Document} */ (this.root.getRootNode()).activeElement;
    this.root.replaceChildren(...order);
    if (focused instanceof HTMLElement && this.root.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** The pictures of a card that is gone need not be loaded. @param {HTMLElement} gone */
  forget(gone) {
    for (const canvas of gone.querySelectorAll("canvas")) {
      this.observer.unobserve(canvas);
      this.waiting.delete(canvas);
    }
  }

  /** @param {IntersectionObserverEntry[]} entries */
  load(entries) {
    for (const { target, isIntersecting } of entries) {
      const act = isIntersecting && this.waiting.get(target);
      if (!act) continue;
      this.observer.unobserve(target);
      this.waiting.delete(target);
      act();
    }
  }

  /** @param {Card} card @param {Data} data */
  draw(card, data) {
    const title = element("h2", { text: card.title });
    const clip = card.nFrames > 1 ? ` · ${card.nFrames} frames` : "";
    const pictures = card.pictures.map((picture) => this.picture(picture, card, data));
    const compare = element("a", {
      class: "pictures",
      href: card.compare,
      target: "_top",
      "aria-label": `Compare on ${card.title}`,
    });
    compare.append(...pictures);
    const links = [element("a", { class: "way", href: card.compare, target: "_top", text: "Compare" })];
    if (card.sheet) links.push(element("a", { class: "way", href: card.sheet, target: "_top", text: "All domains" }));
    if (card.space) links.push(element("a", { class: "way", href: card.space, target: "_top", text: "In space" }));
    const film = card.film && this.film(card.film, pictures[0], card, data);
    return element(
      "li",
      { class: "card" },
      element("div", { class: "card-head" }, title, element("p", { class: "muted", text: card.category + clip })),
      compare,
      readings(card, data.scale),
      element(
        "div",
        { class: "card-foot" },
        element("div", { class: "ways" }, ...links, ...(film ? [film] : [])),
        credit(card),
      ),
    );
  }

  /**
   * The button that moves a camera through a picture.
   * @param {import("./picture_film.mjs").FilmedDepth} depth @param {HTMLElement} box of the picture @param {Card} card @param {Data} data
   */
  film(depth, box, { title, frame, pictures }, { passQuery }) {
    const label = `Ken Burns: move a camera through ${title}, by the depth of ${depth.method}`;
    const made = element("button", {
      type: "button",
      class: "way",
      text: "Ken Burns",
      title: label,
      "aria-label": label,
    });
    const changed = (/** @type {boolean} */ isShown) => made.setAttribute("aria-pressed", String(isShown));
    const load = async (/** @type {string} */ key) => (await answerOf(`frames/${key}-${frame}${passQuery}`)).blob();
    /** @type {Promise<import("./picture_film.mjs").PictureFilm> | null} */
    let own = null;
    changed(false);
    made.addEventListener("click", async () => {
      own ??= import("./picture_film.mjs").then(({ PictureFilm }) => new PictureFilm(depth, box, changed));
      /** @type {import("./picture_film.mjs").PictureFilm} */
      let film;
      try {
        film = await own;
      } catch (error) {
        own = null; // so that the next press tries again
        return sayMissing(
          box,
          `The film cannot be loaded (${error instanceof Error ? error.message : error}). Reload the page.`,
        );
      }
      if (film.isShown) film.hide();
      else film.show(load, pictures[0].key);
    });
    return made;
  }

  /** @param {Picture} picture @param {Card} card @param {Data} data */
  picture(picture, { title, frame }, { passQuery }) {
    const canvas = element("canvas", { role: "img", "aria-label": `${picture.label}: ${title}` });
    const caption = element("span", { class: "picture-label" });
    if (picture.letter) caption.append(badge(picture.letter));
    caption.append(picture.label);
    const box = element("span", { class: "picture" }, canvas, caption);
    this.waiting.set(canvas, async () => {
      try {
        await paint(canvas, picture, `frames/${picture.key}-${frame}${passQuery}`);
        canvas.dataset.painted = picture.key;
      } catch {
        sayMissing(box, "This picture cannot be loaded.");
      }
    });
    this.observer.observe(canvas);
    return box;
  }
}

/** Say in the box of a picture what it does not show, in place of what was said before. @param {HTMLElement} box @param {string} text */
function sayMissing(box, text) {
  box.querySelector(".picture-missing")?.remove();
  box.append(element("span", { class: "picture-missing", text }));
}

/** @param {string} path relative to the base of the page */
async function answerOf(path) {
  const answer = await fetch(new URL(path, document.baseURI));
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

/** @param {HTMLCanvasElement} canvas @param {Picture} picture @param {string} path relative to the base of the page */
async function paint(canvas, { domain, role }, path) {
  const codes = await decodeBlob(await (await answerOf(path)).blob());
  const scale = role === "energy" ? energyScale(domain, { maps: {} }) : shownScale(domain);
  drawCodes(canvas, codes, domain, domain.channels === 1 ? shownTable(domain, scale) : null);
}

/** The energies on the scale of all cards, and where they lie among rooms. @param {Card} card @param {Scale} scale */
function readings(card, scale) {
  const known = card.readings.filter(({ sigma }) => sigma !== null);
  const strip = element("div", { class: "energies", role: "img", "aria-label": spokenReadings(card.readings) });
  const ticks = [{ value: 0, text: "0", kind: "zero", title: "0 σ: the mean of validation rooms" }];
  if (scale.limit !== null) {
    const title = `${withUnit(scale.limit, "σ")}: the 97.5th percentile of validation rooms`;
    ticks.push({ value: scale.limit, text: "97.5\u00a0%", kind: "limit", title });
  }
  for (const { value, text, kind, title } of ticks) {
    const tick = element("span", { class: `energies-tick ${kind}`, title }, element("span", { text }));
    tick.style.left = `${placeOf(value, scale)}%`;
    strip.append(tick);
  }
  for (const { letter, sigma } of known) {
    const mark = badge(letter);
    mark.classList.add("energies-mark", letter === "A" ? "above" : "below");
    mark.style.left = `${placeOf(/** @type {number} */ (sigma), scale)}%`;
    strip.append(mark);
  }
  const values = element("p", { class: "number values" });
  for (const { letter, name, sigma } of card.readings) {
    const text = sigma === null ? "–" : withUnit(sigma, "σ");
    values.append(element("span", { title: name }, badge(letter), text));
  }
  const isHigh = known.some(({ sigma }) => scale.limit !== null && /** @type {number} */ (sigma) > scale.limit);
  const words = element("p", { class: isHigh ? "standing is-high" : "standing" });
  words.append(element("span", { text: standings(card.readings).join("; ") }));
  if (card.amongRooms) words.append(element("span", { class: "muted", text: card.amongRooms }));
  return element("div", { class: "readings" }, strip, values, words);
}

/** @param {Card} card */
function credit({ credit: text, attribution, source }) {
  const line = element("p", { class: "credit muted", title: attribution, text });
  if (source)
    line.append(" · ", element("a", { href: source, target: "_blank", rel: "noopener noreferrer", text: "source" }));
  return line;
}

/** @param {string} letter */
function badge(letter) {
  const made = element("span", { class: "badge", text: letter });
  made.style.setProperty("--xc-own", `var(--xc-${letter.toLowerCase()})`);
  return made;
}
