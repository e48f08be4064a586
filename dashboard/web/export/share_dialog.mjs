// @ts-check
/** What can be taken along? The panel that makes links, pictures, tables, films and pages of the view. */

import { formatValue } from "../drawing/colour.mjs";
import { seriesCsv, plottedColumns } from "./csv.mjs";
import { dialog } from "../ui/dialog.mjs";
import { button, element } from "../ui/dom.mjs";
import { makePage, pageParts } from "./offline_page.mjs";
import { record, whyNoVideo } from "./record.mjs";
import { Snapshot } from "./snapshot.mjs";
import { energyScale } from "../drawing/compose.mjs";

/** A film of more pixels a frame is slow to make and to play: it is made smaller instead. */
const FILM = { maxPixels: 2560 * 1440, hasValues: false };
/** A page of more is refused by mail servers, and by some browsers. */
const HEAVY_BYTES = 100e6;

/** @param {any} player @returns {import("../player/player.mjs").Part & {buttons: HTMLElement[]}} */
export function sharePart(player) {
  const share = new Share(player);
  return {
    buttons: [share.opener],
    element: share.panel,
    actions: {
      share: () => share.open(),
      copyLink: () => (share.isFile ? player.say("this page is a file: send the file itself") : player.copyLink()),
    },
    commands: () => [
      { help: "save this view as a picture (PNG)", run: () => share.run("picture") },
      { help: "save the series as a table (CSV)", run: () => share.run("table") },
      ...(share.isFile ? [] : [{ help: "save the series as Parquet", run: () => share.run("parquet") }]),
      { help: "save a film (WebM)", run: () => share.open("film") },
      ...(share.isFile ? [] : [{ help: "save a page that opens offline (HTML)", run: () => share.open("page") }]),
    ],
    update: () => share.panel.open && share.describe(),
    destroy: () => share.stop(),
  };
}

class Share {
  /** @param {any} player */
  constructor(player) {
    this.player = player;
    /** @type {AbortController | null} while something is made */
    this.work = null;
    this.turn = 0;
    this.opener = button("save and share (Shift S)", "save");
    this.opener.addEventListener("click", () => this.open());
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
      film: row("Film", ["Save WebM"]),
      page: row("Page", ["Save HTML"]),
    };
    this.parquet = element("a", { class: "as-button", download: "", text: "Save Parquet" });
    this.rows.table.actions.append(this.parquet);
    this.mapsLabel = element("label", { class: "maps" }, this.maps, "with energy maps");
    this.rows.page.words.after(this.mapsLabel);
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
    return Boolean(this.player.data?.isFile);
  }

  /** @param {keyof Share["rows"]} [name] the row that gets the focus */
  open(name) {
    if (!this.player.data) return;
    this.setRange(this.player.look.loop ?? this.all);
    this.looped.hidden = !this.player.look.loop;
    if (!this.panel.open) this.panel.showModal();
    const target = name ? this.rows[name].actions.querySelector("button:not(:disabled)") : null;
    (target ?? this.panel).focus({ preventScroll: true });
    this.describe();
  }

  stop() {
    this.turn += 1; // what is being weighed is of no use any more
    this.work?.abort();
  }

  listen() {
    this.whole.addEventListener("click", () => this.setRange(this.all));
    this.looped.addEventListener("click", () => this.setRange(this.player.look.loop ?? this.all));
    for (const field of [this.first, this.last]) field.addEventListener("change", () => this.describe());
    this.maps.addEventListener("change", () => this.describe());
    this.cancel.addEventListener("click", () => this.work?.abort());
    const { link, picture, table, film, page } = this.rows;
    const on = (/** @type {any} */ made, /** @type {() => void} */ act) =>
      made.actions.querySelector("button").addEventListener("click", act);
    on(link, () => {
      this.panel.close();
      this.player.copyLink();
    });
    on(picture, () => this.run("picture"));
    on(table, () => this.run("table"));
    on(film, () => this.run("film"));
    on(page, () => this.run("page"));
  }

  // The range

  /** @returns {[number, number]} */
  get all() {
    return [this.player.firstReady, Math.max(this.player.nReady - 1, 0)];
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
    // Asked for without the panel, by the palette, it is what is played.
    const typed = this.panel.open ? [read(this.first, low), read(this.last, high)] : this.player.range;
    return [Math.min(...typed), Math.max(...typed)];
  }

  // What each row says

  async describe() {
    const { player, rows } = this;
    const [first, last] = this.range;
    const { ptsSeconds, charts } = player.data;
    const count = last - first + 1;
    this.length.textContent = count === 1 ? "1 frame" : `${count} frames`;
    rows.link.words.textContent = this.isFile
      ? "This page is a file: send the file itself."
      : "Everything chosen, and the view.";
    setEnabled(rows.link, !this.isFile);
    const snapshot = this.snapshot();
    const size = `${snapshot.width} × ${snapshot.height}`;
    rows.picture.words.textContent = `Frame ${player.painted} as it is shown, ${size}.`;
    const n = plottedColumns(charts, ptsSeconds.length).length;
    const parts = [`${n} ${n === 1 ? "curve" : "curves"}; CSV in 5 digits`];
    if (!this.isFile) parts.push("Parquet in full precision");
    if (player.curves.region) parts.push(`the region in ${this.isFile ? "its own columns" : "the CSV alone"}`);
    rows.table.words.textContent = `${parts.join(", ")}.`;
    this.parquet.hidden = this.isFile;
    if (!this.isFile) Object.assign(this.parquet, { href: this.parquetUrl, download: this.fileName("parquet") });
    const reason = whyNoVideo();
    const film = this.snapshot(FILM);
    rows.film.words.textContent = reason ?? `Every frame once, ${film.width} × ${film.height}.`;
    setEnabled(rows.film, !reason);
    rows.page.root.hidden = this.isFile;
    if (!this.isFile) await this.weigh(first, last);
  }

  /** Say how much a page weighs, before it is written. @param {number} first @param {number} last */
  async weigh(first, last) {
    const turn = ++this.turn;
    const { words } = this.rows.page;
    this.mapsLabel.hidden = Object.keys(this.player.data.energies ?? {}).length === 0;
    words.textContent = "Opens offline; weighing …";
    try {
      const { bytes } = await pageParts(this.player, { first, last, hasMaps: this.hasMaps });
      if (turn !== this.turn) return;
      const heavy = bytes > HEAVY_BYTES ? " That is heavy: choose fewer frames." : "";
      words.textContent = `Opens offline, plays and plots: ${megabytes(bytes)}.${heavy}`;
    } catch (error) {
      if (turn === this.turn) words.textContent = `Cannot be made: ${/** @type {Error} */ (error).message}.`;
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
    for (const [name, value] of new URLSearchParams(this.player.data.passQuery)) url.searchParams.set(name, value);
    return url.href;
  }

  /** @param {string} extension @param {string} [more] */
  fileName(extension, more = "") {
    const [first, last] = this.range;
    const [low, high] = this.all;
    const part = more || (first === low && last === high ? "" : `_frames-${first}-${last}`);
    return `crosscheck_${slug(this.player.data.title)}${part}.${extension}`;
  }

  /** Energies of the region that is looked at, beside those of whole frames. @returns {{name: string, values: ArrayLike<number>}[]} */
  regionColumns() {
    const { curves } = this.player;
    const energy = curves.region && curves.measure("energy");
    if (!energy) return [];
    const unit = energy.unit ? ` (${energy.unit})` : "";
    return [...energy.byLetter].map(([letter, values]) => ({
      name: `${energy.title}, ${letter}, ${curves.region.note}${unit}`,
      values,
    }));
  }

  // Making

  /** @param {{maxPixels?: number, hasValues?: boolean}} [options] */
  snapshot(options = {}) {
    const { stage, theme, data, look } = this.player;
    const seconds = (/** @type {number} */ frame) => data.ptsSeconds[frame] ?? NaN;
    const view = { stage, theme, title: `${data.title}${overlayWords(data, look)}`, wipe: look.wipe, seconds };
    return new Snapshot(view, options);
  }

  /** @type {Record<string, (signal: AbortSignal) => Promise<[Blob, string] | null>>} */
  makers = {
    picture: async () => {
      const { player } = this;
      await player.settle();
      if (!player.isExact) throw new Error("the lossless pictures are not here yet");
      const snapshot = this.snapshot();
      const frame = player.painted;
      snapshot.draw(frame, player.pictures);
      return [await snapshot.png(), this.fileName("png", `_frame-${frame}`)];
    },
    table: async () => {
      const [first, last] = this.range;
      const text = seriesCsv(this.player.data, { first, last, notes: this.player.notes, more: this.regionColumns() });
      // The mark tells spreadsheets that it is UTF-8.
      return [new Blob(["\ufeff", text], { type: "text/csv" }), this.fileName("csv")];
    },
    parquet: async () => {
      const made = element("a", { href: this.parquetUrl, download: this.fileName("parquet") });
      made.click();
      return null;
    },
    film: async (signal) => {
      const { player } = this;
      const reason = whyNoVideo();
      if (reason) throw new Error(reason);
      player.pause();
      const [first, last] = this.range;
      const { ptsSeconds, title } = player.data;
      const blob = await record(this.snapshot(FILM), {
        first,
        last,
        pts: ptsSeconds,
        title,
        load: (frame) => player.loader.loadExact(frame),
        onProgress: (done, count) => this.showProgress("film", done, count),
        signal,
      });
      return [blob, this.fileName("webm")];
    },
    page: async (signal) => {
      const [first, last] = this.range;
      const options = { first, last, hasMaps: this.hasMaps, signal };
      const onProgress = (/** @type {number} */ done, /** @type {number} */ count) =>
        this.showProgress("page", done, count);
      return [await makePage(this.player, { ...options, onProgress }), this.fileName("html")];
    },
  };

  /** @param {string} name of a maker */
  async run(name) {
    if (this.work || !this.player.stage.layout) return;
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
      this.say(work.signal.aborted ? "cancelled" : /** @type {Error} */ (error).message);
    } finally {
      this.work = null;
      this.foot.hidden = !this.status.textContent;
      this.progress.hidden = this.cancel.hidden = true;
      for (const one of Object.values(this.rows)) setEnabled(one, true);
      this.player.paint();
      if (this.panel.open) this.describe();
    }
  }

  /** @param {string} text */
  say(text) {
    this.status.textContent = text;
    if (!this.panel.open) this.player.say(text);
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
  const words = element("span", { class: "share-words" });
  const buttons = labels.map((label) => element("button", { type: "button", text: label }));
  const actions = element("div", { class: "share-actions" }, ...buttons);
  const root = element("div", { class: "share-row" }, element("h3", { text: name }), words, actions);
  return { root, words, actions };
}

/** @param {{actions: HTMLElement}} made @param {boolean} isEnabled */
function setEnabled({ actions }, isEnabled) {
  for (const one of actions.querySelectorAll("button")) one.disabled = !isEnabled;
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // a slow disk may still be reading it
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e5 ? 3 : bytes < 1e7 ? 2 : 1)} MB`;
}

/** What the colours over the pictures are; empty without them. @param {any} data @param {any} look */
function overlayWords(data, look) {
  const [energy] = /** @type {any[]} */ (Object.values(data.energies ?? {}));
  if (!look.overlay || !energy) return "";
  const { lo, hi, unit } = energyScale(energy.domain, look);
  return ` · energy from ${formatValue(look.overlay.from)} ${unit} on, colours ${formatValue(lo)} to ${formatValue(hi)} ${unit}`;
}

/** A title as part of a file's name. @param {string} title */
export function slug(title) {
  const plain = title.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-");
  return (
    plain
      .slice(0, 40)
      .replace(/^-+|-+$/g, "")
      .toLowerCase() || "clip"
  );
}
