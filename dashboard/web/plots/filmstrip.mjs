// @ts-check
/** Which are the worst frames, and what is to be seen in them? A ranked row of small pictures; a click goes there. */

import { drawCodes, formatValue } from "../drawing/colour.mjs";
import { highest, meanCurve } from "./curves.mjs";
import { element } from "../ui/dom.mjs";

const COUNT = 12;
const HEIGHT_PX = 96;
/** Small pictures kept, a few hundred kB each. */
const MAX_KEPT = 96;
const GAP = "gap";

export class Filmstrip {
  label = "Worst frames";

  /** @param {any} player */
  constructor(player) {
    this.player = player;
    /** Drawn pictures by track and frame. @type {Map<string, HTMLCanvasElement>} */
    this.kept = new Map();
    /** @type {AbortController | null} ends the drawing of pictures */
    this.drawing = null;
    this.listText = "";
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
    const choose = () => player.change({ rank: { by: this.by.value, pane: this.picture.value } });
    for (const menu of [this.by, this.picture])
      menu.addEventListener("change", choose, { signal: player.abort.signal });
  }

  isAvailable() {
    return this.player.curves.measures.length > 0;
  }

  open() {
    this.listText = "";
  }

  close() {
    this.drawing?.abort();
    this.kept.clear();
  }

  refresh() {
    const { player } = this;
    const { panes } = player.data;
    const measures = player.curves.measures.map((/** @type {any} */ { id }) => player.curves.measure(id));
    const ways = measures.map((/** @type {any} */ { id, title }) => [id, title.toLowerCase()]);
    if (player.charts.compared())
      ways.push([GAP, `gap between ${player.charts.compared().first} and ${player.charts.compared().second}`]);
    const by = ways.some(([id]) => id === player.look.rank?.by) ? player.look.rank.by : player.curves.main().id;
    const pane = panes.find((/** @type {any} */ { id }) => id === player.look.rank?.pane) ?? panes[0];
    fill(this.by, ways, by);
    fill(
      this.picture,
      panes.map((/** @type {any} */ one) => [one.id, [one.letter, one.title, one.detail].filter(Boolean).join(" · ")]),
      pane.id,
    );
    const measure = measures.find((/** @type {any} */ { id }) => id === by) ?? player.charts.compared()?.measure;
    const values =
      by === GAP ? player.charts.gapCurve().map(Math.abs) : meanCurve(player.charts.visible(measure), player.nFrames);
    const range = player.look.loop ?? player.searched;
    const frames = highest(values, COUNT, [range[0], Math.min(range[1], player.searched[1])]);
    const several = by !== GAP && player.charts.visible(measure).length > 1 ? "mean of the configurations shown" : "";
    const where = player.look.loop ? `in the loop, frames ${range[0]}–${range[1]}` : "";
    this.note.textContent = [several, where].filter(Boolean).join(", ");
    const texts = frames.map((frame) => `${formatValue(values[frame])}${measure?.unit && ` ${measure.unit}`}`);
    const text = JSON.stringify([frames, texts, pane.key, pane.domain.colour_map]);
    if (text === this.listText) return;
    this.listText = text;
    this.build(frames, texts, pane);
    this.paint(player.inCanvas);
  }

  /** @param {number} frame */
  paint(frame) {
    for (const item of this.list.children) {
      if (Number(item.dataset.frame) === frame) item.firstElementChild.setAttribute("aria-current", "true");
      else item.firstElementChild.removeAttribute("aria-current");
    }
  }

  /** @param {number[]} frames @param {string[]} texts @param {any} pane */
  build(frames, texts, pane) {
    const { player } = this;
    const aspect = player.data.width / player.data.height;
    const canvases = frames.map(() => {
      const canvas = element("canvas", { width: "1", height: "1" });
      Object.assign(canvas.style, { width: `${Math.round(HEIGHT_PX * aspect)}px`, height: `${HEIGHT_PX}px` });
      return canvas;
    });
    this.list.replaceChildren(
      ...frames.map((frame, index) => {
        const words = element("span", { class: "number" }, element("b", { text: String(frame) }), ` ${texts[index]}`);
        const go = element(
          "button",
          { type: "button", title: `${index + 1}. frame ${frame}: ${texts[index]}` },
          canvases[index],
          words,
        );
        go.setAttribute("aria-label", `${index + 1}: frame ${frame}, ${texts[index]}`);
        go.addEventListener("click", () => player.jump(frame), { signal: player.abort.signal });
        return element("li", { "data-frame": String(frame) }, go);
      }),
    );
    this.draw(frames, canvases, pane);
  }

  /** Draw one picture after the other, so that nothing else waits. @param {number[]} frames @param {any[]} canvases @param {any} pane */
  async draw(frames, canvases, pane) {
    this.drawing?.abort();
    const drawing = new AbortController();
    this.drawing = drawing;
    const { player } = this;
    for (let i = 0; i < frames.length; i += 1) {
      const name = `${pane.key} ${frames[i]}`;
      const known = this.kept.get(name);
      if (known) {
        copy(known, canvases[i]);
        continue;
      }
      try {
        const [codes] = await player.loader.pictures.stills(pane, frames[i], 1, drawing.signal);
        if (drawing.signal.aborted) return;
        const drawn = element("canvas", {});
        drawCodes(drawn, codes, pane.domain);
        this.kept.set(name, drawn);
        if (this.kept.size > MAX_KEPT) this.kept.delete([...this.kept.keys()][0]);
        copy(drawn, canvases[i]);
      } catch (error) {
        if (drawing.signal.aborted || player.isDestroyed) return;
        canvases[i].title = error instanceof Error ? error.message : String(error);
      }
    }
  }
}

/** @param {HTMLCanvasElement} from @param {HTMLCanvasElement} to */
function copy(from, to) {
  const ratio = window.devicePixelRatio || 1;
  Object.assign(to, { width: Math.round(parseFloat(to.style.width) * ratio), height: Math.round(HEIGHT_PX * ratio) });
  const context = /** @type {CanvasRenderingContext2D} */ (to.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(from, 0, 0, to.width, to.height);
}

/** @param {any} menu a select @param {[string, string][]} options value and label @param {string} value */
export function fill(menu, options, value) {
  const text = JSON.stringify(options);
  if (menu.dataset.text !== text) {
    menu.dataset.text = text;
    menu.replaceChildren(...options.map(([name, label]) => element("option", { value: name, text: label })));
  }
  menu.value = value;
}
