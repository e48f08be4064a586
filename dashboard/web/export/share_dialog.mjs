// @ts-check
/**
 * The dialog that saves and shares the view: links, pictures, tables, values, videos and pages. The modules that make them are
 * imported when they are needed.
 */

import { copyLink } from "../controls/copy_link.mjs";
import { energyScale } from "../drawing/energy_scale.mjs";
import { dialog } from "../ui/dialog.mjs";
import { button, element, fill } from "../ui/dom.mjs";
import { markWithUnit, rangeText } from "../ui/numbers.mjs";
import { save, slug } from "../ui/save.mjs";
import { whyNoFilm } from "./film.mjs";
import { fetchValues, formatsOf, hasValues, valuesUrl } from "./values.mjs";

/** A video with more pixels a frame is slow to make and to play, so it is made smaller. */
const VIDEO = { maxPixels: 2560 * 1440, hasValues: false };
/** Mail servers, and some browsers, refuse a larger page. */
const HEAVY_BYTES = 100e6;

/** @typedef {import("../player/context.mjs").Context} Context */

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function shareDialog(context) {
  const share = new Share(context);
  return {
    element: share.panel,
    actions: {
      share: (row) => share.open(row),
      save: (maker) => share.run(maker),
    },
    update: () => share.panel.open && share.describe(),
    destroy: () => share.stop(),
  };
}

class Share {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** While something is made. @type {AbortController | null} */
    this.work = null;
    this.turn = 0;
    this.first = element("input", { class: "number", inputmode: "numeric", "aria-label": "first frame" });
    this.last = element("input", { class: "number", inputmode: "numeric", "aria-label": "last frame" });
    this.length = element("span", { class: "muted number", role: "status" });
    this.whole = button("all frames", null, "all");
    this.looped = button("the frames of the loop", null, "loop");
    this.maps = element("input", { type: "checkbox", checked: "" });
    this.rows = {
      link: row("Link", ["Copy"]),
      picture: row("Picture", ["Save PNG"]),
      table: row("Series", ["Save CSV"]),
      values: row("Values", ["Save frame", "Save range"]),
      video: row("Video", ["Save video"]),
      page: row("Page", ["Save HTML"]),
      report: row("Bookmarks", ["Save report"]),
    };
    this.parquet = element("a", { class: "as-button", download: "", text: "Save Parquet" });
    this.rows.table.actions.append(this.parquet);
    this.mapsLabel = element("label", { class: "maps" }, this.maps, "with energy maps");
    this.rows.page.text.after(this.mapsLabel);
    this.curves = element("input", { type: "checkbox", checked: "" });
    this.curvesLabel = element("label", { class: "maps" }, this.curves, "with curves");
    this.rows.picture.text.after(this.curvesLabel);
    this.valuesOf = element("select", { "aria-label": "whose values" });
    this.format = element("select", { "aria-label": "format of the values" });
    this.rows.values.text.after(element("span", { class: "maps" }, this.valuesOf, this.format));
    this.progress = element("progress", { "aria-label": "progress" });
    this.cancel = button("cancel", null, "Cancel");
    this.status = element("span", { role: "status" });
    this.foot = element("div", { class: "share-foot" }, this.progress, this.status, this.cancel);
    this.foot.hidden = true;
    this.panel = dialog(
      "Save and share",
      { className: "share", closed: () => this.stop() },
      element("h2", { text: "Save and share" }),
      element(
        "div",
        { class: "share-range" },
        element("span", { text: "Frames" }),
        this.first,
        element("span", { text: "to" }),
        this.last,
        this.whole,
        this.looped,
        this.length,
      ),
      ...Object.values(this.rows).map(({ root }) => root),
      this.foot,
    );
    this.listen();
  }

  get isFile() {
    return Boolean(this.context.data.isFile);
  }

  /** @param {keyof Share["rows"]} [name] the row that gets the focus */
  open(name) {
    this.setRange(this.context.view.state.loop ?? this.all);
    this.looped.hidden = !this.context.view.state.loop;
    if (!this.panel.open) this.panel.showModal();
    /** @type {HTMLElement | null} */
    const target = name ? this.rows[name].actions.querySelector("button:not(:disabled)") : null;
    (target ?? this.panel).focus({ preventScroll: true });
    this.describe();
  }

  stop() {
    this.turn += 1; // a size still being computed is no longer needed
    this.work?.abort();
  }

  listen() {
    this.whole.addEventListener("click", () => this.setRange(this.all));
    this.looped.addEventListener("click", () => this.setRange(this.context.view.state.loop ?? this.all));
    for (const field of [this.first, this.last]) field.addEventListener("change", () => this.describe());
    for (const box of [this.maps, this.curves]) box.addEventListener("change", () => this.describe());
    this.valuesOf.addEventListener("change", () => this.describeValues());
    this.cancel.addEventListener("click", () => this.work?.abort());
    const { link, picture, table, video, page, report } = this.rows;
    const on = (/** @type {ReturnType<typeof row>} */ { actions }, /** @type {() => void} */ act) =>
      actions.querySelector("button")?.addEventListener("click", act);
    on(link, () => {
      this.panel.close();
      copyLink(this.context);
    });
    on(picture, () => this.run("picture"));
    on(table, () => this.run("table"));
    const [frame, frames] = this.rows.values.actions.querySelectorAll("button");
    frame.addEventListener("click", () => this.run("frame"));
    frames.addEventListener("click", () => this.run("frames"));
    on(video, () => this.run("video"));
    on(page, () => this.run("page"));
    on(report, () => this.run("report"));
  }

  // The range

  /** @returns {[number, number]} */
  get all() {
    return [this.context.clip.firstReady, Math.max(this.context.clip.nReady - 1, 0)];
  }

  /** @param {[number, number]} range */
  setRange([first, last]) {
    this.first.value = String(first);
    this.last.value = String(last);
    if (this.panel.open) this.describe();
  }

  /** First and last frame, both included, whatever was typed. @returns {[number, number]} */
  get range() {
    const [low, high] = this.all;
    const read = (/** @type {HTMLInputElement} */ field, /** @type {number} */ otherwise) =>
      /^\d{1,9}$/.test(field.value.trim()) ? Math.min(Math.max(Number(field.value), low), high) : otherwise;
    // Without the panel, from the palette, it is the range of play.
    const typed = this.panel.open ? [read(this.first, low), read(this.last, high)] : this.context.clip.range;
    return [Math.min(...typed), Math.max(...typed)];
  }

  // What each row says

  async describe() {
    const { context, rows } = this;
    const [first, last] = this.range;
    const turn = ++this.turn;
    const count = last - first + 1;
    this.length.textContent = count === 1 ? "1 frame" : `${count} frames`;
    rows.link.text.textContent = this.isFile
      ? "This page is a file: send the file itself."
      : "Restores the choice of tracks, the frame and the view.";
    setEnabled(rows.link, !this.isFile);
    const n = context.data.charts.reduce((sum, { series }) => sum + series.length, 0);
    const parts = [`${n} ${n === 1 ? "curve" : "curves"}; CSV in 5 digits`];
    if (!this.isFile) parts.push("Parquet in full precision");
    if (context.series.region) parts.push(`the region in ${this.isFile ? "its own columns" : "the CSV only"}`);
    rows.table.text.textContent = `${parts.join(", ")}.`;
    this.parquet.hidden = this.isFile;
    if (!this.isFile) Object.assign(this.parquet, { href: this.parquetUrl, download: this.fileName("parquet") });
    this.describeValues();
    const reason = whyNoFilm();
    setEnabled(rows.video, !reason);
    rows.page.root.hidden = this.isFile;
    const { size } = context.notes;
    rows.report.root.hidden = size === 0;
    const marks = size === 1 ? "1 bookmark" : `${size} bookmarks`;
    rows.report.text.textContent = `${marks} with picture, numbers, note and link, as one HTML file.`;
    this.mapsLabel.hidden = Object.keys(context.data.energies ?? {}).length === 0;
    this.curvesLabel.hidden = context.charts.drawn.length === 0;
    rows.page.text.textContent = "Opens offline; measuring the size …";
    try {
      const [picture, video] = await Promise.all([this.snapshotWithPlots(), this.snapshot(VIDEO)]);
      if (turn !== this.turn) return;
      const frame = context.position.painted;
      rows.picture.text.textContent = `Frame ${frame} as shown, ${picture.width} × ${picture.height}.`;
      rows.video.text.textContent = reason ?? `Every frame, at the clip's rate: ${video.width} × ${video.height}.`;
    } catch (error) {
      if (turn === this.turn) rows.picture.text.textContent = `Cannot be saved: ${messageOf(error)}.`;
    }
    if (!this.isFile) await this.weigh(turn, first, last);
  }

  /** The panes whose numbers can be saved. */
  get valued() {
    return this.isFile ? [] : this.context.data.panes.filter(hasValues);
  }

  describeValues() {
    const { valued, valuesOf, format, rows } = this;
    rows.values.root.hidden = valued.length === 0;
    if (!valued.length) return;
    const names = valued.map(({ id, letter, title, detail, role }) => {
      const name = [letter, title].filter(Boolean).join(" ");
      return /** @type {[string, string]} */ ([id, role === "readout" ? `${name} ${detail}` : name]);
    });
    fill(valuesOf, names, valued.some(({ id }) => id === valuesOf.value) ? valuesOf.value : valued[0].id);
    const formats = formatsOf(this.valuedPane.domain);
    fill(format, formats, formats.some(([value]) => value === format.value) ? format.value : formats[0][0]);
    rows.values.text.textContent =
      "As stored, not aligned; unknown pixels are marked. ZIP with a note on what the numbers mean.";
  }

  get valuedPane() {
    return this.valued.find(({ id }) => id === this.valuesOf.value) ?? this.valued[0];
  }

  /** @param {[number, number]} range @param {AbortSignal} signal @returns {Promise<[Blob, string]>} */
  async saveValues(range, signal) {
    const pane = this.valuedPane;
    const url = valuesUrl(pane, this.format.value, range, this.context.data.passQuery ?? "", document.baseURI);
    this.showProgress("values", 0, range[1] - range[0] + 1);
    this.progress.removeAttribute("value"); // the server does not say how far it is
    const blob = await fetchValues(url, signal);
    const name = `${slug(`${pane.letter} ${pane.title} ${pane.domain.name}`)}_${range[0] === range[1] ? `frame-${range[0]}` : `frames-${range.join("-")}`}`;
    return [blob, this.fileName("zip", `_${name}`)];
  }

  /** Show the size of a page before it is written. @param {number} turn of `describe` @param {number} first @param {number} last */
  async weigh(turn, first, last) {
    const { text } = this.rows.page;
    try {
      const { pageParts } = await import("./offline_page.mjs");
      const { bytes } = await pageParts(this.context, { first, last, hasMaps: this.hasMaps });
      if (turn !== this.turn) return;
      const heavy = bytes > HEAVY_BYTES ? " That is large: choose fewer frames." : "";
      text.textContent = `Opens offline, plays and plots: ${megabytes(bytes)}.${heavy}`;
    } catch (error) {
      if (turn === this.turn) text.textContent = `Cannot be saved: ${messageOf(error)}.`;
    }
  }

  get hasMaps() {
    return this.maps.checked && !this.mapsLabel.hidden;
  }

  get parquetUrl() {
    const [first, last] = this.range;
    const url = new URL("series.parquet", document.baseURI);
    url.search = window.location.search;
    url.searchParams.set("first", String(first));
    url.searchParams.set("last", String(last));
    for (const [name, value] of new URLSearchParams(this.context.data.passQuery ?? ""))
      url.searchParams.set(name, value);
    return url.href;
  }

  /** @param {string} extension @param {string} [more] */
  fileName(extension, more = "") {
    const [first, last] = this.range;
    const [low, high] = this.all;
    const part = more || (first === low && last === high ? "" : `_frames-${first}-${last}`);
    return `crosscheck_${slug(this.context.data.title)}${part}.${extension}`;
  }

  /**
   * Energies of the chosen region, beside those of whole frames, and what each was measured on: pixels, or blocks of them
   * where the energy is raw or pixels cannot be read.
   * @returns {{name: string, values: ArrayLike<number | string>}[]}
   */
  regionColumns() {
    const { series, data } = this.context;
    const { region } = series;
    const energy = region && series.measure("energy");
    if (!energy) return [];
    const unit = energy.unit ? ` (${energy.unit})` : "";
    const columns = [...energy.byLetter].map(([letter, values]) => ({
      name: `${energy.title}, ${[letter, data.energies?.[letter]?.method].filter(Boolean).join(" ")}, ${region.name}${unit}`,
      values,
    }));
    return [...columns, { name: `${region.name}, measured on`, values: region.measuredOn }];
  }

  /** Return once the region's values are as exact as they become. @param {AbortSignal} signal */
  async settleRegion(signal) {
    const { series, playback } = this.context;
    if (!series.region || series.region.isFinal) return;
    playback.pause(); // its frames come before the pixels of the region
    await new Promise((/** @type {(done: void) => void} */ resolve, reject) => {
      const end = series.onChange(() => step());
      const step = () => {
        if (!series.region || series.region.isFinal) {
          end();
          resolve();
        } else this.showProgress("region", ...series.region.progress);
      };
      signal.addEventListener("abort", () => {
        end();
        reject(signal.reason);
      });
      step();
    });
  }

  // Making

  /** With room for the plots, where they are wanted; `drawCurves` fills it. */
  async snapshotWithPlots() {
    const { plotsOf } = await import("./plot_pictures.mjs");
    return this.snapshot({ plots: this.curves.checked ? plotsOf(this.context.charts) : [] });
  }

  /** @param {{maxPixels?: number, hasValues?: boolean, plots?: import("./plot_pictures.mjs").Plot[]}} [options] */
  async snapshot(options = {}) {
    const { Snapshot } = await import("./snapshot.mjs");
    const { stage, charts, data, ui } = this.context;
    const { state } = this.context.view;
    const seconds = (/** @type {number} */ frame) => data.ptsSeconds[frame] ?? NaN;
    const title = `${data.title}${overlayText(data, state)}`;
    const { wipe, region, probe } = state;
    const view = { stage, charts, theme: ui.theme, title, wipe, seconds, region, probe };
    return new Snapshot(view, options);
  }

  /** @type {Record<string, (signal: AbortSignal) => Promise<[Blob, string] | null>>} */
  makers = {
    picture: async () => {
      const { context } = this;
      await context.position.settle();
      if (!context.position.isExact) throw new Error("the lossless pictures have not loaded yet");
      const { drawCurves } = await import("./plot_pictures.mjs");
      const snapshot = await this.snapshotWithPlots();
      await drawCurves(context.charts, snapshot.plots, snapshot.layout.width);
      const frame = context.position.painted;
      snapshot.draw(frame, context.position.pictures);
      return [await snapshot.png(), this.fileName("png", `_frame-${frame}`)];
    },
    table: async (signal) => {
      const [first, last] = this.range;
      await this.settleRegion(signal);
      const { seriesCsv } = await import("./csv.mjs");
      const { notes, data } = this.context;
      const text = seriesCsv(data, { first, last, notes, more: this.regionColumns(), clip: data.title });
      // The byte order mark makes spreadsheets read UTF-8.
      return [new Blob(["\ufeff", text], { type: "text/csv" }), this.fileName("csv")];
    },
    parquet: async () => {
      const made = element("a", { href: this.parquetUrl, download: this.fileName("parquet") });
      made.click();
      return null;
    },
    frame: (signal) => this.saveValues([this.context.position.painted, this.context.position.painted], signal),
    frames: (signal) => this.saveValues(this.range, signal),
    video: async (signal) => {
      const { context } = this;
      const reason = whyNoFilm();
      if (reason) throw new Error(reason);
      context.playback.pause();
      const [first, last] = this.range;
      const { ptsSeconds, title } = context.data;
      const { record } = await import("./record.mjs");
      const { blob, extension } = await record(await this.snapshot(VIDEO), {
        first,
        last,
        pts: ptsSeconds,
        title,
        load: (frame) => context.frames.loadExact(frame),
        onProgress: (done, count) => this.showProgress("video", done, count),
        signal,
      });
      return [blob, this.fileName(extension)];
    },
    page: async (signal) => {
      const [first, last] = this.range;
      const options = { first, last, hasMaps: this.hasMaps, signal };
      const onProgress = (/** @type {number} */ done, /** @type {number} */ count) =>
        this.showProgress("page", done, count);
      const { makePage } = await import("./offline_page.mjs");
      return [await makePage(this.context, { ...options, onProgress }), this.fileName("html")];
    },
    report: async (signal) => {
      const { context } = this;
      if (context.notes.size === 0) throw new Error("no frame is bookmarked");
      context.playback.pause();
      const { makeReport } = await import("./report.mjs");
      const snapshot = await this.snapshot({ hasValues: false }); // they are of the frame on the screen
      const onProgress = (/** @type {number} */ done, /** @type {number} */ count) =>
        this.showProgress("report", done, count);
      return [await makeReport(context, { snapshot, signal, onProgress }), this.fileName("html", "_bookmarks")];
    },
  };

  /** @param {string} name of a maker */
  async run(name) {
    if (this.work || !this.context.stage.layout) return;
    const work = new AbortController();
    this.work = work;
    for (const one of Object.values(this.rows)) setEnabled(one, false);
    try {
      const made = await this.makers[name](work.signal);
      work.signal.throwIfAborted();
      if (!made) return;
      save(...made);
      this.say(`saved ${made[1]}, ${megabytes(made[0].size)}`);
    } catch (error) {
      this.say(work.signal.aborted ? "cancelled" : messageOf(error));
    } finally {
      this.work = null;
      this.foot.hidden = !this.status.textContent;
      this.progress.hidden = this.cancel.hidden = true;
      for (const one of Object.values(this.rows)) setEnabled(one, true);
      this.context.position.repaint();
      if (this.panel.open) this.describe();
    }
  }

  /** @param {string} text */
  say(text) {
    this.status.textContent = text;
    if (!this.panel.open) this.context.ui.announce(text);
  }

  /** @param {string} name @param {number} done @param {number} count */
  showProgress(name, done, count) {
    this.foot.hidden = this.progress.hidden = this.cancel.hidden = false;
    Object.assign(this.progress, { value: done, max: count });
    this.status.textContent = `${name}: ${done} of ${count} frames`;
  }
}

/** @param {string} name @param {string[]} labels of its buttons */
function row(name, labels) {
  const text = element("span", { class: "share-text" });
  const buttons = labels.map((label) => element("button", { type: "button", text: label }));
  const actions = element("div", { class: "share-actions" }, ...buttons);
  const root = element("div", { class: "share-row" }, element("h3", { text: name }), text, actions);
  return { root, text, actions };
}

/** @param {{actions: HTMLElement}} made @param {boolean} isEnabled */
function setEnabled({ actions }, isEnabled) {
  for (const one of actions.querySelectorAll("button")) one.disabled = !isEnabled;
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e5 ? 3 : bytes < 1e7 ? 2 : 1)} MB`;
}

/** What the colours over the pictures mean; empty without them. @param {import("../player/context.mjs").Data} data @param {import("../player/context.mjs").ViewState} state */
function overlayText(data, state) {
  const [energy] = Object.values(data.energies ?? {});
  if (!state.overlay || !energy) return "";
  const { lo, hi, unit } = energyScale(energy.domain, state);
  return ` · energy above ${markWithUnit(state.overlay.from, unit)}, colours ${rangeText({ lo, hi }, unit)}`;
}
