// @ts-check
/** The place for a picture: dropped, pasted or chosen, it goes to the server at once, and Python gets its digest. */

import { Api, Refusal } from "../asking/api.mjs";
import { element, listener } from "../ui/dom.mjs";
import { HEADER_BYTES, refusal, statedSize } from "./picture_size.mjs";

/** Letters of a file's name that Python gets: it is a title, nothing more. */
const MAX_TITLE_LETTERS = 100;
/** What the file dialog offers; whatever else a picture may be can be dropped. */
const ACCEPT = "image/*,.heic,.heif,.avif,.tif,.tiff,.webp";

/**
 * @typedef {{ticket: string, maxBytes: number, maxPixels: number, base: string}} Data base: of the style sheet's address
 * @typedef {{data: Data, parentElement: ShadowRoot | HTMLElement, setTriggerValue?: (name: string, value: unknown) => void}} Component
 */

/** @type {WeakMap<object, PictureInput>} */
const inputs = new WeakMap();

/** Streamlit's entry. @param {Component} component @returns {() => void} */
export function mount(component) {
  const parent = component.parentElement;
  const own = inputs.get(parent) ?? new PictureInput(parent);
  inputs.set(parent, own);
  own.component = component;
  own.turn += 1;
  const { turn } = own;
  return () => {
    if (own.turn !== turn) return;
    own.abort.abort();
    own.root.remove();
    inputs.delete(parent);
  };
}

/** None of a file that cannot be read: the upload says so. @param {File} file */
async function firstBytes(file) {
  try {
    return await file.slice(0, HEADER_BYTES).arrayBuffer();
  } catch {
    return new ArrayBuffer(0);
  }
}

class PictureInput {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    this.turn = 0;
    this.isSending = false;
    this.abort = new AbortController();
    const { signal } = this.abort;
    /** @type {Component | null} */
    this.component = null;
    this.file = element("input", { type: "file", accept: ACCEPT, "aria-label": "picture", class: "unseen" });
    this.choose = element("button", { type: "button", text: "Choose a picture" });
    this.words = element("p", {
      text: "Drop a picture here, paste one (Ctrl V), or choose a file: up to 20 MB and 40 megapixels.",
    });
    this.told = element("p", { role: "status", class: "told" });
    this.bar = element("progress", { max: "1", value: "0", "aria-label": "upload" });
    this.bar.hidden = true;
    this.root = element("div", { class: "picture-input" }, this.choose, this.file, this.words, this.bar, this.told);
    const sheet = element("link", {
      rel: "stylesheet",
      href: new URL("picture_input.css", import.meta.url).href,
    });
    this.root.append(sheet);
    parent.append(this.root);

    this.choose.addEventListener("click", () => this.file.click(), { signal });
    this.file.addEventListener("change", () => this.take(this.file.files), { signal });
    const on = listener(this.root, signal);
    on("dragover", (event) => {
      event.preventDefault();
      this.root.toggleAttribute("data-over", true);
    });
    on("dragleave", () => this.root.removeAttribute("data-over"));
    on("drop", (event) => {
      event.preventDefault();
      this.root.removeAttribute("data-over");
      this.take(/** @type {DragEvent} */ (event).dataTransfer?.files ?? null);
    });
    document.addEventListener(
      "paste",
      (event) => {
        const files = event.clipboardData?.files;
        if (!files?.length) return; // text, which belongs to whichever field has the focus
        event.preventDefault();
        this.take(files);
      },
      { signal },
    );
  }

  /** @param {FileList | null} files */
  async take(files) {
    const file = files?.[0];
    const component = this.component;
    if (!file || !component || this.isSending) return;
    const { ticket, maxBytes, maxPixels } = component.data;
    if (file.size > maxBytes) {
      const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0);
      this.tell(`The picture has ${mb(file.size)} MB; the limit is ${mb(maxBytes)} MB. Next: scale it down first.`);
      return;
    }
    this.isSending = true;
    const tooLarge = refusal(statedSize(await firstBytes(file)), maxPixels);
    if (tooLarge) {
      this.isSending = false;
      this.file.value = "";
      this.tell(tooLarge);
      return;
    }
    this.bar.hidden = false;
    this.tell("Uploading …");
    const progress = (/** @type {number} */ nBytes) => {
      this.bar.value = nBytes / Math.max(1, file.size);
    };
    progress(0);
    try {
      const upload = await new Api(ticket, document.baseURI).upload(file, { signal: this.abort.signal, progress });
      this.tell("Uploaded.");
      const title = (file.name || "pasted picture").slice(0, MAX_TITLE_LETTERS);
      this.component?.setTriggerValue?.("wish", { upload, title });
    } catch (error) {
      if (error instanceof Refusal) this.tell(error.text);
      else if (!this.abort.signal.aborted) throw error;
    } finally {
      this.isSending = false;
      this.bar.hidden = true;
      this.file.value = ""; // so that the same file can be chosen again
    }
  }

  /** @param {string} text */
  tell(text) {
    this.told.textContent = text;
  }
}
