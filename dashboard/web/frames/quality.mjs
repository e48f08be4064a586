// @ts-check
/**
 * Which coding of a frame to request: the exact one, or its preview. Pure.
 *
 * Previews are lossy and a tenth of the size. They serve connections, and machines, that are too slow for exact frames.
 */

import { BLOCK_FRAMES } from "./blocks.mjs";

/** A rate is known once this much has arrived, or once requests have taken this long. */
const LEAST_BYTES = 128 << 10;
const LEAST_MS = 250;
/** Busy time in which the weight of an older measurement falls to a third: connections change. */
const MEMORY_MS = 300;
/** Play keeps exact frames while the connection brings what they need, and returns to them when it brings more. */
const RESERVE = { exact: 1, preview: 1.6 };
/** A block of exact frames that takes longer than this is preceded by its previews. */
const PATIENCE_SECONDS = 0.3;

/**
 * @typedef {"exact" | "preview"} Tier
 * @typedef {(import("./pack.mjs").Header | null)[]} Headers of the packs of a frame, one for each track; null: not known yet
 */

/** Measures what arrives while requests are open. */
export class Bandwidth {
  /** @param {() => number} now ms */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.active = 0;
    this.since = 0;
    /** All that ever arrived, over all the time that requests were open; then the same with old measurements fading. */
    this.all = { bytes: 0, ms: 0 };
    this.recent = { bytes: 0, ms: 0 };
  }

  /**
   * Begin with what is known of the connection: the page itself has come over it.
   * @param {{bytes: number, ms: number}} measured
   */
  expect({ bytes, ms }) {
    if (bytes < LEAST_BYTES || !(ms > 0)) return;
    this.all = { bytes, ms };
    this.recent = { bytes: (bytes / ms) * MEMORY_MS, ms: MEMORY_MS };
  }

  /** A response begins. */
  begin() {
    this.pass();
    this.active += 1;
  }

  /** Part of it has arrived. @param {number} bytes */
  add(bytes) {
    this.pass();
    this.all.bytes += bytes;
    this.recent.bytes += bytes;
  }

  /** It is complete, or given up. */
  end() {
    this.pass();
    this.active -= 1;
  }

  /** @returns {number | null} null: too little has arrived to measure */
  get bytesPerSecond() {
    this.pass();
    const isKnown = this.all.bytes >= LEAST_BYTES || this.all.ms >= LEAST_MS;
    return isKnown ? (1000 * this.recent.bytes) / Math.max(this.recent.ms, 1) : null;
  }

  pass() {
    const now = this.now();
    if (this.active > 0) {
      const passed = now - this.since;
      const kept = Math.exp(-passed / MEMORY_MS);
      this.all.ms += passed;
      this.recent.bytes *= kept;
      this.recent.ms = this.recent.ms * kept + MEMORY_MS * (1 - kept);
    }
    this.since = now;
  }
}

/**
 * What came over the connection while at least one response was arriving; or the fastest large response, if it alone came
 * faster. Many small files take longer than their bytes, so that together they tell of the server and not of the line.
 * @param {{transferSize: number, responseStart: number, responseEnd: number}[]} responses as the browser's resource timing
 *   has them; of size 0: from its cache
 * @returns {{bytes: number, ms: number}}
 */
export function transferred(responses) {
  const sorted = responses
    .filter(({ transferSize, responseStart }) => transferSize > 0 && responseStart > 0)
    .sort((a, b) => a.responseStart - b.responseStart);
  const whole = { bytes: 0, ms: 0 };
  let fastest = whole;
  let until = 0;
  for (const { transferSize, responseStart, responseEnd } of sorted) {
    whole.bytes += transferSize;
    whole.ms += Math.max(responseEnd - Math.max(responseStart, until), 0);
    until = Math.max(until, responseEnd);
    const one = { bytes: transferSize, ms: responseEnd - responseStart };
    if (one.bytes >= LEAST_BYTES && (fastest === whole || one.bytes * fastest.ms > fastest.bytes * one.ms))
      fastest = one;
  }
  return fastest.bytes * whole.ms > whole.bytes * fastest.ms ? fastest : whole;
}

/**
 * The tier to request for a frame.
 * @param {{headers: Headers, bytesPerSecond: number | null, fps: number, before: Tier, isExactOnly: boolean,
 *   isTooSlow: boolean}} facts fps: due frames per second, 0: paused; before: played so far; isExactOnly: the viewer wants no
 *   previews; isTooSlow: exact frames cannot be played in time
 * @returns {Tier}
 */
export function tierOf({ headers, bytesPerSecond, fps, before, isExactOnly, isTooSlow }) {
  if (isExactOnly || !hasPreviews(headers)) return "exact";
  const frameBytes = meanFrameBytes(headers);
  if (fps === 0) return isLongWait({ bytesPerSecond, frameBytes }) ? "preview" : "exact";
  return isTooSlow ? "preview" : tierOfPlay({ bytesPerSecond, frameBytes, fps, before });
}

/** Whether all tracks are known to have previews. @param {Headers} headers */
export function hasPreviews(headers) {
  return headers.length > 0 && headers.every((header) => header?.previews);
}

/** Bytes of a frame of all tracks, a mean over its packs; null while one is unknown. @param {(import("./pack.mjs").Images | null)[]} headers */
export function meanFrameBytes(headers) {
  let sum = 0;
  for (const header of headers) {
    if (!header) return null;
    const { offsets } = header;
    sum += (offsets[offsets.length - 1] - offsets[0]) / (offsets.length - 1);
  }
  return sum;
}

/**
 * The tier that play requests.
 * @param {{bytesPerSecond: number | null, frameBytes: number | null, fps: number, before: Tier}} facts frameBytes: of one
 *   exact frame of all tracks; null: unknown
 * @returns {Tier}
 */
export function tierOfPlay({ bytesPerSecond, frameBytes, fps, before }) {
  if (bytesPerSecond === null || frameBytes === null) return before;
  return bytesPerSecond >= RESERVE[before] * fps * frameBytes ? "exact" : "preview";
}

/** Whether a block of exact frames keeps the viewer waiting. @param {{bytesPerSecond: number | null, frameBytes: number | null}} facts */
export function isLongWait({ bytesPerSecond, frameBytes }) {
  return (
    bytesPerSecond !== null && frameBytes !== null && bytesPerSecond * PATIENCE_SECONDS < BLOCK_FRAMES * frameBytes
  );
}
