// @ts-check
/** Fetches a range of bytes of a file by HTTP Range, or from the page itself, and words its failures for the viewer. */

/**
 * Packs inside the page, by address: only a page exported to a file has them (see offline_page.mjs).
 * @type {Map<string, Uint8Array<ArrayBuffer>>}
 */
export const embedded = new Map();

/** The only error that may go away by itself. */
export const UNREACHABLE = "the server cannot be reached; trying again";
/** What proxies answer for a server that is busy or starting. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * The bytes start .. end - 1 of `url`; fewer where the file ends before. Rejects with the server's own message where it has one.
 * @param {string} url @param {number} start @param {number} end @param {AbortSignal} [signal]
 * @param {import("./quality.mjs").Bandwidth} [meter] measures what arrives, while it arrives
 * @param {(bytes: Uint8Array<ArrayBuffer>, count: number) => void} [onArrival] called as they arrive: the first `count`
 *   bytes of what will be returned are there
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function fetchRange(url, start, end, signal, meter, onArrival) {
  const inside = embedded.get(url);
  if (inside) return inside.subarray(start, end);
  const response = await fetch(url, { headers: { Range: `bytes=${start}-${end - 1}` }, signal });
  if (PASSING.has(response.status)) throw new Error(UNREACHABLE);
  if (!response.ok) {
    const text = (await response.text()).trim().slice(0, 200);
    throw new Error(text && !text.startsWith("<") ? text : `the server answered ${response.status}`);
  }
  meter?.begin();
  try {
    const isPart = response.status === 206;
    if (isPart && meter && response.body) return await readPart(response.body, end - start, meter, onArrival);
    const bytes = new Uint8Array(await response.arrayBuffer());
    meter?.add(bytes.length);
    // A proxy may drop the Range and send the whole file. A view would keep all of it in memory, so the range is copied.
    return isPart ? bytes : bytes.slice(start, end);
  } finally {
    meter?.end();
  }
}

/**
 * Up to `length` bytes.
 * @param {ReadableStream<Uint8Array>} body @param {number} length @param {import("./quality.mjs").Bandwidth} meter
 * @param {(bytes: Uint8Array<ArrayBuffer>, count: number) => void} [onArrival]
 */
async function readPart(body, length, meter, onArrival) {
  const bytes = new Uint8Array(length);
  const reader = body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return at < length ? bytes.slice(0, at) : bytes;
    meter.add(value.length);
    bytes.set(value.subarray(0, length - at), at);
    at = Math.min(at + value.length, length);
    onArrival?.(bytes, at);
  }
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Why a fetch failed, for the viewer. @param {unknown} error */
export function reasonOf(error) {
  if (error instanceof TypeError) return UNREACHABLE; // what fetch throws without a connection
  return error instanceof Error ? error.message : String(error);
}
