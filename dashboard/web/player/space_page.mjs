// @ts-check
/** The player of the Space page: that of the Compare page, with depth in space in place of flat pictures that zoom. */

import { addingVideo } from "../asking/opener.mjs";
import { onDemand } from "../commands/on_demand.mjs";
import { palettePart } from "../commands/palette.mjs";
import { bookmarking } from "../controls/bookmarks.mjs";
import { transporting } from "../controls/transport.mjs";
import { dividing } from "../drawing/divider.mjs";
import { sharing } from "../export/sharing.mjs";
import { strip } from "../plots/strip.mjs";
import { keepPatch } from "../space/patches.mjs";
import { reading } from "../space/reading.mjs";
import { spacing } from "../space/space.mjs";
import { measuring } from "../tools/measure.mjs";
import { probing } from "../tools/probe.mjs";
import { tools } from "../tools/tools.mjs";
import { flickering, wiping } from "../tools/wipe.mjs";
import { mountPlayer } from "./player.mjs";

/** @param {import("./context.mjs").Context} context @returns {import("./context.mjs").Part[]} */
function parts(context) {
  const space = spacing(context);
  const bookmarks = bookmarking(context);
  /** @type {Parameters<typeof reading>[2]} */
  const keep = (note, box, depths) => {
    const { position, data } = context;
    if (bookmarks.keep(note)) keepPatch(data.clip, { frame: position.painted, box, note, depths });
  };
  return [
    transporting(context),
    space,
    wiping(context),
    flickering(context),
    tools(context),
    measuring(context, space.gestures, {
      degrees: () => space.painter.degrees,
      more: (points) => reading(space.painter, points, keep),
    }),
    probing(context, space.gestures),
    onDemand(context, ["legend", "scaleMenu"], async () => (await import("../tools/scales.mjs")).scaling(context)),
    dividing(context),
    bookmarks,
    sharing(context),
    addingVideo(context),
    palettePart(context),
    strip(context),
  ];
}

/** Streamlit's entry. @param {import("./player.mjs").Component} component @returns {() => void} ends the player */
export function mount(component) {
  return mountPlayer(component, parts);
}
