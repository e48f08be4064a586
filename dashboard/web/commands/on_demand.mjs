// @ts-check
/** Parts whose modules are imported when they are first used: the first picture does not wait for them. */

import { element } from "../ui/dom.mjs";

/**
 * @typedef {import("../player/context.mjs").Part} Part
 * @typedef {import("../player/context.mjs").Context} Context
 */

/**
 * A part of which only the names of its actions are known until one of them is run.
 * @param {Pick<Context, "data" | "isDestroyed"> & {ui: Pick<Context["ui"], "announce">}} context
 * @param {string[]} actions @param {() => Promise<Part>} load
 * @returns {Part & {element: HTMLElement, actions: Record<string, (...given: any[]) => Promise<void>>}}
 */
export function onDemand(context, actions, load) {
  const place = element("div");
  place.style.display = "contents"; // no box of its own: where it stands, nothing moves
  /** @type {Part | null} */
  let part = null;
  /** @type {Promise<void> | null} */
  let loading = null;
  const take = async () => {
    const made = await load();
    if (context.isDestroyed) return made.destroy?.();
    part = made;
    if (made.element) place.append(made.element);
    made.update?.(context.data, true);
  };
  const run = async (/** @type {string} */ name, /** @type {any[]} */ given) => {
    try {
      loading ??= take();
      await loading;
    } catch (error) {
      loading = null; // so that the next use tries again, though most browsers keep the failure until the page is loaded again
      const reason = error instanceof Error ? error.message : String(error);
      return context.ui.announce(`this cannot be loaded (${reason}); is the server running? Reload the page.`);
    }
    part?.actions?.[name]?.(...given);
  };
  return {
    element: place,
    actions: Object.fromEntries(actions.map((name) => [name, (...given) => run(name, given)])),
    update: (data, isNewClip) => part?.update?.(data, isNewClip),
    view: (state, before) => part?.view?.(state, before),
    paint: (frame, pictures) => part?.paint?.(frame, pictures),
    fit: () => part?.fit?.(),
    restyle: () => part?.restyle?.(),
    destroy: () => part?.destroy?.(),
  };
}
