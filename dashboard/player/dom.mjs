// @ts-check
/** Small helpers that make elements. Text only ever goes in as text: titles come from outside. */

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes] `text` is the text content
 * @param {...(Node | string)} children
 * @returns {any}
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

/** 16 x 16 outlines. */
const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  back: "M12 3v10L5.5 8zM3.5 3h1.8v10H3.5z",
  forward: "M4 3v10l6.5-5zM10.7 3h1.8v10h-1.8z",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11 9M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L5 7",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  if (name === "link") svg.setAttribute("class", "outline");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {string} label what it does, also its tooltip
 * @param {keyof typeof ICONS | null} iconName
 * @param {string} [text]
 */
export function button(label, iconName, text = "") {
  const made = element("button", { type: "button", "aria-label": label, title: label });
  if (iconName) made.append(icon(iconName));
  if (text) made.append(text);
  return made;
}
