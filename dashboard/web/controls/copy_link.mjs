// @ts-check
/** Copies the link that restores what is on the screen: frame, speed and view state. */

import { element } from "../ui/dom.mjs";
import { FIELDS, writeViewState } from "../view/view_state.mjs";

/**
 * The address of this view at that frame.
 * @param {import("../player/context.mjs").Context} context @param {number} frame
 */
export function linkTo({ playback, view }, frame) {
  const url = new URL(window.location.href);
  url.searchParams.set("frame", String(frame));
  url.searchParams.set("speed", String(playback.speed));
  const texts = writeViewState(view.state);
  for (const name of Object.keys(FIELDS)) {
    if (name in texts) url.searchParams.set(name, texts[name]);
    else url.searchParams.delete(name);
  }
  return url;
}

/** @param {import("../player/context.mjs").Context} context */
export async function copyLink(context) {
  const { ui } = context;
  const url = linkTo(context, context.position.wanted);
  try {
    await navigator.clipboard.writeText(url.href); // needs https or localhost
    ui.announce("link copied");
  } catch {
    const field = element("input", {
      class: "link",
      value: url.href,
      readonly: "",
      "aria-label": "link to this frame",
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      ui.dismiss();
      ui.focus();
    });
    ui.announce("copy this link:", field);
    field.focus();
    field.select();
  }
}
