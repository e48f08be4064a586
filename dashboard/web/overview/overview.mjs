// @ts-check
/** The overview: the ranking of the configurations, and a row for each of them on each clip, sorted and found in the browser. */

import { element, svgElement } from "../ui/dom.mjs";
import { formatNumber, withUnit } from "../ui/numbers.mjs";
import { save } from "../ui/save.mjs";
import { Theme } from "../ui/theme.mjs";
import { found, ranksOf, readCell, rivalOf, sorted, sparkPath } from "./cells.mjs";
import { asideText, attach, noiseText, withFlatness } from "./flatness.mjs";

/** Rows drawn at first, and more with each press. */
const STEP = 100;
/** Size of a curve, px. */
const SPARK = { width: 96, height: 22 };
/** Where usual energies end unless a zoo says otherwise, σ: a line across every curve. */
const USUAL = 0;

/**
 * @typedef {import("./cells.mjs").Cell} Cell
 * @typedef {import("./cells.mjs").Column} Column
 * @typedef {{title: string, unit: string}} Measure
 * @typedef {{at: number, place: string, mean: number | null, low: number | null, high: number | null, value: string,
 *   against: string, energy: number | null, change: number | null, outside: string, nClips: number}} RankingRow
 * @typedef {{title: string, unit: string, lo: number, hi: number, rows: RankingRow[]}} Ranking
 * @typedef {{target: string, clips: {label: string, key: string}[], configurations: {label: string, spelling: string}[],
 *   order: number[], error: Measure, expected: Measure | null, changeUnit: string, spark: {lo: number, hi: number},
 *   cells: import("./cells.mjs").Sent[], ranking: Ranking, downloads: {title: string, address: string}[]}} Data
 * @typedef {{data: Data, parentElement: ShadowRoot | HTMLElement,
 *   setTriggerValue: (name: string, request: unknown) => void}} Component
 */

/** The overview of each place on the page: Streamlit mounts again with every run. @type {WeakMap<Node, Overview>} */
const overviews = new WeakMap();

/** @param {Component} component */
export function mount({ data, parentElement, setTriggerValue }) {
  const known = overviews.get(parentElement);
  const overview = known?.root.isConnected ? known : new Overview(parentElement);
  overviews.set(parentElement, overview);
  overview.update(data, setTriggerValue);
  return () => {};
}

class Overview {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    this.root = element("div", { class: "xc overview" });
    const sheets = [new URL("../ui/player.css", import.meta.url).href, new URL("./overview.css", import.meta.url).href];
    parent.replaceChildren(...sheets.map((href) => element("link", { rel: "stylesheet", href })), this.root);
    this.theme = new Theme(this.root);
    this.sent = "";
    /** @type {import("./cells.mjs").Order} */
    this.order = { column: "clip", isDown: false };
    this.words = "";
    this.count = STEP;
    this.head = element("tr");
    this.body = element("tbody");
    this.more = element("div", { class: "more" });
    this.status = element("p", { class: "muted status", role: "status" });
    /** @type {Component["setTriggerValue"]} */
    this.ask = () => {};
  }

  /** @param {Data} data @param {Component["setTriggerValue"]} ask */
  update(data, ask) {
    this.ask = ask;
    this.theme.apply();
    const cells = data.cells.map(readCell);
    const flatnessUnit = attach(data, cells);
    const sent = JSON.stringify([data, cells.map(({ patches }) => patches)]);
    if (sent === this.sent) return; // what is focused stays so
    this.sent = sent;
    this.data = data;
    this.cells = cells;
    this.flatnessUnit = flatnessUnit;
    this.ranks = ranksOf(data.order, data.configurations.length);
    /** @type {Map<number, Set<number>>} */
    this.ofClip = new Map();
    for (const { clip, configuration } of this.cells)
      this.ofClip.set(clip, (this.ofClip.get(clip) ?? new Set()).add(configuration));
    this.columns = columnsOf(data, this.cells, flatnessUnit);
    if (!this.columns.some(({ name }) => name === this.order.column)) this.order = { column: "clip", isDown: false };
    this.root.replaceChildren(...(data.ranking.rows.length ? [rankingTable(data)] : []), ...this.table(data));
    this.draw();
  }

  /** @param {Data} data */
  table(data) {
    const filter = element("input", { type: "search", id: "overview-find", autocomplete: "off", value: this.words });
    filter.addEventListener("input", () => {
      this.words = filter.value;
      this.count = STEP;
      this.draw();
    });
    const downloads = data.downloads.map(({ title, address }) => {
      const link = element("a", {
        class: "way",
        href: new URL(address, document.baseURI).href,
        download: "",
        text: title,
      });
      if (title === "CSV" && this.flatnessUnit)
        link.addEventListener("click", (event) => this.saveCsv(event, link.href));
      return link;
    });
    const table = element(
      "table",
      { "aria-label": "configurations on clips" },
      element("thead", {}, this.head),
      this.body,
    );
    return [
      element("h2", { text: "By clip" }),
      element(
        "div",
        { class: "find-row" },
        element("label", { for: "overview-find", text: "Find" }),
        filter,
        this.status,
        element("div", { class: "ways" }, ...downloads),
      ),
      scrolled(table, "configurations on clips"),
      this.more,
      ...(data.target === "depth" ? [element("p", { class: "muted", text: flatnessHint(this.flatnessUnit) })] : []),
    ];
  }

  /** The server's table with the flatness, which only this browser knows. @param {Event} event @param {string} address */
  async saveCsv(event, address) {
    const { data, cells = [], flatnessUnit = "" } = this;
    if (!data) return;
    event.preventDefault();
    const response = await fetch(address).catch(() => null);
    if (!response?.ok) return window.location.assign(address); // which shows why
    const csv = withFlatness(await response.text(), data, cells, flatnessUnit);
    save(new Blob([csv], { type: "text/csv;charset=utf-8" }), "overview.csv");
  }

  draw() {
    const { data, cells = [], columns = [], ranks = [], body, head, more, status } = this;
    if (!data) return;
    head.replaceChildren(...columns.map((column) => this.heading(column)));
    const all = sorted(found(cells, this.words, data.clips, data.configurations), this.order, ranks);
    const shown = all.slice(0, this.count);
    body.replaceChildren(...shown.map((cell) => this.row(cell)));
    const whole = `${cells.length} ${cells.length === 1 ? "row" : "rows"}`;
    status.textContent = all.length === cells.length ? whole : `${all.length} of ${whole}`;
    more.replaceChildren();
    if (shown.length < all.length) {
      const next = Math.min(STEP, all.length - shown.length);
      const button = element("button", { type: "button", class: "way", text: `Show ${next} more of ${all.length}` });
      button.addEventListener("click", () => {
        this.count += STEP;
        const last = body.children.length;
        this.draw();
        /** @type {HTMLElement | null} */ (body.children[last]?.querySelector("a"))?.focus();
      });
      more.append(button);
    }
  }

  /** @param {ColumnShown} column */
  heading({ name, title, help, isNumber }) {
    const heading = element("th", { scope: "col", class: isNumber ? "number" : "" });
    if (!isSortable(name)) {
      heading.append(element("span", { text: title, title: help }));
      return heading;
    }
    const isOn = this.order.column === name;
    heading.setAttribute("aria-sort", isOn ? (this.order.isDown ? "descending" : "ascending") : "none");
    const button = element("button", { type: "button", title: help, text: title });
    button.append(
      element("span", { class: "arrow", "aria-hidden": "true", text: isOn ? (this.order.isDown ? "↓" : "↑") : "" }),
    );
    button.addEventListener("click", () => {
      this.order = { column: name, isDown: isOn ? !this.order.isDown : false };
      this.count = STEP;
      this.draw();
      /** @type {HTMLElement | null} */ (
        this.head?.querySelector('[aria-sort]:not([aria-sort="none"]) button')
      )?.focus();
    });
    heading.append(button);
    return heading;
  }

  /** @param {Cell} cell */
  row(cell) {
    const data = /** @type {Data} */ (this.data);
    const { columns = [], ofClip = new Map(), ranks = [] } = this;
    const [clip, own] = [data.clips[cell.clip], data.configurations[cell.configuration]];
    const rival = rivalOf(cell, ofClip, ranks);
    const other = rival < 0 ? null : data.configurations[rival];
    const row = element("tr");
    const link = element("a", { href: addressOf(data, cell, rival), target: "_top", text: clip.label });
    link.title = other
      ? `Compare ${own.label} with ${other.label} where they differ most`
      : `Open ${own.label} in Compare`;
    const open = (/** @type {MouseEvent} */ event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return; // to the link, which knows no frame
      event.preventDefault();
      event.stopPropagation();
      row.dataset.opening = "";
      this.ask("wish", { clip: clip.key, configuration: own.spelling });
    };
    link.addEventListener("click", open);
    row.addEventListener("click", open); // anywhere in the row, with the mouse; keys have the link
    for (const { name, isNumber } of columns) {
      if (name === "clip") row.append(element("th", { scope: "row" }, link));
      else
        row.append(
          element("td", { class: isNumber ? "number" : "" }, ...contentOf(name, cell, data, this.flatnessUnit)),
        );
    }
    return row;
  }
}

/**
 * @typedef {{name: Column | "spark", title: string, help: string, isNumber: boolean}} ColumnShown
 */

/** @param {ColumnShown["name"]} name @returns {name is Column} */
function isSortable(name) {
  return name !== "spark";
}

/** Where flatness comes from, or how to get it. @param {string} [unit] empty: there is none */
function flatnessHint(unit) {
  return unit
    ? "Flatness is that of patches kept in this browser. The CSV has it; report and Parquet, which the server writes, do not."
    : "Flatness is not measured: in Space, measure between two corners of a patch of wall, and keep it as a note. It needs no ground truth.";
}

/** The columns that some cell has a value for. @param {Data} data @param {Cell[]} cells @param {string} flatnessUnit @returns {ColumnShown[]} */
function columnsOf(data, cells, flatnessUnit) {
  const has = (/** @type {keyof Cell} */ name) => cells.some((cell) => cell[name] !== null && cell[name] !== "");
  /** @type {(ColumnShown | null)[]} */
  const all = [
    { name: "clip", title: "Clip", help: "Sort by clip", isNumber: false },
    { name: "configuration", title: "Configuration", help: "Sort by place in the ranking", isNumber: false },
    has("error")
      ? {
          name: "error",
          title: "True error",
          help: `${data.error.title}, mean over the frames, ± its noise floor`,
          isNumber: true,
        }
      : null,
    has("expected")
      ? {
          name: "expected",
          title: "Expected error",
          help: `${capital(data.expected?.title ?? "")} to expect of the median frame, with its interval; frames outside the calibration have none`,
          isNumber: true,
        }
      : null,
    has("energy")
      ? {
          name: "energy",
          title: "Energy",
          help: "Mean over the frames. Sorted within each configuration: between methods energy ranks nothing",
          isNumber: true,
        }
      : null,
    has("change")
      ? { name: "change", title: "Change", help: "Change over time that motion does not explain", isNumber: true }
      : null,
    has("patches")
      ? {
          name: "flatness",
          title: `Flatness, ${flatnessUnit} RMS`,
          help: `Distance of the depth from the plane through patches of walls drawn in Space, ${
            flatnessUnit === "cm" ? "in cm" : "in % of the depth"
          }: mean over the patches that this browser keeps as notes. Compare configurations on the same patches`,
          isNumber: true,
        }
      : null,
    has("outside")
      ? {
          name: "outside",
          title: "Outside",
          help: "Share of the frames unlike what the zoo was calibrated on",
          isNumber: true,
        }
      : null,
    has("spark")
      ? {
          name: "spark",
          title: "Energy over the clip",
          help: `From ${formatNumber(data.spark.lo, "σ")} to ${withUnit(data.spark.hi, "σ")} on every clip; the line is 0`,
          isNumber: false,
        }
      : null,
  ];
  return all.filter((one) => one !== null);
}

/** @param {Exclude<ColumnShown["name"], "clip">} name @param {Cell} cell @param {Data} data @param {string} [flatnessUnit] @returns {(Node | string)[]} */
function contentOf(name, cell, data, flatnessUnit = "") {
  if (name === "configuration") return [data.configurations[cell.configuration].label];
  if (name === "spark")
    return cell.spark
      ? [curve(cell.spark, data.spark)]
      : [missing("no energy: longer paths and merged predictions have none")];
  if (name === "flatness") {
    const { patches } = cell;
    if (!patches) return [element("span", { class: "muted", title: WHY_MISSING.flatness, text: "not measured" })];
    const aside = element("span", { class: "aside muted", text: asideText(patches, flatnessUnit) });
    return [
      element("span", { text: withUnit(patches.mean, flatnessUnit), title: noiseText(patches, flatnessUnit) }),
      aside,
    ];
  }
  const value = cell[name];
  if (cell.ready && value === null)
    return name === "energy" || name === "error"
      ? [element("span", { class: "muted", text: `${cell.ready[0]} of ${cell.ready[1]} frames` })]
      : [missing("still being computed")];
  if (value === null) return [missing(WHY_MISSING[name])];
  if (name === "outside") return [percent(value)];
  if (name === "error") {
    const unit = data.error.unit;
    const floor = cell.floor === null ? "" : `± ${formatNumber(cell.floor, unit)}`;
    return [withUnit(value, unit), element("span", { class: "aside muted", text: floor })];
  }
  if (name === "expected") {
    const unit = data.expected?.unit ?? "";
    const ends =
      cell.low === null || cell.high === null
        ? ""
        : `${formatNumber(cell.low, unit)} to ${formatNumber(cell.high, unit)}`;
    return [withUnit(value, unit), element("span", { class: "aside muted", text: ends })];
  }
  return [withUnit(value, name === "energy" ? "σ" : data.changeUnit)];
}

/** Why a cell has no value, where it is not still being computed. */
const WHY_MISSING = {
  error: "no ground truth",
  expected: "not stated by the zoo, or all frames are outside its calibration",
  energy: "no energy: longer paths and merged predictions have none",
  change: "not measured: one frame, or a domain that it is not measured for",
  flatness: "no patch of this clip with this configuration is kept in this browser",
  outside: "no energy says so",
};

/** @param {string} why */
function missing(why) {
  return element("span", { class: "muted", title: why, "aria-label": why, role: "img", text: "–" });
}

/** @param {Data} data */
function rankingTable(data) {
  const { ranking, configurations } = data;
  const rows = ranking.rows;
  const [hasEnergy, hasChange] = [
    rows.some(({ energy }) => energy !== null),
    rows.some(({ change }) => change !== null),
  ];
  const headings = [
    "Place",
    "Configuration",
    `${capital(ranking.title)} (95\u00a0% interval)`,
    "",
    "Against the first",
  ];
  if (hasEnergy) headings.push("Energy");
  if (hasChange) headings.push("Change");
  headings.push("Outside", "Clips");
  const head = headings.map((text, at) =>
    text
      ? element("th", { scope: "col", class: at === 0 || at > 4 ? "number" : "", text })
      : element("td", { class: "whisker-head" }),
  );
  const body = rows.map((row) => {
    const line = element(
      "tr",
      {},
      element("td", { class: "number", text: row.place }),
      element("th", { scope: "row", text: configurations[row.at].label }),
      element("td", { text: row.value }),
      element("td", { class: "whisker-cell" }, whisker(row, ranking)),
      element("td", { class: "against", text: row.against }),
    );
    if (hasEnergy) line.append(number(row.energy, "σ"));
    if (hasChange) line.append(number(row.change, data.changeUnit));
    line.append(
      element("td", { class: "number", text: row.outside }),
      element("td", { class: "number", text: String(row.nClips) }),
    );
    return line;
  });
  const table = element(
    "table",
    { class: "ranking", "aria-label": "ranking" },
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
  return scrolled(table, "ranking");
}

/** @param {number | null} value @param {string} unit */
function number(value, unit) {
  return element("td", { class: "number", text: value === null ? "–" : withUnit(value, unit) });
}

/** The mean and its interval on the scale of all rows, from 0. @param {RankingRow} row @param {Ranking} ranking */
function whisker({ mean, low, high, value }, { lo, hi }) {
  const at = (/** @type {number} */ x) => `${(100 * (x - lo)) / (hi - lo || 1)}%`;
  const box = element("div", { class: "whisker", role: "img", "aria-label": value });
  if (low !== null && high !== null) {
    const line = element("span", { class: "whisker-line" });
    line.style.left = at(low);
    line.style.width = `${(100 * (high - low)) / (hi - lo || 1)}%`;
    box.append(line);
  }
  const dot = element("span", { class: "whisker-dot" });
  dot.style.left = at(mean ?? lo);
  box.append(dot);
  return box;
}

/** A table in a box that is scrolled sideways, also by keys. @param {HTMLElement} table @param {string} name */
function scrolled(table, name) {
  return element("div", { class: "scrolled", role: "region", "aria-label": `${name}, scrolled`, tabindex: "0" }, table);
}

/** @param {string} text @param {{lo: number, hi: number}} scale */
function curve(text, { lo, hi }) {
  const zero = SPARK.height * (1 - (USUAL - lo) / (hi - lo));
  const viewBox = `-1 -1 ${SPARK.width + 2} ${SPARK.height + 2}`;
  return svgElement(
    "svg",
    { viewBox, class: "spark", "aria-hidden": "true" },
    svgElement("path", { class: "spark-zero", d: `M0 ${zero}h${SPARK.width}` }),
    svgElement("path", { class: "spark-line", d: sparkPath(text, SPARK.width, SPARK.height) }),
  );
}

/** Compare on that clip, without a frame: it opens where the energies differ most. @param {Data} data @param {Cell} cell @param {number} rival */
function addressOf({ clips, configurations, target }, cell, rival) {
  const query = new URLSearchParams({ clip: clips[cell.clip].key, predict: target });
  query.set("a", configurations[cell.configuration].spelling);
  if (rival >= 0) query.set("b", configurations[rival].spelling);
  return `./?${query}`;
}

/** Whole percent; 0 and 100 only if they are exact. @param {number} share */
function percent(share) {
  const value = 100 * share;
  const text = value > 0 && value < 1 ? "< 1" : value > 99 && value < 100 ? "> 99" : value.toFixed(0);
  return `${text}\u00a0%`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
