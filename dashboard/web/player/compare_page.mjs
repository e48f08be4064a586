// @ts-check
/** The player of the Compare page: all parts. A page of still pictures would leave out transport, bookmarks and strip. */

import { addingVideo } from "../asking/opener.mjs";
import { onDemand } from "../commands/on_demand.mjs";
import { palettePart } from "../commands/palette.mjs";
import { bookmarking } from "../controls/bookmarks.mjs";
import { transporting } from "../controls/transport.mjs";
import { dividing } from "../drawing/divider.mjs";
import { sharing } from "../export/sharing.mjs";
import { Panels } from "../panels/panels.mjs";
import { strip } from "../plots/strip.mjs";
import { probing } from "../tools/probe.mjs";
import { regions } from "../tools/region.mjs";
import { tools } from "../tools/tools.mjs";
import { flickering, wiping } from "../tools/wipe.mjs";
import { zooming } from "../tools/zoom.mjs";
import { mountPlayer } from "./player.mjs";

/** @param {import("./context.mjs").Context} context @returns {import("./context.mjs").Part[]} */
function parts(context) {
  const zoom = zooming(context);
  return [
    transporting(context),
    zoom,
    wiping(context),
    flickering(context),
    tools(context),
    probing(context, zoom.gestures),
    onDemand(context, ["legend", "scaleMenu"], async () => (await import("../tools/scales.mjs")).scaling(context)),
    dividing(context),
    bookmarking(context),
    sharing(context),
    addingVideo(context),
    palettePart(context),
    strip(context),
    regions(context),
    new Panels(context),
  ];
}

/** Streamlit's entry. @param {import("./player.mjs").Component} component @returns {() => void} ends the player */
export function mount(component) {
  return mountPlayer(component, parts);
}
