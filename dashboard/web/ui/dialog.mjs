// @ts-check
/** A panel over the page: a modal <dialog> that keeps the focus, closes on Escape and then gives the focus back. */

import { button, element } from "./dom.mjs";

/** All that were made, of all components of the page: those that are gone are not held. @type {Set<WeakRef<HTMLDialogElement>>} */
const made = new Set();

/** Whether any of them is open: then keys are neither for the player nor for the page. */
export function isDialogOpen() {
  for (const one of made) {
    const dialog = one.deref();
    if (!dialog) made.delete(one);
    else if (dialog.open && dialog.isConnected) return true;
  }
  return false;
}

/**
 * @param {string} name its accessible name
 * @param {{className: string, closed?: () => void}} options closed: called after any way of closing
 * @param {...(Node | string)} children
 * @returns {HTMLDialogElement}
 */
export function dialog(name, { className, closed = () => {} }, ...children) {
  const close = button("close (Esc)", null, "×");
  close.classList.add("close");
  const root = element("dialog", { class: className, "aria-label": name }, close, ...children);
  made.add(new WeakRef(root));
  close.addEventListener("click", () => root.close());
  root.addEventListener("close", closed);
  // A click beside the card reaches the dialog itself.
  root.addEventListener("click", (event) => {
    if (event.target !== root) return;
    const box = root.getBoundingClientRect();
    const isInside =
      event.clientX >= box.left &&
      event.clientX <= box.right &&
      event.clientY >= box.top &&
      event.clientY <= box.bottom;
    if (!isInside) root.close();
  });
  // Keys here are neither for the player nor for Streamlit, whose C clears its caches.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  return root;
}
