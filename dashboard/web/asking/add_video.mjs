// @ts-check
/**
 * The button and dialog that add a video: asks for it, uploads it, follows what was asked for, and opens the clip as soon as it
 * has frames.
 */

import { dialog } from "../ui/dialog.mjs";
import { button, element } from "../ui/dom.mjs";
import { Theme } from "../ui/theme.mjs";
import { Timers } from "../ui/timers.mjs";
import { Api, Refusal } from "./api.mjs";
import { megabytes } from "./cost.mjs";
import { asking } from "./opener.mjs";
import { RequestList } from "./request_list.mjs";
import { VideoForm } from "./video_form.mjs";

/** Between two looks at what was asked for, ms: while something is under way, and while the dialog is merely open. */
const LOOK_MS = { live: 1000, idle: 5000 };

/** Attempts to open a clip, LOOK_MS.live apart: a page that is busy with packs answers late. */
const MAX_TRIES = 20;

/**
 * @typedef {import("./request_list.mjs").Row} Row
 * @typedef {import("./video_form.mjs").Data & {ticket: string, serveCommand: string, serveBlanks: string, clip: string, keptDays: number}} Data clip: key of the one on the page, or ""
 * @typedef {{data: Data, parentElement: HTMLElement, setTriggerValue: (name: string, request: unknown) => void}} Component
 */

/** One for the page: when the first clip arrives, the button moves into the header, and what is under way goes on. @type {AddVideo | null} */
let one = null;

/** Where the page has a place for it, the newest last. @type {Set<HTMLElement>} */
const places = new Set();

/** Streamlit's entry, called again with new data, another theme or in another place. @param {Component} component */
export function mount({ data, parentElement, setTriggerValue }) {
  one ??= new AddVideo();
  const own = one;
  places.delete(parentElement);
  places.add(parentElement);
  if (parentElement.isConnected || !own.host.isConnected) {
    own.moveTo(parentElement);
    own.update(data, setTriggerValue);
  }
  return () => {
    places.delete(parentElement);
    // While the header appears there are two places, and the one that goes may have been told of new data last.
    requestAnimationFrame(() => {
      const left = [...places].filter((place) => place.isConnected).pop();
      if (left && !own.host.isConnected) own.moveTo(left);
    });
  };
}

class AddVideo {
  constructor() {
    this.api = new Api("", document.baseURI);
    this.timers = new Timers();
    /** @type {Component["setTriggerValue"]} */
    this.request = () => {};
    /** @type {Row[]} */
    this.rows = [];
    /** The request whose clip opens by itself. */
    this.awaited = "";
    /** The clip that the page was asked to show, and how often: of two simultaneous runs of the page, Streamlit forgets one. */
    this.wanted = { clip: "", nTries: 0 };
    /** While a file is uploaded. @type {AbortController | null} */
    this.uploading = null;
    this.form = new VideoForm((wanted) => this.ask(wanted));
    this.list = new RequestList((deed, row) => this.act(deed, row));
    this.message = element("p", { class: "message", role: "status" });
    this.bar = element("progress", { max: "1", "aria-label": "progress of the upload" });
    this.stop = button("cancel the upload", null, "Cancel");
    this.stop.addEventListener("click", () => this.uploading?.abort());
    this.sending = element("div", { class: "sending", hidden: "" }, this.bar, this.stop);
    this.noWorker = element("p", { class: "note", hidden: "" });
    this.kept = element("p", { class: "muted" });
    this.panel = dialog(
      "Add a video",
      { className: "add-video", closed: () => this.close() },
      element("h2", { text: "Add a video" }),
      this.form.root,
      this.sending,
      this.message,
      this.noWorker,
      this.list.root,
      this.kept,
    );
    this.panel.addEventListener("dragover", (event) => event.preventDefault());
    this.panel.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file && !this.uploading) this.form.take(file);
    });
    this.opener = element("button", { type: "button", class: "opener" });
    this.opener.addEventListener("click", () => this.open());
    asking.open = () => this.open();
    this.host = element("div", { class: "add-video-opener" }, this.opener);
    this.root = element("div", { class: "xc" }, this.panel);
    this.theme = new Theme(this.root);
    this.describe();
  }

  /** @param {ShadowRoot | HTMLElement} parent */
  moveTo(parent) {
    if (parent.contains(this.host)) return;
    const isOpen = this.panel.open;
    if (isOpen) this.panel.close();
    parent.replaceChildren(
      element("link", { rel: "stylesheet", href: new URL("../ui/player.css", import.meta.url).href }),
      element("link", { rel: "stylesheet", href: new URL("./asking.css", import.meta.url).href }),
      this.host,
    );
    if (isOpen) this.open();
  }

  /** @param {Data} data @param {Component["setTriggerValue"]} request */
  update(data, request) {
    const isNew = this.api.ticket === "";
    this.api.ticket = data.ticket;
    this.request = request;
    if (data.clip === this.wanted.clip) this.wanted.clip = "";
    this.serveCommand = [data.serveCommand, data.serveBlanks].filter(Boolean).join(" · ");
    this.kept.textContent = `Videos and results are deleted after ${data.keptDays} days, sooner if room is needed, or when you say so. They are shown to nobody else without their link.`;
    this.form.update(data);
    if (this.panel.open) this.theme.apply();
    if (isNew) this.look();
  }

  open() {
    if (this.panel.open) return;
    this.host.append(this.root);
    this.theme.apply();
    this.panel.showModal();
    this.look();
  }

  close() {
    if (this.panel.open) return; // it has moved, and was opened again before it could say that it was closed
    this.root.remove();
    if (document.activeElement === document.body) this.opener.focus({ preventScroll: true });
  }

  /** @param {import("./video_form.mjs").Wanted} wanted */
  async ask({ source, options }) {
    if (this.uploading) return;
    this.uploading = new AbortController();
    this.form.ask.disabled = true;
    this.say("");
    try {
      const from = "file" in source ? { upload: await this.upload(source.file), title: source.file.name } : source;
      const { answer } = await this.api.call("POST", "requests", { json: { source: from, options } });
      this.awaited = answer.id;
      this.form.take(null);
      this.form.address.value = "";
      this.say("Asked. The clip opens by itself as soon as its first frames are ready.");
    } catch (error) {
      this.fail(error);
    }
    this.uploading = null;
    this.sending.hidden = true;
    this.form.describe();
    this.look();
  }

  /** @param {File} file */
  async upload(file) {
    this.sending.hidden = false;
    const progress = (/** @type {number} */ nBytes) => {
      this.bar.value = nBytes / Math.max(1, file.size);
      this.say(`Uploading: ${megabytes(nBytes)} of ${megabytes(file.size)}.`);
    };
    progress(0);
    return await this.api.upload(file, { signal: /** @type {AbortController} */ (this.uploading).signal, progress });
  }

  /** @param {import("./request_list.mjs").Deed} deed @param {Row} row */
  async act(deed, row) {
    try {
      if (deed === "open") return this.show(row.clip);
      if (deed === "cancel") await this.api.call("POST", `requests/${row.id}/cancel`);
      if (deed === "delete") await this.api.call("DELETE", `requests/${row.id}`);
      if (deed === "again") {
        const { answer } = await this.api.call("POST", "requests", { json: { again: row.id } });
        this.awaited = answer.id;
      }
      this.say("");
    } catch (error) {
      this.fail(error);
    }
    await this.look();
  }

  /** Look at what was asked for, and again later while something is under way. */
  async look() {
    try {
      const { answer } = await this.api.call("GET", "requests");
      this.rows = answer.requests;
      this.noWorker.hidden = answer.isServed || !this.rows.some(({ isLive }) => isLive);
      this.noWorker.textContent = `No worker is running, so nothing is computed yet. Start one: ${this.serveCommand}`;
      this.list.show(this.rows);
      const awaited = this.rows.find(({ id }) => id === this.awaited);
      if (awaited?.clip) this.show(awaited.clip);
      else this.showAgain();
    } catch (error) {
      if (this.panel.open) this.fail(error);
    }
    this.describe();
    const isLive = this.rows.some((row) => row.isLive);
    const isOpening = this.wanted.clip !== "" && this.wanted.nTries < MAX_TRIES;
    if (this.host.isConnected && (isLive || isOpening || this.panel.open))
      this.timers.later("look", isLive || isOpening ? LOOK_MS.live : LOOK_MS.idle, () => this.look());
  }

  /** @param {string} clip */
  show(clip) {
    this.awaited = "";
    this.say("");
    if (this.panel.open) this.panel.close();
    this.wanted = { clip, nTries: 0 };
    this.showAgain();
  }

  /** Ask the page for the clip until it shows it. */
  showAgain() {
    const { clip, nTries } = this.wanted;
    if (!clip || nTries === MAX_TRIES) return;
    this.wanted.nTries++;
    this.request("wish", { clip, turn: String(Date.now()) });
  }

  /** The button says what is under way. */
  describe() {
    const n = this.rows.filter(({ isLive }) => isLive).length;
    const running = this.rows.find(({ state }) => state === "running");
    const share = running?.share == null ? "" : `, ${Math.floor(100 * running.share)}\u00a0%`;
    const text = n ? `Add a video · ${n} under way${share}` : "Add a video";
    if (this.opener.textContent !== text) this.opener.textContent = text;
  }

  /** @param {string} text */
  say(text) {
    this.message.classList.remove("is-wrong");
    this.message.textContent = text;
  }

  /** @param {unknown} error */
  fail(error) {
    if (this.uploading?.signal.aborted) return this.say("The upload was cancelled.");
    this.say(error instanceof Refusal ? error.text : `This page failed: ${error}. Next: reload it.`);
    this.message.classList.add("is-wrong");
  }
}
