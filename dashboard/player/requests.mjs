// @ts-check
/**
 * When may Python hear of something? Of two requests that come together, Streamlit carries out the later one alone: a
 * press of a button is lost where a report overtakes it. So what the player has to say waits until what was asked for
 * before, by the player or elsewhere on the page, has been taken in hand.
 */

/** A request is on its way to the server for so long. */
const QUIET_MS = 300;
/** A run that takes longer than this has seen its request. */
const PATIENCE_MS = 3000;
/** Who waits looks again after this. */
const RETRY_MS = 50;

/** What the viewer does on the page that may ask the server for something. */
const DEEDS = ["pointerup", "click", "change", "keydown"];

export class Requests {
  /**
   * @param {() => Element} host an element of the page around the player @param {HTMLElement} root the player, which says
   *   itself what it asks for @param {AbortSignal} signal ends the listening
   * @param {(name: string, ms: number, act: () => void) => void} later timers that end with the player
   */
  constructor(host, root, signal, later) {
    this.host = host;
    this.later = later;
    this.lastMs = -Infinity;
    /** @type {(() => void)[]} */
    this.waiting = [];
    const notice = (/** @type {Event} */ event) => {
      if (!event.composedPath().includes(root)) this.lastMs = performance.now();
    };
    for (const deed of DEEDS) document.addEventListener(deed, notice, { capture: true, signal });
  }

  /** Is a request on its way that another could overtake? */
  get isBusy() {
    const since = performance.now() - this.lastMs;
    if (since < QUIET_MS) return true;
    const app = /** @type {HTMLElement | null} */ (this.host().closest("[data-testid=stApp]"));
    return since < PATIENCE_MS && app?.dataset.testScriptState === "running";
  }

  /** Ask for something, after what was asked for before. @param {() => void} ask */
  add(ask) {
    this.waiting.push(ask);
    this.flush();
  }

  flush() {
    if (this.waiting.length > 0 && !this.isBusy) {
      this.waiting.shift()?.();
      this.lastMs = performance.now();
    }
    if (this.waiting.length > 0) this.later("requests", RETRY_MS, () => this.flush());
  }
}
