// @ts-check
/** Encodes drawn frames as a film, each at its own time, in MP4 where the browser has an encoder of H.264, else in WebM. No clock runs. */

/** Codecs by preference: the name of Mediabunny, and of WebCodecs for a size. @type {[codec: "avc" | "vp9" | "vp8", name: (nPixels: number) => string][]} */
const CODECS = [
  // High profile, of the level for 1920 x 1080, or for four times as much.
  ["avc", (nPixels) => (nPixels <= 1920 * 1088 ? "avc1.640028" : "avc1.640034")],
  ["vp9", () => "vp09.00.51.08"],
  ["vp8", () => "vp8"],
];
/** A key frame this often, so that a player can seek. */
const KEY_EVERY = 30;
/** Bits for a pixel of a frame: fine structure stays, and a minute of 1280 x 720 is some 200 MB at the very most. */
const BITS_PER_PIXEL = 0.25;
const MIN_BITS_PER_SECOND = 1_000_000;
/** Frames given to the encoder before it has finished the first of them. */
const MAX_QUEUED = 6;

/**
 * @param {HTMLCanvasElement} canvas of even sides @param {{seconds: number[], endSeconds: number, title: string,
 *   draw: (frame: number) => Promise<void>, onProgress: (done: number, count: number) => void, signal: AbortSignal}} options
 *   seconds: when each frame is shown, from 0; draw: draws one on the canvas
 * @returns {Promise<{blob: Blob, extension: "mp4" | "webm"}>}
 */
export async function film(canvas, { seconds, endSeconds, title, draw, onProgress, signal }) {
  const { BufferTarget, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output, WebMOutputFormat } =
    await import("../vendor/mediabunny.mjs").catch((error) => {
      throw new Error(`The encoder cannot be loaded (${error.message}). Reload the page.`); // browsers keep such a failure
    });
  const { width, height } = canvas;
  const count = seconds.length;
  const framerate = count / Math.max(endSeconds, 1e-3);
  const bitrate = Math.round(Math.max(BITS_PER_PIXEL * width * height * framerate, MIN_BITS_PER_SECOND));
  const { codec, config } = await supported({ width, height, bitrate, framerate, latencyMode: "quality" });
  const isMp4 = codec === "avc";
  const target = new BufferTarget();
  const output = new Output({
    format: isMp4 ? new Mp4OutputFormat({ fastStart: "in-memory" }) : new WebMOutputFormat(),
    target,
  });
  const source = new EncodedVideoPacketSource(codec);
  output.addVideoTrack(source);
  output.setMetadataTags({ title });
  await output.start();
  let nCoded = 0;
  /** @type {Error | null} */
  let failure = null;
  const fail = (/** @type {Error} */ error) => {
    failure ??= error;
  };
  /** Packets are added in their order. */
  let added = Promise.resolve();
  const encoder = new VideoEncoder({
    output: (chunk, metadata) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      nCoded += 1;
      const packet = new EncodedPacket(data, chunk.type, chunk.timestamp / 1e6, (chunk.duration ?? 0) / 1e6);
      added = added.then(() => source.add(packet, metadata)).catch(fail);
    },
    error: fail,
  });
  try {
    encoder.configure(config);
    for (let frame = 0; frame < count; frame += 1) {
      await draw(frame);
      signal.throwIfAborted();
      if (failure) throw failure;
      const timestamp = Math.round(seconds[frame] * 1e6);
      const duration = Math.round((seconds[frame + 1] ?? endSeconds) * 1e6) - timestamp;
      const picture = new VideoFrame(canvas, { timestamp, duration, alpha: "discard" });
      encoder.encode(picture, { keyFrame: frame % KEY_EVERY === 0 });
      picture.close();
      onProgress(frame, count);
      // Also lets the page paint, so that it shows the progress and receives Cancel.
      do await new Promise((resolve) => setTimeout(resolve));
      while (encoder.encodeQueueSize > MAX_QUEUED && !failure && !signal.aborted);
    }
    await Promise.race([encoder.flush(), aborted(signal)]);
    await added;
    if (failure) throw failure;
    signal.throwIfAborted();
  } finally {
    if (encoder.state !== "closed") encoder.close();
  }
  if (nCoded !== count) throw new Error(`the encoder gave ${nCoded} frames for ${count}`);
  await output.finalize();
  const blob = new Blob([/** @type {ArrayBuffer} */ (target.buffer)], { type: isMp4 ? "video/mp4" : "video/webm" });
  return { blob, extension: isMp4 ? "mp4" : "webm" };
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
  for (const [codec, nameOf] of CODECS) {
    const wanted = { ...config, codec: nameOf(config.width * config.height) };
    const { supported: isSupported } = await VideoEncoder.isConfigSupported(wanted).catch(() => ({ supported: false }));
    if (isSupported) return { codec, config: wanted };
  }
  throw new Error(`this browser encodes neither H.264 nor VP9 nor VP8 at ${config.width} × ${config.height}`);
}

/** Why this browser cannot make a film, with what to do about it; null: it can. */
export function whyNoFilm() {
  if (typeof VideoEncoder !== "undefined") return null;
  if (!window.isSecureContext) {
    return (
      "Browsers encode video only on pages served over https or from localhost. Open the page over https, or forward its " +
      `port (ssh -L 8501:localhost:${window.location.port || 80} HOST) and open http://localhost:8501.`
    );
  }
  return "This browser has no video encoder (WebCodecs). Use Chrome, Edge, Firefox 130 or newer, or Safari 26 or newer.";
}
