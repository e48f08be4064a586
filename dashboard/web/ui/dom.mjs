// @ts-check
/** Helpers that make elements. Text is only ever inserted as text: titles come from outside. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes] `text` is the text content
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * `element` of a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} [attributes] `text` is the text content
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = String(value);
    else made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/** 16 x 16 outlines. */
const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  back: "M12 3v10L5.5 8zM3.5 3h1.8v10H3.5z",
  forward: "M4 3v10l6.5-5zM10.7 3h1.8v10h-1.8z",
  probe:
    "M7.25 1h1.5v4.5h-1.5zM7.25 10.5h1.5V15h-1.5zM1 7.25h4.5v1.5H1zM10.5 7.25H15v1.5h-4.5zM7.25 7.25h1.5v1.5h-1.5z",
  wipe: "M1.5 3h13v10h-13zM8.75 4.5v7H13v-7z",
  difference: "M7.2 2h1.6v3.2H12v1.6H8.8V10H7.2V6.8H4V5.2h3.2zM4 12h8v1.6H4z",
  // A ruler.
  measure: "M1 5h14v6H1zM2.5 6.5v3H4V8h1v1.5h1.5V8h1v1.5H9V7.5h1v2h1.5V8h1v1.5h1v-3z",
  energy: "M9.5 1L3.5 9h3.7l-1.2 6 6.5-8.5H8.6z",
  add: "M7.2 3h1.6v4.2H13v1.6H8.8V13H7.2V8.8H3V7.2h4.2z",
  // A box drawn on a picture, with a grip at each corner.
  region: "M2 2h3v1h6V2h3v3h-1v6h1v3h-3v-1H5v1H2v-3h1V5H2zM4.5 5v6H5v.5h6V11h.5V5H11v-.5H5V5z",
  fullscreen: "M2 2h4v1.5H3.5V6H2zM10 2h4v4h-1.5V3.5H10zM2 10h1.5v2.5H6V14H2zM12.5 10H14v4h-4v-1.5h2.5z",
  flicker: "M2 2h8v3H5v5H2zM6 6h8v8H6z",
  turn: "M8 3a5 5 0 1 0 5 5h-1.6A3.4 3.4 0 1 1 8 4.6V7l3.6-3.2L8 .6z",
  paths:
    "M4 8h3l3-4h2M7 8l3 4h2M4 8a1.5 1.5 0 1 0-3 0 1.5 1.5 0 0 0 3 0zM15 4a1.5 1.5 0 1 0-3 0 1.5 1.5 0 0 0 3 0zM15 12a1.5 1.5 0 1 0-3 0 1.5 1.5 0 0 0 3 0z",
  save: "M8 2v7M4.8 6.2L8 9.4l3.2-3.2M2.5 10.5v3h11v-3",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11 9M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L5 7",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = svgElement(
    "svg",
    { viewBox: "0 0 16 16", "aria-hidden": "true" },
    svgElement("path", { d: ICONS[name] }),
  );
  if (name === "link" || name === "save" || name === "paths") svg.setAttribute("class", "outline");
  return svg;
}

/**
 * @param {string} label what it does: name and tooltip
 * @param {keyof typeof ICONS | null} iconName
 * @param {string} [text]
 */
export function button(label, iconName, text = "") {
  const made = element("button", { type: "button", "aria-label": label, title: label });
  if (iconName) made.append(icon(iconName));
  if (text) made.append(text);
  return made;
}

/**
 * A button with a word beside its icon, where there is room for words.
 * @param {string} label @param {keyof typeof ICONS | null} iconName @param {string} word
 */
export function worded(label, iconName, word) {
  const made = button(label, iconName);
  made.append(element("span", { class: "word", text: word }));
  return made;
}

/** Gives a menu these options, where they are others, and chooses one. @param {HTMLSelectElement} menu @param {[string, string][]} options value and label @param {string} value */
export function fill(menu, options, value) {
  const text = JSON.stringify(options);
  if (menu.dataset.text !== text) {
    menu.dataset.text = text;
    menu.replaceChildren(...options.map(([name, label]) => element("option", { value: name, text: label })));
  }
  menu.value = value;
}

/** The ways in which a drag ends. */
export const DRAG_ENDS = /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"]);

/**
 * A short `addEventListener` of one element, until the signal aborts.
 * @param {HTMLElement} target @param {AbortSignal} signal @param {AddEventListenerOptions} [options]
 */
export function listener(target, signal, options = {}) {
  /**
   * @template {keyof HTMLElementEventMap} Name
   * @param {Name} name @param {(event: HTMLElementEventMap[Name]) => void} act
   */
  return (name, act) => target.addEventListener(name, act, { signal, ...options });
}
