// @ts-check
/**
 * What stands where in a pack? The browser's half of cache/pack.py, pure:
 * "XCPACK01" | u32 header bytes, little endian | header, JSON | images | columns
 */

const MAGIC = "XCPACK01";
const PREFIX_BYTES = MAGIC.length + 4;
const MAX_HEADER_BYTES = 1 << 20;
/** Frames fetched by one request. */
export const BLOCK_FRAMES = 16;
/** The first request: any header of ours fits. */
export const HEAD_BYTES = 32768;

/**
 * @typedef {{codec: string, width: number, height: number, channels: number, offsets: number[]}} Header
 *   `offsets`: n + 1 byte offsets in the file; image i is the bytes offsets[i] .. offsets[i + 1] - 1.
 */

/**
 * How many bytes from the start hold the whole header. Throws where they are not a pack.
 * @param {Uint8Array} bytes at least the first 12
 */
export function headerEnd(bytes) {
  if (bytes.length < PREFIX_BYTES || String.fromCharCode(...bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new Error("this is not a pack of frames");
  }
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  if (size > MAX_HEADER_BYTES) throw new Error("the pack's header is damaged");
  return PREFIX_BYTES + size;
}

/**
 * @param {Uint8Array} bytes at least `headerEnd(bytes)` of the file's first bytes
 * @returns {Header}
 */
export function parseHeader(bytes) {
  const end = headerEnd(bytes);
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(PREFIX_BYTES, end)));
  } catch {
    throw new Error("the pack's header is damaged");
  }
  const { codec, width, height, channels, sizes } = header;
  const isSound =
    (codec === "png" || codec === "webp") &&
    Array.isArray(sizes) &&
    sizes.length > 0 &&
    sizes.every((size) => Number.isInteger(size) && size > 0);
  if (!isSound) throw new Error("the pack's header is damaged");
  const offsets = [end];
  for (const size of sizes) offsets.push(offsets[offsets.length - 1] + size);
  return { codec, width, height, channels, offsets };
}

/**
 * The images and bytes of block `block`: first and one-past-last image in the pack, first and one-past-last byte.
 * @param {Header} header
 * @param {number} block
 */
export function blockRange(header, block) {
  const first = block * BLOCK_FRAMES;
  const stop = Math.min(first + BLOCK_FRAMES, header.offsets.length - 1);
  return { first, stop, start: header.offsets[first], end: header.offsets[stop] };
}

/**
 * The pack that holds frame `frame` of a track, by bisection; -1 where none does.
 * @param {{start: number, n_frames: number}[]} packs ascending, without gaps
 * @param {number} frame
 */
export function packOf(packs, frame) {
  let low = 0;
  let high = packs.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (frame < packs[middle].start) high = middle - 1;
    else if (frame >= packs[middle].start + packs[middle].n_frames) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** Values by key, the least recently used dropped when their bytes pass the budget. */
export class ByteLru {
  /**
   * @param {number} budget bytes
   * @param {(value: any, key: string) => void} [dropped] called with what goes
   */
  constructor(budget, dropped = () => {}) {
    this.budget = budget;
    this.dropped = dropped;
    this.bytes = 0;
    /** @type {Map<string, {value: any, bytes: number}>} */
    this.entries = new Map();
  }

  /** @param {string} key */
  has(key) {
    return this.entries.has(key);
  }

  /** @param {string} key @returns {any} the value, now the most recently used; undefined where there is none */
  get(key) {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** @param {string} key @param {any} value @param {number} bytes */
  set(key, value, bytes) {
    this.delete(key);
    this.entries.set(key, { value, bytes });
    this.bytes += bytes;
    for (const oldest of this.entries.keys()) {
      // The newest stays even where it alone is over the budget: it is about to be shown.
      if (this.bytes <= this.budget || oldest === key) break;
      this.delete(oldest);
    }
  }

  /** @param {string} key */
  delete(key) {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    this.bytes -= entry.bytes;
    this.dropped(entry.value, key);
  }

  clear() {
    for (const key of [...this.entries.keys()]) this.delete(key);
  }
}
