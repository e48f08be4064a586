// @ts-check
/** Paints the panes of depth in space: what the stage asks for each pane, from the pictures on the screen and the view state. */

import {
  ASSUMED_FIELD_OF_VIEW_DEGREES,
  isDepth,
  lensOf,
  medianDepth,
  pointOf,
  strideOf,
} from "../surfaces/geometry.mjs";
import { shadeByNormals } from "../surfaces/normal_shading.mjs";
import { gridOf, Surface } from "../surfaces/surface.mjs";
import { asideCamera, clipCamera, eyeOf, planesOf, projection } from "./camera.mjs";
import { cameraAt, pathProjection } from "./camera_path.mjs";
import { Pace } from "./pace.mjs";
import { pixelAt, placeOf } from "./picking.mjs";

/** Depth that the camera turns around in a scene without any, metres. */
const SCALE = 3;
/** Nothing has moved for this long: the surface is drawn whole. */
const REST_MS = 160;
/** Where drawing is slow, what moves is drawn at this share of the pane's width and height. */
const MOVING_SHARE = 0.5;
/** Cells of the grid to each side. */
const GRID_CELLS = 6;
export const NO_WEBGL =
  "This browser cannot draw in space: WebGL 2 is missing or switched off. The flat pictures are on the Compare page.";
export const NO_NORMALS = "No normals of this method are stored for this clip, so there is no shading by them.";
export const LOST =
  "The graphics of this browser have stopped. They come back by themselves, or with a reload of the page.";

/**
 * @typedef {import("../player/context.mjs").Context} Context
 * @typedef {import("../player/context.mjs").Picture} Picture
 * @typedef {import("./camera.mjs").Camera} Camera
 */

export class Painter {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.surface = new Surface({
      onLost: () => context.position.repaint(),
      onRestored: () => context.position.repaint(),
    });
    /** The camera while it moves; null: that of the view state. @type {Camera | null} */
    this.moving = null;
    /** The film while it is edited; null: that of the view state. @type {import("../view/space_view_state.mjs").Film | null} */
    this.editedFilm = null;
    /** Where in the film the camera stands, from 0 to 1. */
    this.filmTime = 0;
    /** Whether a frame of the film is drawn for export: whole, however long it takes. */
    this.isExporting = false;
    /** The middle depth of the clip's first picture in space; 0: none yet. */
    this.scale = 0;
    /** Draws a pane flat, as the stage handed it over last. @type {Map<number, () => HTMLCanvasElement>} */
    this.flat = new Map();
    /** Pictures shaded by predicted normals, by the picture of the normals. @type {WeakMap<ImageData, ImageData>} */
    this.shaded = new WeakMap();
    this.pace = new Pace(this.surface.renderer);
    /** When the camera or the frame was another one last, ms. */
    this.movedMs = 0;
    this.frame = -1;
  }

  /** Field of view of the shorter side, degrees. */
  get degrees() {
    return this.context.view.state.fov ?? this.context.data.fieldOfView ?? ASSUMED_FIELD_OF_VIEW_DEGREES;
  }

  /** The scale of the scene, of a usual one while none is known. */
  get sceneScale() {
    return this.scale || SCALE;
  }

  get camera() {
    const { camera } = this.context.view.state;
    const chosen = camera === "clip" ? clipCamera(this.sceneScale) : camera;
    return this.moving ?? chosen ?? asideCamera(this.sceneScale);
  }

  /** The film whose path the camera follows; null: it is moved by hand. */
  get film() {
    return this.editedFilm ?? this.context.view.state.film;
  }

  /** From points to the pane. @param {import("../surfaces/geometry.mjs").Lens} lens */
  matrix(lens) {
    const { film, sceneScale } = this;
    if (!film) return projection(this.camera, lens, sceneScale);
    const extent = extentOf(lens);
    return pathProjection(cameraAt(film, this.filmTime, extent), extent, film.focus, planesOf(sceneScale));
  }

  /** @param {number} pane */
  covers(pane) {
    const found = this.context.stage.panes[pane];
    return found !== undefined && isDepth(found.domain);
  }

  /** Whether the pane is in metres. @param {number} pane */
  isMetric(pane) {
    return this.context.stage.panes[pane]?.domain.unit === "m";
  }

  /** Whether a pane shows its colour map rather than the image or shading: legends are about the map. @param {number} pane */
  isMapped(pane) {
    const { stage, view } = this.context;
    const { colour, overlay } = view.state;
    if (colour === "map" || stage.plans[pane]?.role === "compared") return true;
    const { role, letter } = stage.panes[pane];
    const hasEnergy = this.context.overlayTracks.some((track) => track.letter === letter);
    return Boolean(overlay) && role === "prediction" && hasEnergy;
  }

  /** Why a pane shows nothing; empty where it shows something. @param {number} pane @param {(Picture | null)[]} pictures */
  messageOf(pane, pictures) {
    const codes = pictures[pane]?.codes;
    if (!this.covers(pane) || !codes) return "";
    if (this.surface.isLost) return LOST;
    if (!this.surface.isReady) return NO_WEBGL;
    const isPoints = this.context.view.state.surface.name === "points";
    if (Math.min(codes.width, codes.height) < 2 && !isPoints)
      return "A surface needs at least 2 × 2 pixels; show points.";
    const isByNormals = this.context.view.state.colour === "normals" && !this.isMapped(pane);
    if (isByNormals && this.normalsAt(pane) < 0) return NO_NORMALS;
    const floats = this.surface.codesOf(pane, codes, this.context.stage.panes[pane].domain);
    if (!floats.some((code) => code >= 0)) return "No pixel of this frame has a known depth.";
    return "";
  }

  /**
   * Paints a pane into its rectangle of a canvas.
   * @param {number} pane @param {CanvasRenderingContext2D} target
   * @param {{x: number, y: number, width: number, height: number}} rect canvas px
   * @param {(Picture | null)[]} pictures @param {() => HTMLCanvasElement} tile the pane as it is drawn flat
   */
  draw(pane, target, rect, pictures, tile) {
    const { stage, view } = this.context;
    const codes = pictures[pane]?.codes;
    if (!codes || !this.surface.isReady || rect.width < 1 || rect.height < 1) return;
    const { domain } = stage.panes[pane];
    this.flat.set(pane, tile);
    this.findScale(pictures);
    const image = this.colourIn(pane, pictures);
    if (!image && view.state.colour === "normals" && !this.isMapped(pane)) return;
    const plan = stage.plans[pane];
    const overlaid = pictures.slice(stage.panes.length).map((picture) => picture?.codes ?? null);
    const version = image
      ? [image]
      : [codes, plan, pictures[plan.reference]?.codes ?? null, view.state.overlay, ...overlaid];
    const isDebanded = view.state.colour === "debanded" && !this.isMapped(pane);
    const isShaded = isDebanded || (view.state.colour === "shade" && !this.isMapped(pane));
    const lens = lensOf(stage.size, this.degrees);
    const camera = this.matrix(lens);
    const stride = this.isExporting ? strideOf(codes) : this.strideNow(codes);
    const isWhole = stride === strideOf(codes);
    const { surface, gaps } = view.state;
    const scene = {
      camera,
      lens,
      surface,
      isShaded,
      isDebanded,
      stride,
      gaps,
      mayFill: isWhole,
      isSealed: this.film !== null,
    };
    const [width, height] = [rect.width, rect.height].map((side) =>
      Math.max(1, Math.round(side * (isWhole ? 1 : MOVING_SHARE))),
    );
    const began = performance.now();
    this.surface.draw(pane, { codes, domain, colours: image ?? tile(), version }, scene, this.lines(pane, lens), {
      width,
      height,
    });
    // Without a GPU, reading waits for the drawing; with one, both take no time here.
    target.drawImage(this.surface.canvas, 0, 0, width, height, rect.x, rect.y, rect.width, rect.height);
    if (isWhole && !this.isExporting) this.pace.note(trianglesOf(codes, stride), performance.now() - began);
  }

  /** Pixels between vertices: more while something moves, where drawing is slow. @param {{width: number, height: number}} size */
  strideNow(size) {
    const { position, playback, timers, stage } = this.context;
    const rest = strideOf(size);
    const now = performance.now();
    if (this.frame !== position.painted) this.movedMs = now;
    this.frame = position.painted;
    const isMoving = this.moving !== null || playback.isPlaying || position.isScrubbing || now - this.movedMs < REST_MS;
    if (!isMoving) return rest;
    const panes = stage.layout?.rects.filter((rect, pane) => rect && this.covers(pane)).length ?? 1;
    const coarser = this.pace.coarser(panes, trianglesOf(size, rest));
    if (coarser > 1) timers.later("space-rest", REST_MS, () => position.repaint());
    return coarser * rest;
  }

  /** What colours a pane in place of its colour map: the picture of the input, or shading by normals. @param {number} pane @param {(Picture | null)[]} pictures @returns {ImageData | null} */
  colourIn(pane, pictures) {
    if (this.isMapped(pane)) return null;
    if (this.context.view.state.colour !== "normals") return this.imageIn(pictures);
    const at = this.normalsAt(pane);
    const normals =
      at < 0 ? null : pictures[this.context.stage.panes.length + this.context.overlayTracks.length + at]?.codes;
    if (!normals) return null;
    const known = this.shaded.get(normals);
    if (known) return known;
    const made = new ImageData(normals.width, normals.height);
    shadeByNormals(normals.data, this.context.normalTracks[at].domain, made.data);
    this.shaded.set(normals, made);
    return made;
  }

  /** The index of a pane's normals among those of the view; -1: there are none. @param {number} pane */
  normalsAt(pane) {
    const { id } = this.context.stage.panes[pane];
    return this.context.normalTracks.findIndex((track) => track.pane === id);
  }

  /** The picture of the input. @param {(Picture | null)[]} pictures */
  imageIn(pictures) {
    const at = this.context.stage.panes.findIndex(({ role }) => role === "input");
    return pictures[at]?.codes ?? null;
  }

  /**
   * The colours of a pane as the page shows them, shading apart, in the size of its depth.
   * @param {number} pane @param {(Picture | null)[]} pictures @param {{width: number, height: number}} size
   */
  coloursOf(pane, pictures, { width, height }) {
    const image = this.colourIn(pane, pictures);
    const made = Object.assign(document.createElement("canvas"), { width, height });
    const context = /** @type {CanvasRenderingContext2D} */ (made.getContext("2d"));
    const whole =
      image && Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    if (image) whole?.getContext("2d")?.putImageData(image, 0, 0);
    const source = whole ?? this.flat.get(pane)?.();
    if (!source) return null;
    context.drawImage(source, 0, 0, width, height);
    return made;
  }

  /** The clip's scale, from the first picture in space that has a depth. @param {(Picture | null)[]} pictures */
  findScale(pictures) {
    if (this.scale > 0) return;
    for (const [pane, { domain }] of this.context.stage.panes.entries()) {
      const codes = pictures[pane]?.codes;
      if (!codes || !this.covers(pane)) continue;
      const found = medianDepth(this.surface.codesOf(pane, codes, domain), domain);
      if (found !== null && found > 0) {
        this.scale = found;
        return;
      }
    }
    if (pictures.every((picture) => picture !== null)) this.scale = SCALE;
  }

  /** The clip's camera as a pyramid, and for metres a grid under it, where the eye is elsewhere. @param {number} pane @param {import("../surfaces/geometry.mjs").Lens} lens */
  lines(pane, lens) {
    const { camera, sceneScale: scale } = this;
    if (this.film || Math.hypot(...eyeOf(camera)) < 0.05 * scale) return [];
    const { width, height } = lens;
    const corners = [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ].map(([x, y]) => pointOf(lens, x, y, 0.12 * scale));
    const pyramid = corners.flatMap((corner, at) => [0, 0, 0, ...corner, ...corner, ...corners[(at + 1) % 4]]);
    const isDark = this.context.ui.root.dataset.theme === "dark";
    const ink = isDark ? 0.85 : 0.25;
    /** @type {import("../surfaces/surface.mjs").Lines[]} */
    const lines = [{ points: Float32Array.from(pyramid), ink: [ink, ink, ink, 0.9] }];
    if (!this.isMetric(pane)) return lines;
    const level = 0.5 * scale * lens.step * Math.min(height, width);
    const points = [];
    for (let at = -GRID_CELLS; at <= GRID_CELLS; at += 1) {
      points.push(at, level, 0, at, level, 2 * GRID_CELLS);
      points.push(-GRID_CELLS, level, at + GRID_CELLS, GRID_CELLS, level, at + GRID_CELLS);
    }
    lines.push({ points: Float32Array.from(points), ink: [ink, ink, ink, 0.28] });
    return lines;
  }

  /** What picking needs of a pane on the screen; null where it shows nothing. @param {number} pane */
  seen(pane) {
    const { stage, position } = this.context;
    const codes = position.pictures[pane]?.codes;
    if (!codes || !this.covers(pane) || !this.surface.isReady) return null;
    const { domain } = stage.panes[pane];
    const lens = lensOf(codes, this.degrees);
    const camera = this.matrix(lensOf(stage.size, this.degrees));
    return { codes: this.surface.codesOf(pane, codes, domain), domain, lens, camera };
  }

  /** The place of the picture that is seen at a place of the pane, in shares of each; null: nothing is there. @param {number} pane @param {number} u @param {number} v */
  placeAt(pane, u, v) {
    const seen = this.seen(pane);
    const found = seen && pixelAt(seen, u, v);
    return found && { u: (found[0] + 0.5) / seen.lens.width, v: (found[1] + 0.5) / seen.lens.height };
  }

  /** Where a place of the picture is seen, both in shares. @param {number} pane @param {number} u @param {number} v */
  seenAt(pane, u, v) {
    const seen = this.seen(pane);
    return seen && placeOf(seen, u * seen.lens.width, v * seen.lens.height);
  }
}

/** @param {{width: number, height: number}} size @param {number} stride */
function trianglesOf(size, stride) {
  const { across, down } = gridOf(size, stride);
  return 2 * (across - 1) * (down - 1);
}

/** Size of the picture at depth 1. @param {import("../surfaces/geometry.mjs").Lens} lens */
export function extentOf({ width, height, step }) {
  return { width: width * step, height: height * step };
}
