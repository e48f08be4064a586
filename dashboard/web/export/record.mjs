// @ts-check
/** Records a range of frames of the page as a film: every frame once, in order, at its own presentation time. */

import { frameEnd } from "../player/clock.mjs";
import { film } from "./film.mjs";

/**
 * @param {import("./snapshot.mjs").Snapshot} snapshot
 * @param {{first: number, last: number, pts: number[], title: string,
 *   load: (frame: number) => Promise<import("../frames/frame_loader.mjs").Picture[]>, onProgress: (done: number, count: number) => void, signal: AbortSignal}} options
 *   load: the pictures of a frame
 */
export function record(snapshot, { first, last, pts, load, ...options }) {
  const seconds = pts.slice(first, last + 1).map((time) => time - pts[first]);
  const draw = async (/** @type {number} */ at) => {
    const frame = first + at;
    const pictures = await load(frame);
    options.signal.throwIfAborted();
    if (!snapshot.isCurrent) throw new Error("the view changed its size during the recording; record again");
    const broken = pictures.find(({ error }) => error);
    if (broken) throw new Error(`frame ${frame}: ${broken.error}`);
    snapshot.draw(frame, pictures);
  };
  return film(snapshot.canvas, { ...options, seconds, endSeconds: frameEnd(pts, last) - pts[first], draw });
}
