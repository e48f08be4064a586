// @ts-check
/** A panel over the page: a modal <dialog> that keeps the focus, closes on Escape and then gives the focus back. */

import { button, element } from "./dom.mjs";

/**
 * @param {string} name its accessible name
 * @param {{className: string, closed?: () => void}} options closed: called after any way of closing
 * @param {...(Node | string)} children
 * @returns {HTMLDialogElement}
 */
export function dialog(name, { className, closed = () => {} }, ...children) {
  const close = button("close (Esc)", null, "×");
  close.classList.add("close");
  const made = element("dialog", { class: className, "aria-label": name }, close, ...children);
  close.addEventListener("click", () => made.close());
  made.addEventListener("close", closed);
  // A click beside the card reaches the dialog itself.
  made.addEventListener("click", (event) => {
    if (event.target !== made) return;
    const box = made.getBoundingClientRect();
    const isInside =
      event.clientX >= box.left &&
      event.clientX <= box.right &&
      event.clientY >= box.top &&
      event.clientY <= box.bottom;
    if (!isInside) made.close();
  });
  // Keys here are neither for the player nor for Streamlit, whose C clears its caches.
  made.addEventListener("keydown", (event) => event.stopPropagation());
  return made;
}
