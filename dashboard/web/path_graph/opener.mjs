// @ts-check
/** How other components of the page open the graph of paths: the graph writes it here. */

/** @type {{open: (() => void) | null}} null: the page has none */
export const graph = { open: null };
