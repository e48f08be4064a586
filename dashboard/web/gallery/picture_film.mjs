// @ts-check
/** Plays a picture of the gallery as a Ken Burns film: a camera that moves through its stored depth, drawn over it. One at a time. */

import { decodeBlob } from "../frames/decode.mjs";
import { planesOf } from "../space/camera.mjs";
import { autozoom, cameraAt, pathProjection, WHOLE } from "../space/camera_path.mjs";
import { samplesOf } from "../space/ken_burns.mjs";
import { extentOf, NO_WEBGL } from "../space/painter.mjs";
import { ASSUMED_FIELD_OF_VIEW_DEGREES, lensOf, medianDepth, strideOf } from "../surfaces/geometry.mjs";
import { Surface } from "../surfaces/surface.mjs";
import { TOLERANCE } from "../view/space_view_state.mjs";

const SECONDS = 6;
/** A picture has as many pixels on the page, about. */
const SIDE_PX = 384;
/** Drawing takes half of the time at most, so that pages without a GPU stay usable. */
const REST_FACTOR = 2;

/** @typedef {{key: string, domain: import("../drawing/colour.mjs").Domain, fieldOfView: number | null, method: string}} FilmedDepth */

/** The one that plays. @type {PictureFilm | null} */
let playing = null;

export class PictureFilm {
  /** @param {FilmedDepth} depth @param {HTMLElement} box of the picture @param {(isShown: boolean) => void} changed */
  constructor(depth, box, changed) {
    this.depth = depth;
    this.box = box;
    this.changed = changed;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "film";
    /** @type {Surface | null} */
    this.surface = null;
    this.timer = 0;
  }

  /**
   * Play, from the picture as it is; with reduced motion, stand at the end of the path.
   * @param {(key: string) => Promise<Blob>} load the coded picture of a track @param {string} inputKey
   */
  async show(load, inputKey) {
    playing?.hide();
    playing = this;
    this.changed(true);
    try {
      const [codes, image] = await Promise.all(
        [this.depth.key, inputKey].map(async (key) => decodeBlob(await load(key))),
      );
      if (playing !== this) return;
      this.begin(codes, image);
    } catch (error) {
      if (playing !== this) return;
      this.hide();
      this.say(error instanceof Error && error.message ? error.message : "The depth of this picture cannot be loaded.");
    }
  }

  /** @param {ImageData} codes @param {ImageData} image */
  begin(codes, image) {
    // Closing a surface loses its context too, which ends no film.
    const onLost = () => {
      if (this.surface === surface) this.hide();
    };
    const surface = new Surface({ onLost, onRestored: () => {} });
    this.surface = surface;
    if (!surface.isReady) throw new Error(NO_WEBGL);
    const { domain, fieldOfView } = this.depth;
    const lens = lensOf(codes, fieldOfView ?? ASSUMED_FIELD_OF_VIEW_DEGREES);
    const extent = extentOf(lens);
    const floats = surface.codesOf(0, codes, domain);
    const focus = medianDepth(floats, domain);
    if (focus === null) throw new Error("No pixel of this picture has a known depth.");
    const seen = { codes: floats, domain, lens, camera: new Float32Array(16) };
    const { window: to } = autozoom(samplesOf(seen, focus), extent);
    /** @type {import("../space/camera_path.mjs").CameraPath} */
    const path = { kind: "auto", from: WHOLE, to, depth: 1, motion: "loop", ease: "smooth" };
    const scale = SIDE_PX / Math.max(codes.width, codes.height);
    const size = { width: Math.round(codes.width * scale), height: Math.round(codes.height * scale) };
    Object.assign(this.canvas, size);
    const target = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const picture = { codes, domain, colours: image, version: [image] };
    const draw = (/** @type {number} */ time) => {
      const camera = pathProjection(cameraAt(path, time, extent), extent, focus, planesOf(focus));
      const surfaceKind = { name: /** @type {"tear"} */ ("tear"), tolerance: TOLERANCE };
      const how = { isShaded: false, isDebanded: false, isSealed: true, gaps: /** @type {"filled"} */ ("filled") };
      surface.draw(0, picture, { camera, lens, surface: surfaceKind, stride: strideOf(codes), ...how }, [], size);
      target.clearRect(0, 0, size.width, size.height);
      target.drawImage(surface.canvas, 0, 0);
      this.canvas.dataset.time = time.toFixed(3);
    };
    const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    draw(isStill ? 0.5 : 0);
    this.box.querySelector("canvas")?.after(this.canvas); // under the label
    const began = performance.now();
    const tick = () => {
      if (playing !== this) return;
      if (!this.canvas.isConnected) return this.hide();
      const before = performance.now();
      if (isSeen(this.canvas)) draw(((before - began) / (1000 * SECONDS)) % 1);
      const restMs = REST_FACTOR * (performance.now() - before);
      this.timer = window.setTimeout(() => requestAnimationFrame(tick), restMs);
    };
    if (!isStill) requestAnimationFrame(tick);
    else this.closeSurface(); // the picture stays in the canvas, and nothing would notice that its card is gone
  }

  /** Browsers allow few contexts of WebGL at once. */
  closeSurface() {
    const { surface } = this;
    this.surface = null;
    surface?.close();
  }

  hide() {
    window.clearTimeout(this.timer);
    this.closeSurface();
    this.canvas.remove();
    if (playing === this) playing = null;
    this.changed(false);
  }

  get isShown() {
    return playing === this;
  }

  /** @param {string} text */
  say(text) {
    const made = document.createElement("span");
    made.className = "picture-missing";
    made.textContent = text;
    this.box.querySelector(".picture-missing")?.remove();
    this.box.append(made);
  }
}

/** Whether some of it is on the screen. @param {Element} element */
function isSeen(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
}
