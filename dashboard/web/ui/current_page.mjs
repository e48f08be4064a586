// @ts-check
/** Marks the link to the current page, for the eye and for assistive technology, and brings it into view in a narrow bar. */

const BAR = ".st-key-pages";

/** @typedef {{data: {container: string}, parentElement: ShadowRoot | HTMLElement}} Component container: key of the link's container */

/** @param {Component} component */
export function mount({ data }) {
  mark(document, data.container);
  // Streamlit may draw the links after this component, or again.
  const observer = new MutationObserver(() => mark(document, data.container));
  const bar = document.querySelector(".st-key-bar") ?? document.body;
  observer.observe(bar, { childList: true, subtree: true });
  return () => observer.disconnect();
}

/** Give the one link aria-current and take it from the others. @param {Document} page @param {string} container */
export function mark(page, container) {
  const bar = page.querySelector(BAR);
  for (const link of bar?.querySelectorAll("a") ?? []) {
    const isCurrent = link.closest(`.st-key-${container}`) !== null;
    const wasCurrent = link.getAttribute("aria-current") === "page";
    if (isCurrent === wasCurrent) continue;
    if (isCurrent) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
}
