// @ts-check
/** Encodes a range of frames as a video: every frame once, in order, at its own presentation time; no clock runs. */

import { frameEnd } from "../player/clock.mjs";
import { webm } from "./webm.mjs";

/** The better one first. */
const CODECS = /** @type {const} */ ([
  ["vp9", "vp09.00.51.08"],
  ["vp8", "vp8"],
]);
/** A key frame this often, so that a player can seek. */
const KEY_EVERY = 30;
/** Bits for a pixel of a frame: fine structure stays, and a minute of 1280 x 720 is some 200 MB at the very most. */
const BITS_PER_PIXEL = 0.25;
const MIN_BITS_PER_SECOND = 1_000_000;
/** Frames given to the encoder before it has finished the first of them. */
const MAX_QUEUED = 6;

/**
 * @param {import("./snapshot.mjs").Snapshot} snapshot
 * @param {{first: number, last: number, pts: number[], title: string,
 *   load: (frame: number) => Promise<import("../frames/frame_loader.mjs").Picture[]>, onProgress: (done: number, count: number) => void, signal: AbortSignal}} options
 *   load: the pictures of a frame
 * @returns {Promise<Blob>}
 */
export async function record(snapshot, { first, last, pts, title, load, onProgress, signal }) {
  const { width, height } = snapshot;
  const seconds = frameEnd(pts, last) - pts[first];
  const count = last - first + 1;
  const bitrate = Math.max(BITS_PER_PIXEL * width * height * (count / Math.max(seconds, 1e-3)), MIN_BITS_PER_SECOND);
  const base = { width, height, bitrate: Math.round(bitrate), framerate: count / Math.max(seconds, 1e-3) };
  const { codec, config } = await supported({ ...base, latencyMode: "quality" });
  /** @type {import("./webm.mjs").Chunk[]} */
  const chunks = [];
  /** @type {VideoColorSpaceInit | undefined} */
  let colours;
  /** @type {Error | null} */
  let failure = null;
  const encoder = new VideoEncoder({
    output: (chunk, metadata) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      chunks.push({ data, ms: chunk.timestamp / 1000, isKey: chunk.type === "key" });
      colours ??= metadata?.decoderConfig?.colorSpace;
    },
    error: (error) => (failure = error),
  });
  try {
    encoder.configure(config);
    for (let frame = first; frame <= last; frame += 1) {
      const pictures = await load(frame);
      signal.throwIfAborted();
      if (failure) throw failure;
      if (!snapshot.isCurrent) throw new Error("the view changed its size during the recording; record again");
      const broken = pictures.find(({ error }) => error);
      if (broken) throw new Error(`frame ${frame}: ${broken.error}`);
      snapshot.draw(frame, pictures);
      const timestamp = Math.round((pts[frame] - pts[first]) * 1e6);
      const picture = new VideoFrame(snapshot.canvas, { timestamp, alpha: "discard" });
      encoder.encode(picture, { keyFrame: (frame - first) % KEY_EVERY === 0 });
      picture.close();
      onProgress(frame - first, count);
      // Also lets the page paint, so that it shows the progress and receives Cancel.
      do await new Promise((resolve) => setTimeout(resolve));
      while (encoder.encodeQueueSize > MAX_QUEUED && !failure && !signal.aborted);
    }
    await Promise.race([encoder.flush(), aborted(signal)]);
    if (failure) throw failure;
    signal.throwIfAborted();
  } finally {
    if (encoder.state !== "closed") encoder.close();
  }
  if (chunks.length !== count) throw new Error(`the encoder gave ${chunks.length} frames for ${count}`);
  chunks.sort((a, b) => a.ms - b.ms);
  const film = { codec, width, height, durationMs: 1000 * seconds, title, colours };
  return new Blob(webm(film, chunks), { type: "video/webm" });
}

/** @param {AbortSignal} signal @returns {Promise<never>} rejects when it aborts */
function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** @param {Omit<VideoEncoderConfig, "codec">} config */
async function supported(config) {
  for (const [codec, name] of CODECS) {
    const wanted = { ...config, codec: name };
    const { supported: isSupported } = await VideoEncoder.isConfigSupported(wanted).catch(() => ({ supported: false }));
    if (isSupported) return { codec, config: wanted };
  }
  throw new Error(`this browser encodes neither VP9 nor VP8 at ${config.width} × ${config.height}`);
}
