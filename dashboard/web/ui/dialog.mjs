// @ts-check
/** How does a panel stand over the page? A modal <dialog>: it keeps the focus, Escape ends it, and the focus goes back. */

import { button, element } from "./dom.mjs";

/**
 * @param {string} name what it is
 * @param {{className: string, closed?: () => void}} options closed: called however it was closed
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
  made.addEventListener("click", (/** @type {MouseEvent} */ event) => {
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
  made.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.stopPropagation());
  return made;
}
