// @ts-check
/** Draws what one pane shows, after its plan, to a canvas of its own that the stage then scales and places. */

import { element } from "../ui/dom.mjs";
import { drawOver, drawPlan } from "./compose.mjs";

/** @typedef {import("./compose.mjs").Plan} Plan */

/** @type {WeakMap<ImageData, Uint32Array>} */
const views = new WeakMap();

/** The pixels of an image as rgba32, a view; made once per image. @param {ImageData} image */
export function rgba32Of(image) {
  let found = views.get(image);
  if (!found) {
    found = new Uint32Array(image.data.buffer);
    views.set(image, found);
  }
  return found;
}

/** A canvas of the size of the stored image, drawn again only when what it shows changes. */
export class Tile {
  constructor() {
    this.canvas = element("canvas", { width: "1", height: "1" });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { willReadFrequently: true }));
    /** @type {ImageData | null} */
    this.colours = null;
    /** @type {ImageData | null} */
    this.codes = null;
    /** @type {ImageData | null} */
    this.other = null;
    /** @type {Plan | null} */
    this.plan = null;
    /** @type {ImageData | null} */
    this.energy = null;
    /** @type {Uint32Array | null} */
    this.table = null;
  }

  /**
   * Draws an image and gives the canvas.
   * @param {ImageData} codes @param {Plan} plan
   * @param {{other: ImageData | null, unknown: number, energy: ImageData | null, table: Uint32Array | null}} more
   *   other: of the reference; unknown: codes of its pixels without a value, -1: there are none; energy: drawn over the image
   *   in the colours of `table`
   * @returns {HTMLCanvasElement}
   */
  show(codes, plan, { other, unknown, energy, table }) {
    const isSame = codes === this.codes && plan === this.plan && other === this.other;
    if (isSame && energy === this.energy && table === this.table) return this.canvas;
    this.codes = codes;
    this.plan = plan;
    this.other = other;
    this.energy = energy;
    this.table = table;
    const { width, height } = codes;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const isOver = energy !== null && table !== null && energy.data.length === codes.data.length;
    if (plan.kind === "codes" && !isOver) {
      this.context.putImageData(codes, 0, 0);
      return this.canvas;
    }
    if (this.colours?.width !== width || this.colours.height !== height) this.colours = new ImageData(width, height);
    drawPlan(plan, rgba32Of(codes), other && rgba32Of(other), unknown, rgba32Of(this.colours));
    if (isOver) drawOver(table, rgba32Of(energy), rgba32Of(this.colours));
    this.context.putImageData(this.colours, 0, 0);
    return this.canvas;
  }
}
