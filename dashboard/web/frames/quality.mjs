// @ts-check
/**
 * Which of a frame's two codings is asked for, the exact one or its preview? Pure.
 *
 * Previews are lossy and a tenth of the size. They are for lines, and for machines, that are too slow for the exact ones.
 */

/** A rate is told when this much has come, or what there is took this long: bytes, ms. */
const LEAST_BYTES = 128 << 10;
const LEAST_MS = 250;
/** Of busy time in which an older measurement fades to a third: a line may become another while one looks. */
const MEMORY_MS = 300;
/** Play stays with exact frames while the line brings as much as it takes, and comes back to them where it brings more. */
const RESERVE = { exact: 1, preview: 1.6 };
/** A block of exact frames that takes longer than this is preceded by its previews. */
const PATIENCE_SECONDS = 0.3;

/** @typedef {"exact" | "preview"} Tier */

/** What the line brings while answers are on their way. */
export class Bandwidth {
  /** @param {() => number} now ms */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.active = 0;
    this.since = 0;
    /** All that ever came, in all the time that something was on its way; then the same with what is old fading. */
    this.all = { bytes: 0, ms: 0 };
    this.recent = { bytes: 0, ms: 0 };
  }

  /** An answer begins. */
  begin() {
    this.pass();
    this.active += 1;
  }

  /** Some of it has come. @param {number} bytes */
  add(bytes) {
    this.pass();
    this.all.bytes += bytes;
    this.recent.bytes += bytes;
  }

  /** It is whole, or given up. */
  end() {
    this.pass();
    this.active -= 1;
  }

  /** @returns {number | null} null: too little has come to tell */
  get bytesPerSecond() {
    this.pass();
    const isTold = this.all.bytes >= LEAST_BYTES || this.all.ms >= LEAST_MS;
    return isTold ? (1000 * this.recent.bytes) / Math.max(this.recent.ms, 1) : null;
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
 * What is played.
 * @param {{bytesPerSecond: number | null, frameBytes: number | null, fps: number, before: Tier}} facts frameBytes: of one
 *   exact frame of all tracks, null: not known yet; fps: frames a second that are due; before: what was played so far
 * @returns {Tier}
 */
export function tierOfPlay({ bytesPerSecond, frameBytes, fps, before }) {
  if (bytesPerSecond === null || frameBytes === null) return before;
  return bytesPerSecond >= RESERVE[before] * fps * frameBytes ? "exact" : "preview";
}

/**
 * Whether a block of exact frames takes longer than one likes to wait for the frame one looks at.
 * @param {{bytesPerSecond: number | null, frameBytes: number | null, blockFrames: number}} facts blockFrames: fetched at once
 */
export function isLongWait({ bytesPerSecond, frameBytes, blockFrames }) {
  return bytesPerSecond !== null && frameBytes !== null && bytesPerSecond * PATIENCE_SECONDS < blockFrames * frameBytes;
}
