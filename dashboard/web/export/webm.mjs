// @ts-check
/**
 * Writes coded frames as a WebM file: the few parts of Matroska (RFC 9559) that a video without sound needs. Pure.
 *
 * The whole video is in memory before the file is written, so every size is known, and the index (Cues) stands in front of
 * the frames: a player can seek without reading to the end.
 */

/**
 * @typedef {{data: Uint8Array<ArrayBuffer>, ms: number, isKey: boolean}} Chunk one coded frame; ms: when it is shown, ascending
 * @typedef {{matrix?: string | null, primaries?: string | null, transfer?: string | null, fullRange?: boolean | null}} Colours
 *   as WebCodecs name them
 * @typedef {{codec: "vp8" | "vp9", width: number, height: number, durationMs: number, title: string, colours?: Colours}} Film
 */

const ID = {
  ebml: 0x1a45dfa3,
  version: 0x4286,
  readVersion: 0x42f7,
  maxIdLength: 0x42f2,
  maxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  title: 0x7ba9,
  muxer: 0x4d80,
  writer: 0x5741,
  tracks: 0x1654ae6b,
  track: 0xae,
  number: 0xd7,
  uid: 0x73c5,
  type: 0x83,
  lacing: 0x9c,
  codec: 0x86,
  video: 0xe0,
  width: 0xb0,
  height: 0xba,
  colour: 0x55b0,
  matrix: 0x55b1,
  range: 0x55b9,
  transfer: 0x55ba,
  primaries: 0x55bb,
  cues: 0x1c53bb6b,
  cue: 0xbb,
  cueTime: 0xb3,
  cuePlace: 0xb7,
  cueTrack: 0xf7,
  cueCluster: 0xf1,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  block: 0xa3,
};
/** Nanoseconds in a unit of time: milliseconds, as WebM wants it. */
const SCALE_NS = 1_000_000;
/** Frames count from their cluster's start in 16 bits, signed. */
const MAX_CLUSTER_MS = 32_000;
/** ITU-T H.273's numbers for the names of WebCodecs. */
const MATRICES = { rgb: 0, bt709: 1, bt470bg: 5, smpte170m: 6, "bt2020-ncl": 9 };
const PRIMARIES = { bt709: 1, bt470bg: 5, smpte170m: 6, bt2020: 9, smpte432: 12 };
const TRANSFERS = { bt709: 1, smpte170m: 6, linear: 8, "iec61966-2-1": 13, pq: 16, hlg: 18 };

/**
 * The file, in parts for a Blob.
 * @param {Film} film @param {Chunk[]} chunks the first one a key frame
 * @returns {Uint8Array<ArrayBuffer>[]}
 */
export function webm(film, chunks) {
  const head = element(ID.ebml, [
    number(ID.version, 1),
    number(ID.readVersion, 1),
    number(ID.maxIdLength, 4),
    number(ID.maxSizeLength, 8),
    text(ID.docType, "webm"),
    number(ID.docTypeVersion, 4),
    number(ID.docTypeReadVersion, 2),
  ]);
  const info = element(ID.info, [
    number(ID.timestampScale, SCALE_NS),
    float(ID.duration, film.durationMs),
    text(ID.title, film.title),
    text(ID.muxer, "Crosscheck"),
    text(ID.writer, "Crosscheck"),
  ]);
  const colours = colourParts(film.colours ?? {});
  const track = element(ID.track, [
    number(ID.number, 1),
    number(ID.uid, 1),
    number(ID.type, 1),
    number(ID.lacing, 0),
    text(ID.codec, film.codec === "vp8" ? "V_VP8" : "V_VP9"),
    element(ID.video, [
      number(ID.width, film.width),
      number(ID.height, film.height),
      ...(colours.length ? [element(ID.colour, colours)] : []),
    ]),
  ]);
  const front = [...info, ...element(ID.tracks, [track])];
  const clusters = grouped(chunks).map((group) => ({ ms: Math.round(group[0].ms), parts: cluster(group) }));
  // A position has a fixed width, so the index is as long with any positions: measured once, then written.
  const cuesSize = size(cues(clusters.map(({ ms }) => ({ ms, at: 0 }))));
  let at = size(front) + cuesSize;
  const places = clusters.map(({ ms, parts }) => {
    const place = { ms, at };
    at += size(parts);
    return place;
  });
  const body = [...front, ...cues(places), ...clusters.flatMap(({ parts }) => parts)];
  return [...head, ...element(ID.segment, [body])];
}

/** @param {Chunk[]} chunks @returns {Chunk[][]} one group for each key frame, and where one lasts too long */
function grouped(chunks) {
  /** @type {Chunk[][]} */
  const groups = [];
  for (const chunk of chunks) {
    const last = groups[groups.length - 1];
    if (!last || chunk.isKey || chunk.ms - last[0].ms > MAX_CLUSTER_MS) groups.push([chunk]);
    else last.push(chunk);
  }
  return groups;
}

/** @param {Chunk[]} group */
function cluster(group) {
  const start = Math.round(group[0].ms);
  const blocks = group.map(({ data, ms, isKey }) => {
    const after = Math.round(ms) - start;
    // Track 1, time after the cluster's, flags: 0x80 is a key frame.
    return element(ID.block, [[Uint8Array.of(0x81, (after >> 8) & 255, after & 255, isKey ? 0x80 : 0), data]]);
  });
  return element(ID.cluster, [number(ID.timestamp, start), ...blocks]);
}

/** @param {{ms: number, at: number}[]} places */
function cues(places) {
  return element(
    ID.cues,
    places.map(({ ms, at }) =>
      element(ID.cue, [
        number(ID.cueTime, ms),
        element(ID.cuePlace, [number(ID.cueTrack, 1), number(ID.cueCluster, at, 8)]),
      ]),
    ),
  );
}

/** @param {Colours} colours */
function colourParts({ matrix, primaries, transfer, fullRange }) {
  const parts = [];
  const known = (/** @type {Record<string, number>} */ table, /** @type {unknown} */ name) =>
    typeof name === "string" && Object.hasOwn(table, name) ? table[name] : null;
  const [m, p, t] = [known(MATRICES, matrix), known(PRIMARIES, primaries), known(TRANSFERS, transfer)];
  if (m !== null) parts.push(number(ID.matrix, m));
  if (typeof fullRange === "boolean") parts.push(number(ID.range, fullRange ? 2 : 1));
  if (t !== null) parts.push(number(ID.transfer, t));
  if (p !== null) parts.push(number(ID.primaries, p));
  return parts;
}

/** An element around others. @param {number} id @param {Uint8Array<ArrayBuffer>[][]} children @returns {Uint8Array<ArrayBuffer>[]} */
function element(id, children) {
  const parts = children.flat();
  return [bigEndian(id), length(size(parts)), ...parts];
}

/** @param {number} id @param {number} value whole @param {number} [bytes] */
function number(id, value, bytes) {
  return element(id, [[bigEndian(value, bytes)]]);
}

/** @param {number} id @param {number} value */
function float(id, value) {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setFloat64(0, value);
  return element(id, [[data]]);
}

/** @param {number} id @param {string} value */
function text(id, value) {
  return element(id, [[new TextEncoder().encode(value)]]);
}

/** The length of an element, always in eight bytes: a marker bit, then 56 bits. @param {number} value */
function length(value) {
  const data = bigEndian(value, 8);
  data[0] = 1;
  return data;
}

/** @param {number} value whole, below 2^53 @param {number} [bytes] as many as it needs */
function bigEndian(value, bytes) {
  const digits = [];
  for (let rest = value; rest > 0 || digits.length === 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  const data = new Uint8Array(Math.max(bytes ?? 0, digits.length));
  data.set(digits, data.length - digits.length);
  return data;
}

/** @param {Uint8Array<ArrayBuffer>[]} parts */
function size(parts) {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
