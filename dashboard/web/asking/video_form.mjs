// @ts-check
/** The form for one video: its source, the part of it, the networks, and what that costs. */

import { button, element, fill } from "../ui/dom.mjs";
import { choiceOf, costOf, costText, framesOf, megabytes } from "./cost.mjs";

/** The part that is offered first: about 100 frames, which two cores compute with the bundled networks in half a minute. */
const DEFAULT_PART = { start: "0", end: "10", fps: "10" };
/** Wait for a chosen file to state how long it is: browsers do not read every format. */
const METADATA_MS = 5000;

/**
 * @typedef {import("./cost.mjs").Offer} Offer
 * @typedef {{offers: Offer[], titles: Record<string, string>, maxUploadMb: number}} Data titles: of domains
 * @typedef {{source: {address: string} | {file: File}, options: Record<string, unknown>}} Wanted
 */

export class VideoForm {
  /** @param {(wanted: Wanted) => void} submit */
  constructor(submit) {
    /** @type {Data} */
    this.data = { offers: [], titles: {}, maxUploadMb: 0 };
    /** @type {File | null} */
    this.file = null;
    /** Duration of the file, seconds; null if it is unknown. @type {number | null} */
    this.duration = null;
    this.address = element("input", {
      type: "text",
      class: "address",
      inputmode: "url",
      "aria-label": "address of the video",
      placeholder: "https://www.youtube.com/watch?v=… or any address of a video",
      autocomplete: "off",
      spellcheck: "false",
      autofocus: "",
    });
    this.picker = element("input", { type: "file", accept: "video/*,image/*,.mkv,.ts,.flv", hidden: "" });
    this.choose = button("choose a video file to upload", null, "Choose a file");
    this.chosen = element("span", { class: "muted", text: "or drop one here" });
    this.part = {
      start: number("start, seconds", DEFAULT_PART.start),
      end: number("end, seconds", DEFAULT_PART.end),
      fps: number("frames per second; empty: every frame", DEFAULT_PART.fps),
    };
    this.zoo = element("select", { "aria-label": "zoo" });
    this.methods = element("fieldset", { class: "checks" });
    this.targets = element("fieldset", { class: "checks" });
    this.cost = element("p", { class: "cost muted", role: "status" });
    this.ask = button("compute this video", null, "Compute");
    this.ask.type = "submit";
    this.ask.classList.add("primary");
    this.root = element(
      "form",
      { class: "video-form", novalidate: "" },
      row("Address", this.address),
      row("Upload", this.choose, this.picker, this.chosen),
      row(
        "Part",
        label("from", this.part.start, "s"),
        label("to", this.part.end, "s"),
        label("", this.part.fps, "frames per second"),
      ),
      row("Zoo", this.zoo),
      row("Methods", this.methods),
      row("Predictions", this.targets),
      element("div", { class: "ask" }, this.cost, this.ask),
    );
    this.choose.addEventListener("click", () => this.picker.click());
    this.picker.addEventListener("change", () => this.take(this.picker.files?.[0] ?? null));
    this.address.addEventListener("input", () => {
      if (this.address.value) this.take(null);
      this.describe();
    });
    this.zoo.addEventListener("change", () => this.showOffer());
    this.root.addEventListener("input", () => this.describe());
    this.root.addEventListener("change", () => this.describe());
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = this.wanted();
      if (wanted) submit(wanted);
    });
  }

  /** @param {Data} data */
  update(data) {
    const isOther = JSON.stringify(data.offers.map(({ zoo }) => zoo)) !== JSON.stringify(this.zoos());
    this.data = data;
    if (isOther) {
      fill(
        this.zoo,
        data.offers.map(({ zoo }) => [zoo, zoo]),
        this.zoo.value || data.offers[0]?.zoo || "",
      );
      if (!this.zoo.value && data.offers[0]) this.zoo.value = data.offers[0].zoo;
      this.showOffer();
    }
    this.describe();
  }

  zoos() {
    return this.data.offers.map(({ zoo }) => zoo);
  }

  /** @returns {Offer | undefined} */
  get offer() {
    return this.data.offers.find(({ zoo }) => zoo === this.zoo.value);
  }

  showOffer() {
    const groups = this.offer?.bytes ?? [];
    const { titles } = this.data;
    // Without any, the whole zoo is asked for.
    for (const set of [this.methods, this.targets]) set.parentElement?.toggleAttribute("hidden", groups.length === 0);
    checks(this.methods, "methods", new Map(groups.map(({ method }) => [method, method])));
    checks(this.targets, "predictions", new Map(groups.map(({ target }) => [target, titles[target] ?? target])));
    this.describe();
  }

  /** @param {File | null} file */
  take(file) {
    this.file = file;
    this.duration = null;
    if (!file) this.picker.value = "";
    else this.address.value = "";
    this.chosen.textContent = file ? `${file.name}, ${megabytes(file.size)}` : "or drop one here";
    this.describe();
    if (file)
      durationOf(file).then((seconds) => {
        if (this.file !== file) return;
        this.duration = seconds;
        this.describe();
      });
  }

  /** Say what it costs, or what is missing; only what is whole can be asked for. */
  describe() {
    const { offer } = this;
    const problem = this.problem();
    this.ask.disabled = problem !== "";
    this.cost.classList.toggle("is-wrong", problem !== "" && problem !== NO_SOURCE);
    if (problem || !offer) {
      this.cost.textContent = problem;
      return;
    }
    const nFrames = framesOf(this.times(), this.duration);
    this.cost.textContent = costText(nFrames, costOf(offer, this.choice(offer).chosen, nFrames ?? 0));
    this.ask.disabled = !nFrames;
  }

  problem() {
    const { start, end, fps } = this.times();
    if (!this.file && !this.address.value.trim()) return NO_SOURCE;
    if (this.file && this.file.size > this.data.maxUploadMb * 1e6)
      return `The file has ${megabytes(this.file.size)}; the limit is ${this.data.maxUploadMb} MB.`;
    if (!(start >= 0)) return "The start is a number of seconds.";
    if (end === null || !(end > start)) return "The end is a number of seconds, after the start.";
    if (fps !== null && !(fps > 0)) return "Frames per second is a number above 0, or empty for every frame.";
    if (!this.offer) return "This store knows no zoo yet.";
    if (!this.choice(this.offer).patterns.length) return "Choose a method and a prediction that it makes.";
    return "";
  }

  times() {
    const { start, end, fps } = this.part;
    return {
      start: Number(start.value || "0"),
      end: end.value.trim() ? Number(end.value) : null,
      fps: fps.value.trim() ? Number(fps.value) : null,
    };
  }

  /** @param {Offer} offer */
  choice(offer) {
    return choiceOf(offer, checked(this.methods), checked(this.targets));
  }

  /** @returns {Wanted | null} */
  wanted() {
    const { offer } = this;
    if (!offer || this.problem()) return null;
    const options = { zoo: offer.zoo, configurations: this.choice(offer).patterns, ...this.times() };
    const source = this.file ? { file: this.file } : { address: this.address.value.trim() };
    return { source, options };
  }
}

const NO_SOURCE = "Paste an address, or choose a file.";

/** How long a video file is, as far as the browser can read it. @param {File} file @returns {Promise<number | null>} s */
function durationOf(file) {
  const video = element("video", { preload: "metadata" });
  const address = URL.createObjectURL(file);
  return new Promise((/** @type {(seconds: number | null) => void} */ done) => {
    const found = () => done(Number.isFinite(video.duration) ? video.duration : null);
    video.addEventListener("loadedmetadata", found);
    video.addEventListener("error", () => done(null));
    setTimeout(() => done(null), METADATA_MS);
    video.src = address;
  }).finally(() => {
    video.removeAttribute("src");
    URL.revokeObjectURL(address);
  });
}

/** @param {string} name @param {string} value */
function number(name, value) {
  return element("input", { class: "number", type: "text", inputmode: "decimal", "aria-label": name, value });
}

/** @param {string} name @param {...Node} children */
function row(name, ...children) {
  return element("div", { class: "row" }, element("span", { class: "name", text: name }), ...children);
}

/** @param {string} before @param {Node} field @param {string} after */
function label(before, field, after) {
  return element("label", {}, before, field, after);
}

/** Boxes for these values, all checked. @param {HTMLElement} fieldset @param {string} name @param {Map<string, string>} labels */
function checks(fieldset, name, labels) {
  fieldset.replaceChildren(
    element("legend", { text: name }),
    ...[...labels].map(([value, text]) =>
      element("label", {}, element("input", { type: "checkbox", value, checked: "" }), text),
    ),
  );
}

/** @param {HTMLElement} fieldset */
function checked(fieldset) {
  return [...fieldset.querySelectorAll("input")].filter((box) => box.checked).map(({ value }) => value);
}
