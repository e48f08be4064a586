// @ts-check
/** Draws one chart of the Study page: by pointer and by keys a point says what it is, and leads to its frame in Compare. */

import { element, svgElement } from "../ui/dom.mjs";
import { Theme } from "../ui/theme.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { endsOf, inOrder, linkOf, marksOf, nearest, outline, placeOf, scalesOf, wordsOf } from "./chart.mjs";

const HEIGHT_PX = typePx(300);
const MARGIN = { left: typePx(52), right: typePx(12), top: typePx(10), bottom: typePx(42) };
const POINT_PX = typePx(3);
/** A pointer so near to a point means it. */
const NEAR_PX = 24;
const HELP = "Arrow keys move from point to point";

/**
 * @typedef {import("./chart.mjs").Chart} Chart
 * @typedef {import("./chart.mjs").Place} Place
 * @typedef {{data: Chart, parentElement: ShadowRoot | HTMLElement}} Component
 */

/** The chart of each place on the page: Streamlit mounts again with every run. @type {WeakMap<Node, Drawing>} */
const drawings = new WeakMap();

/** @param {Component} component */
export function mount({ data, parentElement }) {
  const known = drawings.get(parentElement);
  const drawing = known?.root.isConnected ? known : new Drawing(parentElement);
  drawings.set(parentElement, drawing);
  drawing.update(data);
  return () => {};
}

class Drawing {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    /** @type {Chart} */
    this.chart = { title: "", x: { title: "", unit: "" }, y: { title: "", unit: "" }, series: [] };
    this.plot = element("div", { class: "study-plot", tabindex: "0", role: "group" });
    this.said = element("span", { class: "number", role: "status" });
    this.way = element("a", { class: "way", target: "_top", text: "Open in Compare" });
    this.legend = element("ul", { class: "study-legend" });
    this.root = element(
      "figure",
      { class: "xc study" },
      element("figcaption", { class: "study-title" }),
      this.legend,
      this.plot,
      element("p", { class: "study-said" }, this.said, this.way),
    );
    const sheets = [new URL("../ui/player.css", import.meta.url).href, new URL("./study.css", import.meta.url).href];
    parent.replaceChildren(...sheets.map((href) => element("link", { rel: "stylesheet", href })), this.root);
    this.theme = new Theme(this.root);
    /** @type {Place[]} */
    this.order = [];
    /** @type {Place | null} */
    this.chosen = null;
    /** @type {ReturnType<typeof scalesOf>} */
    this.scales = { x: Number, y: Number };
    this.text = "";
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("click", (event) => this.point(event, true));
    this.plot.addEventListener("keydown", (event) => this.press(event));
  }

  /** @param {Chart} chart */
  update(chart) {
    this.theme.apply();
    const text = JSON.stringify(chart);
    if (text !== this.text) {
      this.text = text;
      this.chart = chart;
      this.order = inOrder(chart);
      this.choose(null);
      const title = /** @type {HTMLElement} */ (this.root.querySelector(".study-title"));
      title.textContent = chart.title;
      this.plot.setAttribute("aria-label", `${chart.title}. ${HELP}`);
      this.legend.replaceChildren(...chart.series.filter((one) => !one.isUnlisted).map(entry));
    }
    this.draw();
  }

  draw() {
    const width = this.plot.clientWidth;
    if (!width) return;
    const box = {
      left: MARGIN.left,
      right: width - MARGIN.right,
      top: MARGIN.top,
      bottom: HEIGHT_PX - MARGIN.bottom,
    };
    const ends = endsOf(this.chart);
    this.scales = scalesOf(ends, box);
    const svg = svgElement("svg", {
      width,
      height: HEIGHT_PX,
      viewBox: `0 0 ${width} ${HEIGHT_PX}`,
      "aria-hidden": "true",
    });
    svg.append(...this.axes(ends, box, width));
    for (const one of this.chart.series) svg.append(...this.marks(one));
    this.ring = svgElement("circle", { r: 6, class: "ring" });
    svg.append(this.ring);
    this.plot.replaceChildren(svg);
    this.placeRing();
  }

  /** @param {import("./chart.mjs").Ends} ends @param {import("./chart.mjs").Box} box @param {number} width */
  axes(ends, box, width) {
    const { x, y } = this.chart;
    const parts = [];
    for (const { value, text } of marksOf(ends.y, y.unit, 5)) {
      const at = this.scales.y(value);
      parts.push(svgElement("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "grid" }));
      parts.push(label(text, box.left - typePx(6), at + typePx(4), "end"));
    }
    for (const { value, text } of marksOf(ends.x, x.unit, Math.max(3, Math.min(8, width / typePx(80))))) {
      const at = this.scales.x(value);
      parts.push(svgElement("line", { x1: at, x2: at, y1: box.top, y2: box.bottom, class: "grid" }));
      parts.push(label(text, at, box.bottom + typePx(16), "middle"));
    }
    parts.push(label(titled(x), (box.left + box.right) / 2, HEIGHT_PX - typePx(6), "middle"));
    const side = label(titled(y), -(box.top + box.bottom) / 2, typePx(13), "middle");
    side.setAttribute("transform", "rotate(-90)");
    return [...parts, side];
  }

  /** @param {import("./chart.mjs").Series} one */
  marks(one) {
    const colour = colourOf(one);
    if (one.kind === "line" || one.kind === "steps") {
      const path = svgElement("path", { d: outline(one, this.scales), class: one.dash ? "line dash" : "line" });
      path.style.stroke = colour;
      return [path];
    }
    /** @type {SVGElement[]} */
    const made = [];
    one.y.forEach((_, i) => {
      const at = placeOf(one, i, this.scales);
      if (!at) return;
      const [low, high] = [one.low?.[i], one.high?.[i]];
      const [cx, cy] = at;
      if (typeof low === "number" && typeof high === "number") {
        const bar = svgElement("line", {
          x1: cx,
          x2: cx,
          y1: this.scales.y(low),
          y2: this.scales.y(high),
          class: "line",
        });
        bar.style.stroke = colour;
        made.push(bar);
      }
      const dot = svgElement("circle", { cx, cy, r: one.kind === "marks" ? 4 : POINT_PX, class: one.kind });
      dot.style.fill = colour;
      made.push(dot);
    });
    return made;
  }

  /** @param {MouseEvent} event @param {boolean} [isClick] */
  point(event, isClick = false) {
    const area = this.plot.getBoundingClientRect();
    const [px, py] = [event.clientX - area.left, event.clientY - area.top];
    const found = nearest(this.chart, this.scales, px, py);
    const at = found && placeOf(this.chart.series[found.series], found.point, this.scales);
    if (!at || Math.hypot(at[0] - px, at[1] - py) > NEAR_PX) return;
    this.choose(found);
    if (isClick) this.open();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const last = this.order.length - 1;
    if (last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const { chosen } = this;
    const at = chosen
      ? this.order.findIndex(({ series, point }) => series === chosen.series && point === chosen.point)
      : -1;
    const step = event.shiftKey ? 10 : 1;
    const to = {
      ArrowRight: at + step,
      ArrowUp: at + step,
      ArrowLeft: at - step,
      ArrowDown: at - step,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) this.choose(this.order[Math.min(Math.max(to, 0), last)]);
    else if (event.key === "Enter") this.open();
    else return;
    event.preventDefault();
  }

  open() {
    const link = this.chosen && linkOf(this.chart, this.chosen);
    if (link) window.location.assign(new URL(link, document.baseURI).href);
  }

  /** @param {Place | null} place */
  choose(place) {
    this.chosen = place;
    const link = place ? linkOf(this.chart, place) : "";
    this.said.textContent = place
      ? wordsOf(this.chart, place)
      : `${HELP}${this.hasLinks() ? ", Enter opens its frame." : "."}`;
    this.way.hidden = !link;
    if (link) this.way.setAttribute("href", new URL(link, document.baseURI).href);
    this.plot.classList.toggle("is-way", link !== "");
    this.placeRing();
  }

  hasLinks() {
    return this.chart.series.some(({ links }) => links?.length);
  }

  placeRing() {
    if (!this.ring) return;
    const { chosen } = this;
    const at = chosen && placeOf(this.chart.series[chosen.series], chosen.point, this.scales);
    this.ring.style.display = at ? "" : "none";
    if (!at) return;
    this.ring.setAttribute("cx", String(at[0]));
    this.ring.setAttribute("cy", String(at[1]));
  }
}

/** @param {import("./chart.mjs").Series} one */
function entry(one) {
  const key = svgElement("svg", { width: 22, height: 10, "aria-hidden": "true" });
  const mark =
    one.kind === "points"
      ? svgElement("circle", { cx: 11, cy: 5, r: 4, class: "points" })
      : svgElement("path", { d: "M1 5L21 5", class: one.dash ? "line dash" : "line" });
  mark.style[one.kind === "points" ? "fill" : "stroke"] = colourOf(one);
  key.append(mark);
  return element("li", {}, key, one.name);
}

/** @param {import("./chart.mjs").Series} one */
function colourOf({ hue, shade }) {
  return hue < 0 ? "var(--xc-muted)" : `var(--xc-hue-${hue}${shade % 2 ? "-b" : ""})`;
}

/** @param {import("./chart.mjs").Axis} axis */
function titled({ title, unit }) {
  return unit && unit !== "code" ? `${title} (${unit})` : title;
}

/** @param {string} text @param {number} x @param {number} y @param {string} anchor */
function label(text, x, y, anchor) {
  return svgElement("text", { x, y, "text-anchor": anchor, text });
}
