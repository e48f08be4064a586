// @ts-check
/** Draws the frames of a Ken Burns film, side by side where several panes are shown, for the encoder. */

import { film as encoded } from "../export/film.mjs";
import { typePx } from "../ui/type_scale.mjs";
import { timeOf } from "./camera_path.mjs";
import { clipFrame } from "./ken_burns.mjs";

/** Between pictures, and the line of names above them, in shares of a picture's height. */
const GAP = 0.02;
const NAMES = 0.07;

/**
 * Size of the film and places of its pictures, all whole, the size even: video stores colour for 2 x 2 pixels. Pure.
 * @param {number} count pictures, in rows of equal length @param {number} height of one, px @param {number} aspect
 */
export function filmLayout(count, height, aspect) {
  const columns = count <= 3 ? count : Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const width = Math.round(height * aspect);
  const [gap, names] = count === 1 ? [0, 0] : [Math.round(GAP * height), Math.round(NAMES * height)];
  const even = (/** @type {number} */ side) => 2 * Math.ceil(side / 2);
  const rects = Array.from({ length: count }, (_, i) => ({
    x: (i % columns) * (width + gap),
    y: Math.floor(i / columns) * (height + names + gap) + names,
    width,
    height,
  }));
  // A single picture fills the frame.
  if (count === 1) Object.assign(rects[0], { width: even(width), height: even(height) });
  return {
    rects,
    namesPx: names,
    width: even(columns * width + (columns - 1) * gap),
    height: even(rows * (height + names) + (rows - 1) * gap),
  };
}

/**
 * The film as a file: every frame drawn whole, at its own time.
 * @param {import("./painter.mjs").Painter} painter
 * @param {{height: number, fps: number, onProgress: (done: number, count: number) => void, signal: AbortSignal}} options
 *   height: of a picture, px
 */
export async function savedFilm(painter, { height, fps, onProgress, signal }) {
  const { stage, data, clip, frames, ui } = painter.context;
  const { film } = painter;
  const shown = shownPanes(painter);
  if (!film || shown.length === 0) throw new Error("no pane shows depth");
  const { rects, namesPx, ...size } = filmLayout(shown.length, height, stage.size.width / stage.size.height);
  const canvas = Object.assign(document.createElement("canvas"), size);
  const target = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  const layout = {
    .../** @type {import("../drawing/layout.mjs").Layout} */ (stage.layout),
    rects: stage.panes.map((_, pane) => (shown.includes(pane) ? rects[shown.indexOf(pane)] : null)),
  };
  const layer = Object.assign(document.createElement("canvas"), size);
  const names = shown.map((pane) => nameOf(stage.panes[pane]));
  const count = Math.max(Math.round(film.seconds * fps), 1);
  const range = clip.range;
  const look = lookOf(painter);
  let at = -1;
  /** @type {import("../frames/frame_loader.mjs").Picture[]} */
  let pictures = [];

  const draw = async (/** @type {number} */ frame) => {
    const wanted = clipFrame(data.ptsSeconds, range, frame / fps);
    // The same pictures again keep the textures, and what was filled.
    if (wanted !== at) pictures = await frames.loadExact(wanted);
    at = wanted;
    if (lookOf(painter) !== look) throw new Error("The view changed while the film was saved. Save it again.");
    const broken = pictures.find(({ error }) => error);
    if (broken) throw new Error(`frame ${wanted}: ${broken.error}`);
    target.fillStyle = ui.theme.colour("--xc-background");
    target.fillRect(0, 0, size.width, size.height);
    const before = painter.filmTime;
    const edited = painter.editedFilm;
    Object.assign(painter, { filmTime: timeOf(film, frame, count), editedFilm: film, isExporting: true });
    try {
      stage.paintOn(layer, 1, pictures, null, layout);
    } finally {
      Object.assign(painter, { filmTime: before, editedFilm: edited, isExporting: false });
    }
    target.drawImage(layer, 0, 0);
    if (namesPx === 0) return;
    target.fillStyle = ui.theme.colour("--xc-text");
    target.font = `500 ${Math.max(Math.round(0.6 * namesPx), typePx(12))}px ${ui.theme.css("--st-font") || "sans-serif"}`;
    target.textBaseline = "middle";
    for (const [i, { x, y, width }] of rects.entries())
      target.fillText(names[i], x + 0.2 * namesPx, y - 0.5 * namesPx, width - 0.4 * namesPx);
  };

  const seconds = Array.from({ length: count }, (_, frame) => frame / fps);
  try {
    return await encoded(canvas, { seconds, endSeconds: count / fps, title: data.title, draw, onProgress, signal });
  } finally {
    painter.context.position.repaint();
  }
}

/**
 * What all frames of a film have in common beside its path, as text: one file shows one clip, in one look.
 * @param {{degrees: number, context: Pick<import("../player/context.mjs").Context, "data" | "view"> & {stage: {panes: {key: string}[]}}}} painter
 */
export function lookOf({ degrees, context: { data, view, stage } }) {
  const { surface, gaps, colour, overlay, maps, diff, reach, align } = view.state;
  const keys = stage.panes.map(({ key }) => key);
  return JSON.stringify([data.clip, keys, degrees, surface, gaps, colour, overlay, maps, diff, reach, align]);
}

/** Panes in space that are on the screen. @param {import("./painter.mjs").Painter} painter */
export function shownPanes(painter) {
  const rects = painter.context.stage.layout?.rects ?? [];
  return [...rects.keys()].filter((pane) => rects[pane] && painter.covers(pane));
}

/** @param {import("../player/context.mjs").Pane} pane */
function nameOf({ letter, title, heading }) {
  return letter ? `${letter} ${heading || title}` : title;
}
