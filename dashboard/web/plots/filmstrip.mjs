// @ts-check
/** The worst frames as a ranked row of small pictures; a click goes to the frame. */

import { drawCodes } from "../drawing/colour.mjs";
import { shownScale, shownTable } from "../drawing/compose.mjs";
import { element, fill } from "../ui/dom.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { highest, meanCurve } from "./curves.mjs";

const COUNT = 12;
const HEIGHT_PX = 96;
/** Small pictures in memory, a few hundred kB each. */
const MAX_KEPT = 96;
const GAP = "gap";

/**
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {import("../drawing/colour.mjs").Scale} Scale
 */

/**
 * Where a ranking stops being about bad frames: the first place whose value is below the mean of all.
 * @param {number[]} frames the highest first @param {ArrayLike<number>} values by frame
 */
export function tailOf(frames, values) {
  const known = Array.from(values).filter(Number.isFinite);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const from = frames.findIndex((frame) => values[frame] < mean);
  return { mean, from: from < 0 ? frames.length : from };
}

/**
 * What the codes of a pane's pictures mean: aligned as the pane is, where one alignment holds for all frames of the clip.
 * @param {Pick<Pane, "id" | "domain">} pane
 * @param {{panes: Pick<Pane, "id">[], plans: Pick<import("../drawing/compose.mjs").Plan, "domain">[]}} stage
 * @param {"clip" | "frame"} per what there is an alignment for
 */
export function pictureDomain({ id, domain }, { panes, plans }, per) {
  const shown = plans[panes.findIndex((one) => one.id === id)]?.domain;
  if (!shown?.alignment) return { domain, note: "" };
  return per === "clip" ? { domain: shown, note: "" } : { domain, note: "pictures not aligned" };
}

export class Filmstrip {
  /** @param {import("../player/context.mjs").Context} context */
  constructor(context) {
    this.context = context;
    /** Drawn pictures by track and frame. @type {Map<string, HTMLCanvasElement>} */
    this.kept = new Map();
    /** @type {AbortController | null} ends the drawing of pictures */
    this.drawing = null;
    this.listText = "";
    /** What the codes of the pictures mean, as text, and of which pane. */
    this.meaning = "";
    /** @type {Pane | null} */
    this.pane = null;
    this.by = element("select", { "aria-label": "ranked by" });
    this.picture = element("select", { "aria-label": "picture shown" });
    this.note = element("span", { class: "muted" });
    this.list = element("ol", { class: "film" });
    this.root = element(
      "div",
      {},
      element(
        "div",
        { class: "panel-row" },
        element("label", {}, "highest ", this.by),
        element("label", {}, "picture ", this.picture),
        this.note,
      ),
      this.list,
    );
    const choose = () => context.view.change({ rank: { by: this.by.value, pane: this.picture.value } });
    for (const menu of [this.by, this.picture]) menu.addEventListener("change", choose, { signal: context.signal });
  }

  open() {
    this.listText = "";
  }

  close() {
    this.drawing?.abort();
    this.kept.clear();
  }

  refresh() {
    const { charts, clip, data, series, view } = this.context;
    const { panes } = data;
    const { rank, loop } = view.state;
    const measures = series.measures.flatMap(({ id }) => series.measure(id) ?? []);
    const compared = charts.compared();
    /** @type {[string, string][]} */
    const rankings = measures.map(({ id, title }) => [id, title.toLowerCase()]);
    if (compared) rankings.push([GAP, `gap between ${compared.first} and ${compared.second}`]);
    const by = rankings.find(([id]) => id === rank?.by)?.[0] ?? series.main()?.id ?? rankings[0][0];
    // What is bad about a bad frame is seen in a prediction, not in the input.
    const pane =
      panes.find(({ id }) => id === rank?.pane) ?? panes.find(({ role }) => role === "prediction") ?? panes[0];
    this.pane = pane;
    const { domain, note } = this.pictured(pane);
    this.meaning = JSON.stringify([domain, note]);
    fill(this.by, rankings, by);
    fill(
      this.picture,
      panes.map((one) => [one.id, [one.letter, one.title, one.detail].filter(Boolean).join(" · ")]),
      pane.id,
    );
    const measure = by === GAP ? compared?.measure : measures.find(({ id }) => id === by);
    const visible = by === GAP || !measure ? [] : charts.visible(measure);
    const values = by === GAP ? charts.gapCurve().map(Math.abs) : meanCurve(visible, clip.nFrames);
    const range = loop ?? clip.searched;
    const frames = highest(values, COUNT, [range[0], Math.min(range[1], clip.searched[1])]);
    const several = visible.length > 1 ? "mean of the configurations shown" : "";
    const where = loop ? `in the loop, frames ${range[0]}–${range[1]}` : "";
    const unit = measure?.unit ?? "";
    const tail = tailOf(frames, values);
    const below =
      tail.from < frames.length
        ? `from number ${tail.from + 1} on below the mean of the clip (${withUnit(tail.mean, unit)})`
        : "";
    this.note.textContent = [several, where, below, note].filter(Boolean).join(", ");
    const texts = frames.map((frame) => withUnit(values[frame], unit));
    const scale = shownScale(domain, view.state.maps[domain.name]);
    const text = JSON.stringify([frames, texts, tail.from, pane.key, scale, domain.alignment]);
    if (text === this.listText) return;
    this.listText = text;
    this.build(frames, texts, tail.from, { ...pane, domain }, scale);
    this.paint(this.context.position.inCanvas);
  }

  /** @param {Pane} pane */
  pictured(pane) {
    return pictureDomain(pane, this.context.stage, this.context.view.state.align.per);
  }

  /** @param {number} frame */
  paint(frame) {
    if (this.pane) {
      // The clip's alignment comes after the pictures.
      const { domain, note } = this.pictured(this.pane);
      if (JSON.stringify([domain, note]) !== this.meaning) this.refresh();
    }
    for (const item of this.list.querySelectorAll("li")) {
      if (Number(item.dataset.frame) === frame) item.firstElementChild?.setAttribute("aria-current", "true");
      else item.firstElementChild?.removeAttribute("aria-current");
    }
  }

  /** @param {number[]} frames @param {string[]} texts @param {number} tail where those below the mean begin @param {Pane} pane @param {Scale} scale */
  build(frames, texts, tail, pane, scale) {
    const { context } = this;
    const aspect = context.data.width / context.data.height;
    const canvases = frames.map(() => {
      const canvas = element("canvas", { width: "1", height: "1" });
      Object.assign(canvas.style, { width: `${Math.round(HEIGHT_PX * aspect)}px`, height: `${HEIGHT_PX}px` });
      return canvas;
    });
    this.list.replaceChildren(
      ...frames.map((frame, index) => {
        const caption = element("span", { class: "number" }, element("b", { text: String(frame) }), ` ${texts[index]}`);
        const go = element(
          "button",
          { type: "button", title: `${index + 1}. frame ${frame}: ${texts[index]}` },
          canvases[index],
          caption,
        );
        go.setAttribute("aria-label", `${index + 1}: frame ${frame}, ${texts[index]}`);
        go.addEventListener("click", () => context.position.jump(frame), { signal: context.signal });
        return element("li", { "data-frame": String(frame), "data-tail": String(index >= tail) }, go);
      }),
    );
    this.draw(frames, canvases, pane, scale);
  }

  /** Draw one picture after the other, so that nothing else waits. @param {number[]} frames @param {HTMLCanvasElement[]} canvases @param {Pane} pane @param {Scale} scale */
  async draw(frames, canvases, pane, scale) {
    this.drawing?.abort();
    const drawing = new AbortController();
    this.drawing = drawing;
    const { context } = this;
    const table = pane.domain.channels === 1 ? shownTable(pane.domain, scale) : null;
    const look = JSON.stringify([scale, pane.domain.alignment]);
    for (let i = 0; i < frames.length; i += 1) {
      const name = `${pane.key} ${frames[i]} ${look}`;
      const known = this.kept.get(name);
      if (known) {
        copy(known, canvases[i]);
        continue;
      }
      try {
        const [codes] = await context.frames.stills(pane, frames[i], 1, drawing.signal);
        if (drawing.signal.aborted) return;
        const drawn = element("canvas", {});
        drawCodes(drawn, codes, pane.domain, table);
        this.kept.set(name, drawn);
        if (this.kept.size > MAX_KEPT) this.kept.delete([...this.kept.keys()][0]);
        copy(drawn, canvases[i]);
      } catch (error) {
        if (drawing.signal.aborted || context.isDestroyed) return;
        canvases[i].title = error instanceof Error ? error.message : String(error);
      }
    }
  }
}

/** @param {HTMLCanvasElement} from @param {HTMLCanvasElement} to */
function copy(from, to) {
  const ratio = window.devicePixelRatio || 1;
  Object.assign(to, {
    width: Math.round(Number.parseFloat(to.style.width) * ratio),
    height: Math.round(HEIGHT_PX * ratio),
  });
  const context = /** @type {CanvasRenderingContext2D} */ (to.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(from, 0, 0, to.width, to.height);
}
