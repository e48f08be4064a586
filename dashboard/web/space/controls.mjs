// @ts-check
/** The row of settings under the panes in space: standpoints, surface, colour, field of view, and what the units are. */

import { halfStep, strideOf } from "../surfaces/geometry.mjs";
import { element, fill, listener } from "../ui/dom.mjs";
import { fields, labelled } from "../ui/fields.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { FIELD_OF_VIEW_LIMITS, TOLERANCE_LIMITS } from "../view/space_view_state.mjs";

/** @type {[string, string][]} */
const SURFACE_TEXTS = [
  ["tear", "Torn"],
  ["stretch", "Stretched"],
  ["points", "Points"],
];
/** @type {[string, string][]} */
const COLOUR_TEXTS = [
  ["image", "Image"],
  ["map", "Colour map"],
  ["shade", "Shading"],
  ["debanded", "Shading, debanded"],
  ["normals", "Shading, stored normals"],
];

/** @type {[string, string][]} */
const GAPS_TEXTS = [
  ["open", "Open"],
  ["filled", "Filled"],
  ["hatched", "Filled, hatched"],
];

/**
 * @param {import("../player/context.mjs").Context} context @param {import("./painter.mjs").Painter} painter
 * @param {(name: "clip" | "top" | "side") => void} standAt @param {() => void} toggleFilm @param {(pane: number, format: "ply" | "glb") => void} saveAs
 */
export function controls(context, painter, standAt, toggleFilm, saveAs) {
  const { view, signal } = context;
  const { menu, slider } = fields({ signal, done: () => context.ui.focus() });
  const stand = (
    /** @type {"clip" | "top" | "side"} */ name,
    /** @type {string} */ word,
    /** @type {string} */ label,
  ) => {
    const made = element("button", { type: "button", text: word, title: label, "aria-label": label });
    listener(made, signal)("click", () => standAt(name));
    return made;
  };
  const stands = element("div", { class: "group", role: "group", "aria-label": "camera" });
  stands.append(element("span", { class: "muted", text: "camera" }));
  const clip = stand("clip", "Clip", "look from the camera of the clip (F)");
  const film = element("button", {
    type: "button",
    text: "Ken Burns",
    title: "a film: the camera moves along a path (Shift H)",
  });
  listener(film, signal)("click", toggleFilm);
  stands.append(clip, stand("top", "Top", "look from above"), stand("side", "Side", "look from the side"), film);

  const surface = menu("surface", (name) =>
    view.change({ surface: { ...view.state.surface, name: /** @type {"tear"} */ (name) } }),
  );
  const colour = menu("colour", (name) => view.change({ colour: /** @type {"image"} */ (name) }));
  colour.title =
    "Difference (D) and energy (E) colour the surface in place of this. The expected error is one number for a whole frame, so it is plotted and colours no pixel.";
  const tolerance = slider("tear where depths differ by more than", TOLERANCE_LIMITS, 0.01, (value) =>
    view.change({ surface: { name: "tear", tolerance: value } }),
  );
  const gaps = menu("gaps", (name) => view.change({ gaps: /** @type {"open"} */ (name) }));
  gaps.title =
    "What a near surface hides: left open, or invented from the far side; hatching marks every invented pixel";
  const gapsRow = labelled("gaps", gaps);
  const fov = slider("field of view of the shorter side", FIELD_OF_VIEW_LIMITS, 1, (value) =>
    view.change({ fov: value }),
  );
  const units = element("span", { class: "muted space-units" });
  const saved = menu("surface to save", () => {});
  const save = (/** @type {"ply" | "glb"} */ format) => {
    const label = `save the surface of this frame as ${format.toUpperCase()}`;
    const made = element("button", { type: "button", text: format.toUpperCase(), title: label, "aria-label": label });
    listener(made, signal)("click", () => saveAs(Number(saved.value), format));
    return made;
  };
  const saves = element("div", { class: "group", role: "group", "aria-label": "save the surface" });
  saves.append(element("span", { class: "muted", text: "save" }), saved, save("ply"), save("glb"));
  const root = element(
    "div",
    { class: "transport space-row" },
    stands,
    labelled("surface", surface),
    tolerance.root,
    gapsRow,
    labelled("colour", colour),
    fov.root,
    saves,
    units,
  );

  const show = () => {
    const { state } = view;
    clip.setAttribute("aria-pressed", String(state.camera === "clip" && state.film === null));
    film.setAttribute("aria-pressed", String(state.film !== null));
    fill(surface, SURFACE_TEXTS, state.surface.name);
    fill(colour, COLOUR_TEXTS, state.colour);
    fill(gaps, GAPS_TEXTS, state.gaps);
    gapsRow.hidden = state.surface.name !== "tear";
    tolerance.root.hidden = state.surface.name !== "tear";
    tolerance.input.value = String(state.surface.tolerance);
    tolerance.name.textContent = "beyond";
    tolerance.value.textContent = `${Math.round(100 * state.surface.tolerance)}\u00a0%`;
    fov.input.value = String(painter.degrees);
    fov.name.textContent = "field of view";
    const origin = state.fov !== null ? "set" : context.data.fieldOfView ? "of the clip" : "assumed";
    fov.value.textContent = `${Number(painter.degrees.toFixed(1))}° ${origin}`;
    /** @type {[string, string][]} */
    const panes = context.stage.panes.flatMap(({ letter, title, heading }, pane) =>
      painter.covers(pane) ? [[String(pane), letter ? `${letter} ${heading || title}` : title]] : [],
    );
    fill(saved, panes, panes.some(([pane]) => pane === saved.value) ? saved.value : (panes[0]?.[0] ?? ""));
    saves.hidden = panes.length === 0;
    const { text, title } = unitsText(context, painter);
    units.textContent = text;
    units.title = title;
  };
  return { root, show };
}

/** What distances mean, and how fine depth and grid are. @param {import("../player/context.mjs").Context} context @param {import("./painter.mjs").Painter} painter */
function unitsText({ stage }, painter) {
  const shown = stage.panes.map((_, pane) => pane).filter((pane) => painter.covers(pane));
  if (shown.length === 0) return { text: "", title: "" };
  const nMetric = shown.filter((pane) => painter.isMetric(pane)).length;
  const isMetric = nMetric === shown.length;
  const texts = [isMetric ? "grid 1\u00a0m" : nMetric === 0 ? "up to scale" : "some up to scale"];
  const { domain } = stage.panes[shown[0]];
  const step = withUnit(200 * halfStep(domain, 1), "%");
  if (domain.scale === "log") texts.push(`steps ${step}`);
  const stride = strideOf(stage.size);
  if (stride > 1) texts.push(`1 of ${stride} × ${stride} pixels`);
  const unit = isMetric
    ? "Depth is in metres"
    : "Depth that is up to scale has no metres: only shapes and ratios mean something";
  const rounding =
    domain.scale === "log"
      ? `. It is stored in steps of ${step}: terraces of that height are rounding, not the network's`
      : "";
  return { text: texts.join(", "), title: `${unit}${rounding}.` };
}
