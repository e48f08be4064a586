// @ts-check
/** The player of the Image page: pictures that stand still, so without transport, strip, bookmarks and plots. */

import { onDemand } from "../commands/on_demand.mjs";
import { palettePart } from "../commands/palette.mjs";
import { dividing } from "../drawing/divider.mjs";
import { measuring } from "../tools/measure.mjs";
import { probing } from "../tools/probe.mjs";
import { tools } from "../tools/tools.mjs";
import { flickering, wiping } from "../tools/wipe.mjs";
import { zooming } from "../tools/zoom.mjs";
import { mountPlayer } from "./player.mjs";

/** @param {import("./context.mjs").Context} context @returns {import("./context.mjs").Part[]} */
function parts(context) {
  const zoom = zooming(context);
  return [
    zoom,
    wiping(context),
    flickering(context),
    tools(context),
    measuring(context, zoom.gestures),
    probing(context, zoom.gestures),
    onDemand(context, ["legend", "scaleMenu"], async () => (await import("../tools/scales.mjs")).scaling(context)),
    dividing(context),
    palettePart(context),
  ];
}

/** Streamlit's entry. @param {import("./player.mjs").Component} component @returns {() => void} ends the player */
export function mount(component) {
  return mountPlayer(component, parts);
}
