// @ts-check
/**
 * How coarse the surface may be while it moves, so that it follows the pointer on machines that draw without a GPU. At rest
 * it is whole. Pure.
 */

/** One paint of all panes may take this long while something moves. */
const BUDGET_MS = 40;
/** Pixels between vertices, as multiples of those at rest. */
const COARSER = [1, 2, 4];
/** What a triangle takes where the browser says that it draws without a GPU, until it is measured, ms. */
const SOFTWARE_MS = 4e-4;
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
/** The share of a new measurement. */
const WEIGHT = 0.3;

export class Pace {
  /** @param {string} renderer name of the graphics device */
  constructor(renderer) {
    /** Time to draw a triangle, ms. */
    this.costMs = SOFTWARE.test(renderer) ? SOFTWARE_MS : 0;
  }

  /** A pane has been drawn and read. @param {number} triangles @param {number} ms */
  note(triangles, ms) {
    if (triangles > 0) this.costMs += WEIGHT * (ms / triangles - this.costMs);
  }

  /** How much coarser than at rest. @param {number} panes @param {number} triangles of a pane at rest */
  coarser(panes, triangles) {
    return (
      COARSER.find((one) => (panes * triangles * this.costMs) / one ** 2 <= BUDGET_MS) ?? COARSER[COARSER.length - 1]
    );
  }
}
