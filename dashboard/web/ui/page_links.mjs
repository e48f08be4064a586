// @ts-check
/**
 * The links of the bar: marks the one to the current page, for the eye and for assistive technology, and lets them lead on
 * with the place on the screen. Streamlit's own links carry the address of the last whole run, which a step of the player
 * does not cause.
 */

const BAR = ".st-key-pages";

/** Asks whoever knows a newer place than the address to write it into the query that the event brings. */
export const LEAVING = "crosscheck-leaving";

/**
 * @typedef {{data: {container: string, carried: string[]}, parentElement: ShadowRoot | HTMLElement}} Component
 *   container: key of the current link's container; carried: the parameters that mean the same on every page
 */

let listening = new AbortController();

/** Called for every change of data, which need not end what the call before began. @param {Component} component */
export function mount({ data }) {
  listening.abort();
  const abort = new AbortController();
  listening = abort;
  mark(document, data.container);
  // Streamlit may draw the links after this component, or again.
  const observer = new MutationObserver(() => mark(document, data.container));
  const bar = document.querySelector(".st-key-bar") ?? document.body;
  observer.observe(bar, { childList: true, subtree: true });
  abort.signal.addEventListener("abort", () => observer.disconnect());
  const options = { capture: true, signal: abort.signal };
  for (const name of ["pointerdown", "contextmenu", "keydown"])
    document.addEventListener(name, (event) => refresh(linkOf(event), data.carried), options);
  document.addEventListener("click", (event) => follow(event, data.carried), options);
  return () => abort.abort();
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

/** @param {Event} event @returns {HTMLAnchorElement | null} the link of the bar that it is about */
function linkOf({ target }) {
  return target instanceof Element ? /** @type {HTMLAnchorElement | null} */ (target.closest(`${BAR} a`)) : null;
}

/** @param {HTMLAnchorElement} link @returns {string} the address of its page. Streamlit's link to the first page is a query alone */
function pageOf(link) {
  const [path] = (link.getAttribute("href") ?? "").split("?");
  return new URL(path || "./", document.baseURI).href;
}

/** @returns {string} the address of this page with the place on the screen, which may be newer than the address bar */
function here() {
  const address = new URL(location.href);
  document.dispatchEvent(new CustomEvent(LEAVING, { detail: address.searchParams }));
  return address.href;
}

/** Let a link that is about to be opened, copied or followed lead on with the place on the screen. @param {HTMLAnchorElement | null} link @param {string[]} carried */
function refresh(link, carried) {
  if (link) link.href = leadingOn(pageOf(link), here(), carried);
}

/** @param {MouseEvent} event @param {string[]} carried */
function follow(event, carried) {
  const link = linkOf(event);
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  if (link.getAttribute("aria-current") === "page") return;
  const left = here();
  // Back comes to where one left, not to where the page had settled last.
  if (left !== location.href) history.replaceState(history.state, "", left);
  history.pushState({}, "", leadingOn(pageOf(link), left, carried));
  window.dispatchEvent(new PopStateEvent("popstate")); // what Streamlit takes for Back and Forward, with the address as it is
}

/**
 * The page of one address with the parameters of another, as far as they mean the same on every page.
 * @param {string} page @param {string} from @param {string[]} carried @returns {string}
 */
export function leadingOn(page, from, carried) {
  const address = new URL(page);
  address.search = String(
    new URLSearchParams([...new URL(from).searchParams].filter(([name]) => carried.includes(name))),
  );
  return address.href;
}
