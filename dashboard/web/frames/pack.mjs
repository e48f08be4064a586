// @ts-check
/**
 * The format of packs, read and written; the browser's half of cache/pack.py. Pure. PackReader fetches the bytes.
 *
 * "XCPACK01" | u32 header bytes, little endian | header, JSON | images | columns | previews
 */

const MAGIC = "XCPACK01";
const PREFIX_BYTES = MAGIC.length + 4;
const MAX_HEADER_BYTES = 1 << 20;
/** Bytes of the first request: every header that cache/pack.py writes fits. */
export const HEAD_BYTES = 8192;

/** Bytes of one number of a column, by dtype. */
const NUMBER_BYTES = { "<f2": 2, "<f4": 4, "<f8": 8 };
/** Limit of a column, which is read whole: 256 frames of 16 paths' block means take 8 MiB. */
const MAX_COLUMN_BYTES = 64 << 20;

/**
 * @typedef {{codec: string, offsets: number[]}} Images `offsets`: n + 1 byte offsets in the file; image i is the bytes
 *   offsets[i] .. offsets[i + 1] - 1
 * @typedef {Images & {width: number, height: number, channels: number, columns: any, previews: Images | null}} Header
 *   `columns`: as in the file, checked by `columnRange`; `previews`: the same frames, lossy, perhaps smaller
 * @typedef {{dtype: keyof typeof NUMBER_BYTES, shape: number[], start: number, end: number}} Column numbers per frame:
 *   shape[0] frames, the bytes start .. end - 1 of the file
 */

/**
 * How many of the file's first bytes hold the header. Throws where the file is not a pack.
 * @param {Uint8Array} bytes at least the first 12
 */
export function headerEnd(bytes) {
  if (bytes.length < PREFIX_BYTES || String.fromCharCode(...bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new Error("the file is not a pack of frames");
  }
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  if (size > MAX_HEADER_BYTES) throw new Error("the pack's header is damaged");
  return PREFIX_BYTES + size;
}

/**
 * The header of a pack. Throws where it is damaged.
 * @param {Uint8Array} bytes at least the first `headerEnd(bytes)` bytes of the file
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

/** The previews of a header; null where there are none that this version can show. @param {any} previews @param {number[]} offsets of the images @returns {Images | null} */
function previewsOf(previews, offsets) {
  const end = offsets[offsets.length - 1] - offsets[0];
  if (previews?.codec !== "jpeg" || !Number.isInteger(previews.offset) || previews.offset < end) return null;
  const found = offsetsOf(previews.sizes, offsets[0] + previews.offset);
  return found?.length === offsets.length ? { codec: previews.codec, offsets: found } : null;
}

/** Offsets of consecutive images; null where the sizes are invalid. @param {unknown} sizes @param {number} start */
function offsetsOf(sizes, start) {
  const isSound = Array.isArray(sizes) && sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0);
  if (!isSound) return null;
  const offsets = [start];
  for (const size of sizes) offsets.push(offsets[offsets.length - 1] + size);
  return offsets;
}

/**
 * The bytes of a pack of these images and columns, as cache/pack.py writes it.
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
 * The place of a column's numbers in the file. Throws where the pack has no column of that name, or a damaged one.
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
 * The numbers of a column, frame by frame.
 * @param {Uint8Array} bytes of the column, all of them
 * @param {Column} column
 * @returns {Float32Array | Float64Array}
 */
export function readColumn(bytes, { dtype, start, end }) {
  if (bytes.length !== end - start) throw new Error("the server sent less data than requested");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = bytes.length / NUMBER_BYTES[dtype];
  if (dtype === "<f8") return Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
  const values = new Float32Array(count);
  if (dtype === "<f4") for (let i = 0; i < count; i += 1) values[i] = view.getFloat32(4 * i, true);
  else {
    // A clip has tens of millions of half floats, so each is looked up.
    halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfFloat(bits));
    // A Uint16Array is several times faster than a DataView, and every machine with a browser is little-endian, as the file is.
    const bits = new Uint16Array(
      bytes.byteOffset % 2 ? bytes.slice().buffer : bytes.buffer,
      bytes.byteOffset % 2 ? 0 : bytes.byteOffset,
      count,
    );
    for (let i = 0; i < count; i += 1) values[i] = halves[bits[i]];
  }
  return values;
}

/** All half floats by their bits, made on first use. @type {Float32Array | null} */
let halves = null;

/** A half float (IEEE 754 binary16). @param {number} bits */
function halfFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
