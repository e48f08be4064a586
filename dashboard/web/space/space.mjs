// @ts-check
/** The part of the player that shows depth in space: it paints the panes of depth, and moves the one camera they share. */

import { lensOf } from "../surfaces/geometry.mjs";
import { savedSurface } from "../surfaces/saving.mjs";
import { element, listener } from "../ui/dom.mjs";
import { save } from "../ui/save.mjs";
import { COLOURS, GAPS, SURFACES } from "../view/space_view_state.mjs";
import { dollied, orbited, panned, sideCamera, topCamera } from "./camera.mjs";
import { controls } from "./controls.mjs";
import { filmRow, KIND_TEXTS } from "./film_row.mjs";
import { KenBurns } from "./ken_burns.mjs";
import { moveByKey, Orbit } from "./orbit.mjs";
import { Painter } from "./painter.mjs";

/** A step of the keys Z and Shift + Z. */
const ZOOM_STEP = 1.5;

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part & {gestures: Orbit, painter: Painter}}
 */
export function spacing(context) {
  const { stage, signal, view } = context;
  const painter = new Painter(context);
  stage.painter = painter;
  context.ui.root.dataset.space = "";

  const cameras = { top: topCamera, side: sideCamera };
  const move = (/** @type {import("./camera.mjs").Camera} */ camera) => {
    painter.moving = camera;
    painter.movedMs = performance.now();
    context.position.repaint();
  };
  const kenBurns = new KenBurns(context, painter, () => films.showTime());
  const films = filmRow(context, kenBurns);
  /** @type {import("./orbit.mjs").Moves} */
  const own = {
    orbit: (yaw, pitch) => move(orbited(painter.camera, yaw, pitch)),
    pan: (du, dv) => move(panned(painter.camera, du, dv, lensOf(stage.size, painter.degrees))),
    dolly: (factor) => move(dollied(painter.camera, factor, painter.sceneScale)),
    settle: () => {
      const camera = painter.moving;
      painter.moving = null;
      if (camera) view.change({ camera });
    },
    reset: () => view.change({ camera: "clip" }),
  };
  // Along a path, they place the window of its nearer end.
  const now = () => (painter.film ? kenBurns.moves : own);
  /** @type {import("./orbit.mjs").Moves} */
  const moves = {
    orbit: (yaw, pitch) => now().orbit(yaw, pitch),
    pan: (du, dv) => now().pan(du, dv),
    dolly: (factor) => now().dolly(factor),
    settle: () => now().settle(),
    reset: () => now().reset(),
  };
  const standAt = (/** @type {keyof typeof cameras | "clip"} */ name) => {
    kenBurns.pause();
    view.change({ film: null, camera: name === "clip" ? name : cameras[name](painter.sceneScale) });
  };

  const sizeAt = (/** @type {number} */ x, /** @type {number} */ y) => {
    const box = stage.root.getBoundingClientRect();
    const rects = stage.layout?.rects ?? [];
    const isIn = (/** @type {import("../drawing/layout.mjs").Rect | null} */ rect) =>
      rect &&
      x - box.left >= rect.x &&
      x - box.left < rect.x + rect.width &&
      y - box.top >= rect.y &&
      y - box.top < rect.y + rect.height;
    const found = rects.findIndex(isIn);
    return painter.covers(found) ? rects[found] : null;
  };
  const hasFocus = () => context.ui.root.matches(":focus-within");
  const gestures = new Orbit(stage.root, { signal, sizeAt, hasFocus, moves });

  const handle = element("div", {
    class: "space-view",
    tabindex: "0",
    role: "application",
    "aria-label":
      "camera of all panes: arrow keys turn it, with Shift they move it, + and − go nearer and farther, Home is the camera of the clip",
  });
  stage.root.append(handle);
  listener(handle, signal)("keydown", (event) => {
    if (!moveByKey(event, moves)) return;
    event.preventDefault();
    event.stopPropagation();
  });

  const saveAs = async (/** @type {number} */ pane, /** @type {"ply" | "glb"} */ format) => {
    const found = await savedSurface(painter, pane, format);
    if (typeof found === "string") context.ui.announce(found);
    else save(found.blob, found.name);
  };
  const row = controls(context, painter, standAt, () => kenBurns.toggle(), saveAs);
  context.ui.toolbar.root.append(row.root, ...films.rows);
  const show = () => {
    row.show();
    films.show();
    stage.panes.forEach((_, pane) => {
      const { scale } = stage.elements[pane] ?? {};
      if (scale) scale.hidden = painter.covers(pane) && !painter.isMapped(pane);
    });
  };

  const next = (/** @type {readonly string[]} */ all, /** @type {string} */ now) =>
    all[(all.indexOf(now) + 1) % all.length];
  const colour = () => view.change({ colour: /** @type {"image"} */ (next(COLOURS, view.state.colour)) });
  const surface = () =>
    view.change({
      surface: { ...view.state.surface, name: /** @type {"tear"} */ (next(SURFACES, view.state.surface.name)) },
    });
  const gaps = () => view.change({ gaps: /** @type {"open"} */ (next(GAPS, view.state.gaps)) });
  return {
    gestures,
    painter,
    actions: {
      fit: () =>
        view.state.film || view.state.camera !== "clip" ? moves.reset() : view.change({ solo: null, wipe: null }),
      zoom: (value = 1) => {
        moves.dolly(ZOOM_STEP ** value);
        moves.settle();
      },
      spaceCamera: () => handle.focus({ preventScroll: true }),
      spaceColour: colour,
      spaceSurface: surface,
      filmToggle: () => kenBurns.toggle(),
      filmPlay: () => {
        if (!painter.film) kenBurns.toggle();
        if (kenBurns.isPlaying) kenBurns.pause();
        else kenBurns.play();
      },
    },
    commands: () => [
      { help: "camera of the clip", words: "reset view front space 3d", run: () => standAt("clip") },
      { help: "view from above", words: "top bird space 3d", run: () => standAt("top") },
      { help: "view from the side", words: "left space 3d", run: () => standAt("side") },
      { help: "colour of the surface", words: "image map shading", state: view.state.colour, run: colour },
      ...(view.state.film
        ? [
            { help: "save the Ken Burns film", words: "export video mp4 webm 3d", run: () => films.saveFilm() },
            ...KIND_TEXTS.map(([kind, text]) => ({
              help: `path of the film: ${text.toLowerCase()}`,
              words: "ken burns camera 3d",
              state: view.state.film?.kind === kind ? "on" : "",
              run: () => kenBurns.change({ kind }),
            })),
          ]
        : []),
      { help: "kind of surface", words: "tear stretch points mesh", state: view.state.surface.name, run: surface },
      { help: "gaps behind near surfaces", words: "fill hatch holes disocclusion", state: view.state.gaps, run: gaps },
    ],
    view: (now, before) => {
      if (now.camera !== before.camera) painter.moving = null;
      if (now.film !== before.film) painter.editedFilm = null;
      if (!now.film) kenBurns.pause();
      show();
    },
    playback: () => kenBurns.followPlayback(),
    update: (_data, isNewClip) => {
      if (isNewClip) {
        kenBurns.pause();
        painter.scale = painter.filmTime = 0;
      }
      painter.surface.keep(stage.panes.length);
      show();
    },
    destroy: () => {
      stage.painter = null;
      painter.surface.close();
    },
  };
}
