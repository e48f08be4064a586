// @ts-check
/** Reads the headers and columns of packs. Headers are kept; columns are not. */

import { placeIn } from "./blocks.mjs";
import { fetchRange } from "./fetch.mjs";
import { columnRange, HEAD_BYTES, headerEnd, parseHeader, readColumn } from "./pack.mjs";

/**
 * @typedef {import("./blocks.mjs").Pack} Pack
 * @typedef {import("./blocks.mjs").Track} Track
 * @typedef {import("./pack.mjs").Header} Header
 */

export class PackReader {
  constructor() {
    /** By address; `header`: null while it is on its way. @type {Map<string, {promise: Promise<Header>, header: Header | null}>} */
    this.headers = new Map();
  }

  /** The header of a pack; it is read once. @param {Pack} pack @returns {Promise<Header>} */
  header(pack) {
    const known = this.headers.get(pack.url);
    if (known) return known.promise;
    const promise = readHeader(pack);
    const entry = { promise, header: /** @type {Header | null} */ (null) };
    this.headers.set(pack.url, entry);
    promise.then(
      (header) => {
        entry.header = header;
      },
      () => this.headers.delete(pack.url), // so that it can be tried again
    );
    return promise;
  }

  /** The header of a pack if it is in memory. @param {Pack} pack @returns {Header | null} */
  knownHeader({ url }) {
    return this.headers.get(url)?.header ?? null;
  }

  /**
   * A column of one pack. Rejects with a reason, or as `signal` says.
   * @param {Pack} pack @param {string} name @param {AbortSignal} [signal]
   * @returns {Promise<{shape: number[], values: Float32Array | Float64Array}>} shape[0]: frames
   */
  async column(pack, name, signal) {
    const column = columnRange(await this.header(pack), name);
    const bytes = await fetchRange(pack.url, column.start, column.end, signal);
    return { shape: column.shape, values: readColumn(bytes, column) };
  }

  /**
   * The bytes of a column over the frames first..last, which may lie in several packs. Rejects with a reason.
   * @param {Track} track @param {string} name @param {number} first @param {number} last
   * @returns {Promise<{dtype: string, shape: number[], bytes: Uint8Array}>}
   */
  async codedColumn(track, name, first, last) {
    const parts = [];
    let dtype = "";
    /** @type {number[]} */
    let sides = [];
    for (const { pack, start, stop } of partsOf(track, first, last)) {
      const column = columnRange(await this.header(pack), name);
      const row = (column.end - column.start) / column.shape[0];
      parts.push(await fetchRange(pack.url, column.start + row * start, column.start + row * stop));
      ({ dtype } = column);
      sides = column.shape.slice(1);
    }
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return { dtype, shape: [last - first + 1, ...sides], bytes };
  }

  /**
   * Bytes of the coded images first..last and of these columns, known from the packs' headers alone.
   * @param {Track} track @param {number} first @param {number} last @param {string[]} columns
   */
  async weight(track, first, last, columns) {
    let sum = 0;
    for (const { pack, start, stop } of partsOf(track, first, last)) {
      const header = await this.header(pack);
      sum += header.offsets[stop] - header.offsets[start];
      for (const name of columns) {
        const column = columnRange(header, name);
        sum += ((column.end - column.start) / column.shape[0]) * (stop - start);
      }
    }
    return sum;
  }

  clear() {
    this.headers.clear();
  }
}

/** @param {Pack} pack @returns {Promise<Header>} never aborted: it is small, and every block of the pack needs it */
async function readHeader(pack) {
  let bytes = await fetchRange(pack.url, 0, HEAD_BYTES);
  const end = headerEnd(bytes);
  if (end > bytes.length) bytes = await fetchRange(pack.url, 0, end);
  const header = parseHeader(bytes);
  if (header.offsets.length !== pack.n_frames + 1)
    throw new Error("the pack holds a different number of frames than its track states");
  return header;
}

/** The images start .. stop - 1 of each pack that make up the frames first..last. @param {Track} track @param {number} first @param {number} last */
function* partsOf(track, first, last) {
  for (let frame = first; frame <= last; ) {
    const { pack, index: start } = placeIn(track, frame);
    const stop = Math.min(last + 1 - pack.start, pack.n_frames);
    yield { pack, start, stop };
    frame = pack.start + stop;
  }
}
