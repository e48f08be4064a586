// @ts-check
/** Saves the surface of a pane as the page shows it: PLY or GLB. */

import { physicalValue } from "../drawing/colour.mjs";
import { slug } from "../ui/save.mjs";
import { glbOf, meshOf, plyOf } from "./mesh.mjs";

/**
 * @param {import("../space/painter.mjs").Painter} painter @param {number} pane @param {"ply" | "glb"} format
 * @returns {Promise<{blob: Blob, name: string} | string>} a sentence where there is nothing to save
 */
export async function savedSurface(painter, pane, format) {
  const { stage, position, view, data, overlayTracks, frames } = painter.context;
  // A preview's depths are near the stored ones, and no more than that.
  await position.settle();
  const frame = position.painted;
  const seen = painter.seen(pane);
  const shown = stage.panes[pane];
  if (!seen || !shown) return "this pane has no surface to save";
  const { codes, domain, lens } = seen;
  const mesh = meshOf(codes, domain, lens, view.state.surface);
  if (mesh.pixels.length === 0) return "nothing of this frame's depth is known, or all of it is torn";
  const canvas = painter.coloursOf(pane, position.pictures, lens);
  if (!canvas) return "the colours of this pane are not loaded";
  const name = [slug(data.title), slug(shown.letter || shown.title), frame].join("-");
  if (format === "glb") {
    const png = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) =>
      canvas.toBlob(resolve, "image/png"),
    );
    if (!png) return "the picture cannot be coded";
    const bytes = glbOf(mesh, lens, new Uint8Array(await png.arrayBuffer()), `${data.title}, ${shown.title}`);
    return { blob: new Blob([bytes], { type: "model/gltf-binary" }), name: `${name}.glb` };
  }
  const track = shown.role === "prediction" ? data.energies?.[shown.letter] : undefined;
  const at = overlayTracks.findIndex(({ letter }) => letter === shown.letter);
  const picture =
    at >= 0
      ? position.pictures[stage.panes.length + at]
      : track && (await frames.loadSingle(track, frame, painter.context.signal));
  const energies = picture?.codes?.width === lens.width ? picture.codes : null;
  const energy =
    track && energies
      ? (/** @type {number} */ pixel) => physicalValue(track.domain, energies.data[4 * pixel] / 255)
      : null;
  const comments = [
    "Crosscheck",
    `clip ${data.clip}, frame ${frame}, ${shown.title}, ${shown.detail}`,
    `x right, y up, z towards the camera; ${painter.isMetric(pane) ? "metres" : "up to scale"}; field of view ${painter.degrees} degrees`,
    ...(energy ? ["energy in sigma"] : []),
  ];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { data: rgba } = context.getImageData(0, 0, lens.width, lens.height);
  const bytes = plyOf(mesh, rgba, { comments, energy });
  return { blob: new Blob([bytes], { type: "application/octet-stream" }), name: `${name}.ply` };
}
