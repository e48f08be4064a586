// @ts-check
/** The player's elements on the page: pictures, toolbar, plots, messages and help, and the room that each has. */

import { element } from "../ui/dom.mjs";
import { Theme } from "../ui/theme.mjs";
import { Toolbar } from "./toolbar.mjs";

/** A message stays this long, and longer where something can be done about it. */
const MESSAGE_MS = { plain: 2500, withControl: 12000 };
/** The pictures keep at least this share of the window's height, even where the plots then need scrolling. */
const MIN_STAGE_SHARE = { wide: 0.37, upright: 0.5 };
/** From this width of the player on, in a window of 1600 px, plots stand beside the pictures. */
const BESIDE_FROM_PX = 1540;
/** Between the rows of the player, CSS px: the pictures leave room for three of them. */
const ROW_GAPS_PX = 3 * 8;

export class Shell {
  /**
   * @param {ShadowRoot | HTMLElement} parent
   * @param {{stage: HTMLElement, timers: import("../ui/timers.mjs").Timers, run: (action: string, ...given: any[]) => void}} options
   *   run: an action of keys.mjs
   */
  constructor(parent, { stage, timers, run }) {
    this.parent = parent;
    this.timers = timers;
    this.style = element("link", { rel: "stylesheet", href: new URL("../ui/player.css", import.meta.url).href });
    this.toolbar = new Toolbar(run);
    this.charts = element("div", { class: "charts" });
    // In the browser's top layer: the page's scrolling, clipping and transforms do not reach it.
    this.toast = element("div", { class: "toast", popover: "manual" });
    /** What screen readers hear of it: an element that comes and goes is not read out. */
    this.spoken = element("span", { class: "unseen", role: "status" });
    /** Imported and made when it is first opened. @type {HTMLDialogElement | null} */
    this.help = null;
    this.root = element(
      "div",
      { class: "xc", tabindex: "0", role: "region", "aria-label": "Synchronized player. Press ? for help." },
      this.toast, // first, so that Tab leads from the player to what can be done about a message
      stage,
      this.toolbar.root,
      this.charts,
      this.spoken,
    );
    this.stage = stage;
    this.theme = new Theme(this.root);
  }

  /** Put all of it on the page. Without the style sheet sizes are wrong, so nothing shows before that has come. @param {() => void} ready */
  open(ready) {
    this.root.style.visibility = "hidden";
    const reveal = () => {
      this.root.style.visibility = "";
      ready();
    };
    this.style.addEventListener("load", reveal, { once: true });
    this.style.addEventListener("error", reveal, { once: true });
    this.parent.append(this.style, this.root);
  }

  close() {
    this.root.remove();
    this.style.remove();
  }

  /** Put the elements of a part in their places. @param {import("../player/context.mjs").Part} part @param {import("../player/context.mjs").Timeline | null} timeline */
  add({ element: own, buttons = [], onTimeline, underTimeline }, timeline) {
    if (own) this.charts.after(own);
    this.toolbar.addButtons(...buttons);
    if (onTimeline) timeline?.thumb.before(onTimeline);
    if (underTimeline) timeline?.root.after(underTimeline);
  }

  /** The element of the page that holds the player. @returns {Element} */
  get host() {
    return this.parent instanceof ShadowRoot ? this.parent.host : this.parent;
  }

  /** Give the player the keys. */
  focus() {
    this.root.focus({ preventScroll: true });
  }

  /** A short message to the viewer, read out by screen readers too. @param {string} text @param {...HTMLElement} controls */
  announce(text, ...controls) {
    this.toast.replaceChildren(text, ...controls);
    this.spoken.textContent = text;
    if (!this.hasMessage) this.toast.showPopover();
    const stay = () =>
      this.timers.later("toast", controls.length ? MESSAGE_MS.withControl : MESSAGE_MS.plain, () =>
        this.toast.matches(":focus-within, :hover") ? stay() : this.dismiss(),
      );
    stay();
  }

  get hasMessage() {
    return this.toast.matches(":popover-open");
  }

  /** Take the message away. */
  dismiss() {
    this.spoken.textContent = "";
    if (this.hasMessage) this.toast.hidePopover();
  }

  /** Do what the message offers. @returns {boolean} whether it offers anything */
  undo() {
    const offered = this.hasMessage ? this.toast.querySelector("button") : null;
    offered?.click();
    return offered !== null;
  }

  /** @param {boolean} isLoading whether frames are late */
  setLoading(isLoading) {
    this.root.toggleAttribute("data-loading", isLoading);
  }

  async toggleFullscreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.root.requestFullscreen();
    } catch {
      this.announce("this browser does not allow fullscreen here");
    }
  }

  async openHelp() {
    try {
      const { helpPanel } = await import("../commands/help.mjs");
      this.help ??= helpPanel(); // of two presses while it loads, both come here
    } catch (error) {
      return this.announce(
        `the help cannot be loaded (${error instanceof Error ? error.message : error}). Reload the page.`,
      );
    }
    if (!this.help.isConnected) this.spoken.before(this.help);
    if (!this.help.open) this.help.showModal();
    this.help.scrollTop = 0;
  }

  /** Put the plots beside the pictures where there is room for both. @param {boolean} hasPlots @returns {boolean} whether they are there */
  placePlots(hasPlots) {
    const isBeside = hasPlots && this.root.clientWidth >= BESIDE_FROM_PX;
    this.root.toggleAttribute("data-beside", isBeside);
    return isBeside;
  }

  /**
   * Height for the pictures, CSS px, that keeps toolbar and first plot in the window.
   * @param {number | null} size % of the window's height that the viewer chose @param {number} plotPx height of the first plot
   */
  roomForStage(size, plotPx) {
    const height = window.innerHeight;
    if (size) return (size / 100) * height;
    if (this.root.matches(":fullscreen")) return height - this.toolbar.heightPx - plotPx - ROW_GAPS_PX;
    let scroller = this.host.parentElement;
    while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowY)) scroller = scroller.parentElement;
    const top = this.stage.getBoundingClientRect().top + (scroller ? scroller.scrollTop : window.scrollY);
    const least = height > window.innerWidth ? MIN_STAGE_SHARE.upright : MIN_STAGE_SHARE.wide;
    return Math.max(height - top - this.toolbar.heightPx - plotPx - ROW_GAPS_PX, least * height);
  }
}
