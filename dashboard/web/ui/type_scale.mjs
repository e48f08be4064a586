// @ts-check
/**
 * How much larger type and controls are on the largest screens, which nobody sits four times as close to. One number for the
 * style sheets (`--xc-unit`) and for what is measured in script; it holds until the page is loaded again.
 */

/** From this width of the window on, CSS px. */
const LARGE_FROM_PX = 2560;
const PX_PER_UNIT = 2200;
const MOST = 1.6;

/** @param {number} width of the window, CSS px @returns {number} */
export function typeScaleAt(width) {
  return width < LARGE_FROM_PX ? 1 : Math.min(width / PX_PER_UNIT, MOST);
}

export const TYPE_SCALE = typeof window === "undefined" ? 1 : typeScaleAt(window.innerWidth);

/** A height of type in whole px. @param {number} px on a usual screen */
export const typePx = (px) => Math.round(px * TYPE_SCALE);
