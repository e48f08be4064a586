// @ts-check
/** Copies the link that restores what is on the screen: frame, speed and view state. */

import { FIELDS, writeViewState } from "../player/view_state.mjs";
import { element } from "../ui/dom.mjs";

/** @param {import("../player/context.mjs").Context} context */
export async function copyLink({ position, playback, view, ui }) {
  const url = new URL(window.location.href);
  url.searchParams.set("frame", String(position.wanted));
  url.searchParams.set("speed", String(playback.speed));
  const texts = writeViewState(view.state);
  for (const name of Object.keys(FIELDS)) {
    if (name in texts) url.searchParams.set(name, texts[name]);
    else url.searchParams.delete(name);
  }
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
