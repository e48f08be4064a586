// @ts-check
/**
 * Which of a frame's two codings is asked for, the exact one or its preview? Pure.
 *
 * Previews are lossy and a tenth of the size. They are for lines, and for machines, that are too slow for the exact ones.
 */

/** A rate is told when this much has come, or what there is took this long: bytes, ms. */
const LEAST_BYTES = 128 << 10;
const LEAST_MS = 250;
/** Of busy time after which older measurements begin to be forgotten. */
const MEMORY_MS = 2000;
/** Play asks for exact frames where the line brings so much more of them than it takes. */
const RESERVE = 1.2;
/** A block of exact frames that takes longer than this is preceded by its previews. */
const PATIENCE_SECONDS = 0.3;

/** @typedef {"exact" | "preview"} Tier */

/** What the line brings while something is on its way, latency included. */
export class Bandwidth {
  /** @param {() => number} now ms */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.active = 0;
    this.bytes = 0;
    this.busyMs = 0;
    this.since = 0;
  }

  /** A request has gone out. */
  begin() {
    this.pass();
    this.active += 1;
  }

  /** Some of an answer has come. @param {number} bytes */
  add(bytes) {
    this.pass();
    this.bytes += bytes;
    if (this.busyMs < MEMORY_MS) return;
    this.busyMs /= 2;
    this.bytes /= 2;
  }

  /** The answer is whole, or given up. */
  end() {
    this.pass();
    this.active -= 1;
  }

  /** @returns {number | null} null: too little has come to tell */
  get bytesPerSecond() {
    this.pass();
    const isTold = this.bytes >= LEAST_BYTES || this.busyMs >= LEAST_MS;
    return isTold ? (1000 * this.bytes) / Math.max(this.busyMs, 1) : null;
  }

  pass() {
    const now = this.now();
    if (this.active > 0) this.busyMs += now - this.since;
    this.since = now;
  }
}

/**
 * @param {{bytesPerSecond: number | null, frameBytes: number | null, blockFrames: number, fps: number, isTooSlow: boolean}} facts
 *   frameBytes: of one exact frame of all tracks, null: not known yet; blockFrames: fetched at once; fps: frames a second
 *   that are due, 0: standing; isTooSlow: exact frames were late although they had come
 * @returns {Tier}
 */
export function chooseTier({ bytesPerSecond, frameBytes, blockFrames, fps, isTooSlow }) {
  if (fps > 0 && isTooSlow) return "preview";
  if (bytesPerSecond === null || frameBytes === null) return "exact";
  const isEnough = fps > 0 ? bytesPerSecond >= RESERVE * fps * frameBytes : bytesPerSecond * PATIENCE_SECONDS >= blockFrames * frameBytes;
  return isEnough ? "exact" : "preview";
}
