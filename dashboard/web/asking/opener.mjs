// @ts-check
/** How other components of the page open the dialog that adds a video: the dialog writes it here. */

/** @type {{open: (() => void) | null}} null: nothing can be asked for on this page */
export const asking = { open: null };

/** The key and the palette's entry, where this visitor may ask. @param {import("../player/context.mjs").Context} context @returns {import("../player/context.mjs").Part} */
export function addingVideo({ commands }) {
  return {
    update: ({ canAsk }) => canAsk && commands.add({ actions: { addVideo: () => asking.open?.() } }),
  };
}
