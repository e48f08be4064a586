// @ts-check
/** Curves over the strength of a shift, a plot for each measure side by side; every point links to the frame behind it. */

import { element, svgElement } from "../ui/dom.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { Theme } from "../ui/theme.mjs";
import { TYPE_SCALE, typePx } from "../ui/type_scale.mjs";
import { rangeOf, runs, stepAt } from "./geometry.mjs";

const HEIGHT = typePx(160);
/** Room around the curves, px: numbers on the left, strengths below. */
const ROOM = { top: typePx(8), right: typePx(8), bottom: typePx(40), left: typePx(52) };
const POINT_RADIUS = typePx(4);

/**
 * @typedef {import("./geometry.mjs").Plot} Plot
 * @typedef {import("./geometry.mjs").Curve} Curve
 * @typedef {{label: string, severity: number | null}} Step severity: ImageNet-C's
 * @typedef {{letters: string, styles: Record<string, import("../ui/theme.mjs").Style>, axis: string, steps: Step[],
 *   chosen: number, plots: Plot[]}} Data
 * @typedef {{data: Data, parentElement: ShadowRoot | HTMLElement, setTriggerValue: (name: string, value: unknown) => void}} Component
 */

/** The curves of each place on the page: Streamlit mounts again with every run. @type {WeakMap<Node, Curves>} */
const known = new WeakMap();

/** @param {Component} component */
export function mount({ data, parentElement, setTriggerValue }) {
  const before = known.get(parentElement);
  const curves = before?.root.isConnected ? before : new Curves(parentElement);
  known.set(parentElement, curves);
  curves.choose = (step) => setTriggerValue("wish", { step: String(step) });
  curves.update(data);
  return () => {};
}

class Curves {
  /** @param {ShadowRoot | HTMLElement} parent */
  constructor(parent) {
    this.root = element("div", { class: "xc shift-curves" });
    const sheets = [new URL("../ui/player.css", import.meta.url).href, new URL("./curves.css", import.meta.url).href];
    parent.replaceChildren(...sheets.map((href) => element("link", { rel: "stylesheet", href })), this.root);
    this.theme = new Theme(this.root);
    /** @type {(step: number) => void} */
    this.choose = () => {};
    /** @type {Data | null} */
    this.data = null;
    this.drawn = "";
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  /** @param {Data} data */
  update(data) {
    this.theme.setStyles(data.letters, data.styles);
    this.theme.apply();
    this.data = data;
    this.draw();
  }

  /** Draws where something differs from what is drawn: a new element would lose the focus. */
  draw() {
    const { data, root } = this;
    if (!data || !root.clientWidth) return;
    const columns = root.clientWidth < 640 ? 1 : Math.min(data.plots.length, 3);
    root.style.setProperty("--columns", String(columns));
    const width = Math.floor((root.clientWidth - 8 - (columns - 1) * 12) / columns);
    const state = JSON.stringify([data, width]);
    if (state === this.drawn) return;
    this.drawn = state;
    const active = /** @type {Document | ShadowRoot} */ (root.getRootNode()).activeElement;
    const focused = active instanceof SVGElement ? active.dataset.at : undefined;
    root.replaceChildren(...data.plots.map((plot) => this.plot(data, plot, width)));
    if (focused) /** @type {SVGElement | null} */ (root.querySelector(`[data-at="${focused}"]`))?.focus();
  }

  /** @param {Data} data @param {Plot} plot @param {number} width */
  plot(data, plot, width) {
    const { low, high, marks } = rangeOf(plot);
    const inner = { width: width - ROOM.left - ROOM.right, height: HEIGHT - ROOM.top - ROOM.bottom };
    const column = inner.width / data.steps.length;
    /** @param {number} at */
    const x = (at) => ROOM.left + (at + 0.5) * column;
    /** @param {number} value */
    const y = (value) => ROOM.top + inner.height * (1 - (value - low) / (high - low));
    const picture = svgElement("svg", {
      width,
      height: HEIGHT,
      role: "group",
      "aria-label": `${plot.title} over strength`,
    });
    picture.append(
      svgElement("rect", {
        class: "chosen",
        x: ROOM.left + data.chosen * column,
        y: ROOM.top,
        width: column,
        height: inner.height,
      }),
    );
    for (const { value, text: words } of marks) {
      picture.append(
        svgElement("line", { class: "grid", x1: ROOM.left, x2: width - ROOM.right, y1: y(value), y2: y(value) }),
      );
      picture.append(text(words, ROOM.left - typePx(6), y(value) + typePx(4), "end"));
    }
    if (plot.limit !== null && plot.limit > low && plot.limit < high) {
      const at = y(plot.limit);
      picture.append(svgElement("line", { class: "limit", x1: ROOM.left, x2: width - ROOM.right, y1: at, y2: at }));
      picture.append(text("97.5 % of validation", ROOM.left + typePx(4), at - typePx(4), "start"));
    }
    this.steps(data, picture, x, column);
    for (const curve of plot.curves) this.curve(picture, plot, curve, data, x, y);
    picture.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("a")) return;
      const share = (event.clientX - picture.getBoundingClientRect().left - ROOM.left) / inner.width;
      if (share >= 0 && share < 1) this.choose(stepAt(share, data.steps.length));
    });
    const head = element("h2", { text: plot.title });
    return element(
      "section",
      { class: "shift-plot" },
      element("div", { class: "shift-head" }, head, legend(plot)),
      picture,
    );
  }

  /** Labels below: strengths, and ImageNet-C's severities. @param {Data} data @param {SVGElement} picture @param {(at: number) => number} x @param {number} column */
  steps(data, picture, x, column) {
    const widest = Math.max(...data.steps.map(({ label }) => label.length)) * 6.6 * TYPE_SCALE;
    const every = Math.max(1, Math.ceil(widest / column));
    const below = HEIGHT - ROOM.bottom;
    data.steps.forEach(({ label, severity }, at) => {
      picture.append(svgElement("line", { class: "grid", x1: x(at), x2: x(at), y1: below, y2: below + typePx(4) }));
      if (at === data.chosen || (at % every === 0 && Math.abs(at - data.chosen) >= every))
        picture.append(text(label, x(at), below + typePx(18), "middle"));
      if (severity !== null) picture.append(text(`▾${severity}`, x(at), below + typePx(33), "middle"));
    });
  }

  /** @param {SVGElement} picture @param {Plot} plot @param {Curve} curve @param {Data} data @param {(at: number) => number} x @param {(value: number) => number} y */
  curve(picture, plot, { letter, name, points }, data, x, y) {
    const colour = `color: var(--xc-${letter.toLowerCase()})`;
    const group = svgElement("g", { style: colour });
    for (const run of runs(points)) {
      const of = run.map((at) => ({ at, ...(points[at] ?? { mean: 0, half: 0 }) }));
      const upper = of.map(({ at, mean, half }) => `${x(at)},${y(mean + (half ?? 0))}`);
      const lower = of.map(({ at, mean, half }) => `${x(at)},${y(mean - (half ?? 0))}`).reverse();
      group.append(svgElement("polygon", { class: "band", points: [...upper, ...lower].join(" ") }));
      group.append(
        svgElement("polyline", { class: "mean", points: of.map(({ at, mean }) => `${x(at)},${y(mean)}`).join(" ") }),
      );
    }
    points.forEach((point, at) => {
      if (!point) return;
      const value = withUnit(point.mean, plot.unit);
      const noise = point.half === null ? "" : ` ± ${withUnit(point.half, plot.unit)}`;
      const words = `${letter} ${name}, ${data.steps[at].label}: ${value}${noise}; open frame ${point.frame} in Compare`;
      const link = svgElement("a", { href: point.href, target: "_self", "aria-label": words });
      link.dataset.at = `${plot.id}-${letter}-${at}`;
      link.append(
        svgElement("title", { text: words }),
        svgElement("circle", { class: "reach", cx: x(at), cy: y(point.mean), r: typePx(12) }),
      );
      link.append(svgElement("circle", { class: "point", cx: x(at), cy: y(point.mean), r: POINT_RADIUS }));
      group.append(link);
    });
    picture.append(group);
  }
}

/** @param {Plot} plot */
function legend(plot) {
  const items = plot.curves.map(({ letter, name }) => {
    const badge = element("span", {
      class: "shift-badge",
      style: `background: var(--xc-${letter.toLowerCase()})`,
      text: letter,
    });
    return element("span", {}, badge, ` ${name}`);
  });
  return element("p", { class: "shift-legend" }, ...items);
}

/** @param {string} words @param {number} x @param {number} y @param {"start" | "middle" | "end"} anchor */
function text(words, x, y, anchor) {
  return svgElement("text", { x, y, "text-anchor": anchor, text: words });
}
