// @ts-check
/**
 * What stands where in a pack? The browser's half of cache/pack.py, pure:
 * "XCPACK01" | u32 header bytes, little endian | header, JSON | images | columns | previews
 */

const MAGIC = "XCPACK01";
const PREFIX_BYTES = MAGIC.length + 4;
const MAX_HEADER_BYTES = 1 << 20;
/** Frames fetched by one request. */
export const BLOCK_FRAMES = 16;
/** The first request: any header of ours fits. */
export const HEAD_BYTES = 8192;

/** Bytes of one number of a column, by dtype. */
const NUMBER_BYTES = { "<f2": 2, "<f4": 4, "<f8": 8 };
/** A column of a pack is read whole: 256 frames of 16 paths' block means take 8 MiB. */
const MAX_COLUMN_BYTES = 64 << 20;

/**
 * @typedef {{codec: string, offsets: number[]}} Images `offsets`: n + 1 byte offsets in the file; image i is the bytes
 *   offsets[i] .. offsets[i + 1] - 1
 * @typedef {Images & {width: number, height: number, channels: number, columns: any, previews: Images | null}} Header
 *   `columns`: as the file says, checked by `columnRange`; `previews`: the same frames, lossy, perhaps smaller
 * @typedef {{dtype: keyof typeof NUMBER_BYTES, shape: number[], start: number, end: number}} Column numbers per frame:
 *   shape[0] frames, the bytes start .. end - 1 of the file
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
  const { codec, width, height, channels, sizes, columns, previews } = header;
  const offsets = offsetsOf(sizes, end);
  if (!["png", "webp"].includes(codec) || !offsets) throw new Error("the pack's header is damaged");
  return { codec, width, height, channels, offsets, columns, previews: previewsOf(previews, offsets) };
}

/** Those of a header; null where there are none, or none that this version can show. @param {any} previews @param {number[]} offsets of the images @returns {Images | null} */
function previewsOf(previews, offsets) {
  const end = offsets[offsets.length - 1] - offsets[0];
  if (previews?.codec !== "jpeg" || !Number.isInteger(previews.offset) || previews.offset < end) return null;
  const found = offsetsOf(previews.sizes, offsets[0] + previews.offset);
  return found?.length === offsets.length ? { codec: previews.codec, offsets: found } : null;
}

/** Where images of these sizes stand, one after another; null: these are no sizes. @param {unknown} sizes @param {number} start */
function offsetsOf(sizes, start) {
  const isSound = Array.isArray(sizes) && sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0);
  if (!isSound) return null;
  const offsets = [start];
  for (const size of sizes) offsets.push(offsets[offsets.length - 1] + size);
  return offsets;
}

/**
 * The file of these images and columns, as `parseHeader` reads it and cache/pack.py writes it.
 * @param {{codec: string, width: number, height: number, channels: number, images: Uint8Array[],
 *   columns?: Record<string, {dtype: string, shape: number[], bytes: Uint8Array}>}} content
 * @returns {Uint8Array}
 */
export function writePack({ codec, width, height, channels, images, columns = {} }) {
  const sizes = images.map(({ length }) => length);
  let end = sizes.reduce((sum, size) => sum + size, 0);
  const parts = [...images];
  /** @type {Record<string, unknown>} */
  const described = {};
  for (const [name, { dtype, shape, bytes }] of Object.entries(columns)) {
    described[name] = { dtype, shape, offset: end };
    parts.push(bytes);
    end += bytes.length;
  }
  const header = new TextEncoder().encode(
    JSON.stringify({ codec, width, height, channels, sizes, columns: described }),
  );
  const file = new Uint8Array(PREFIX_BYTES + header.length + end);
  file.set(new TextEncoder().encode(MAGIC));
  new DataView(file.buffer).setUint32(MAGIC.length, header.length, true);
  file.set(header, PREFIX_BYTES);
  let at = PREFIX_BYTES + header.length;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/**
 * Where the numbers of a column stand; throws where the pack has none of that name, or a damaged one.
 * @param {Header} header @param {string} name
 * @returns {Column}
 */
export function columnRange({ columns, offsets }, name) {
  if (typeof columns !== "object" || columns === null || !Object.hasOwn(columns, name)) {
    throw new Error(`the pack has no column '${name}'`);
  }
  const { dtype, shape, offset } = columns[name] ?? {};
  const isSound =
    Object.hasOwn(NUMBER_BYTES, String(dtype)) &&
    Array.isArray(shape) &&
    shape.every((side) => Number.isInteger(side) && side >= 0) &&
    shape[0] === offsets.length - 1 &&
    Number.isInteger(offset) &&
    offset >= offsets[offsets.length - 1] - offsets[0];
  const bytes = isSound
    ? shape.reduce((product, side) => product * side, NUMBER_BYTES[/** @type {"<f2"} */ (dtype)])
    : 0;
  if (!isSound || bytes > MAX_COLUMN_BYTES) throw new Error(`the pack's column '${name}' is damaged`);
  return { dtype, shape, start: offsets[0] + offset, end: offsets[0] + offset + bytes };
}

/**
 * The numbers of a column, frame after frame.
 * @param {Uint8Array} bytes exactly those of the column
 * @param {Column} column
 * @returns {Float32Array | Float64Array}
 */
export function readColumn(bytes, { dtype, start, end }) {
  if (bytes.length !== end - start) throw new Error("the server sent less than it should");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = bytes.length / NUMBER_BYTES[dtype];
  if (dtype === "<f8") return Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
  const values = new Float32Array(count);
  if (dtype === "<f4") for (let i = 0; i < count; i += 1) values[i] = view.getFloat32(4 * i, true);
  else {
    // A clip has tens of millions of them, so each is looked up.
    halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfFloat(bits));
    // An array of 16 bits is several times faster than a view, and has the file's byte order on every machine with a browser.
    const bits = new Uint16Array(
      bytes.byteOffset % 2 ? bytes.slice().buffer : bytes.buffer,
      bytes.byteOffset % 2 ? 0 : bytes.byteOffset,
      count,
    );
    for (let i = 0; i < count; i += 1) values[i] = halves[bits[i]];
  }
  return values;
}

/** The numbers of all 16 bits, once they are needed. @type {Float32Array | null} */
let halves = null;

/** The number of 16 bits (IEEE 754 binary16). @param {number} bits */
function halfFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/**
 * The images and bytes of block `block`: first and one-past-last image in the pack, first and one-past-last byte.
 * @param {Images} images
 * @param {number} block
 */
export function blockRange({ offsets }, block) {
  const first = block * BLOCK_FRAMES;
  const stop = Math.min(first + BLOCK_FRAMES, offsets.length - 1);
  return { first, stop, start: offsets[first], end: offsets[stop] };
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

  /** Of what is here; 0: nothing is. */
  get meanBytes() {
    return this.bytes / Math.max(this.entries.size, 1);
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
