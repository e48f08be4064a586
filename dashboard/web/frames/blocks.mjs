// @ts-check
/**
 * Where a frame is: its pack, its image there, and the block of images that is fetched with it. Pure.
 *
 * The other modules here ask this one, so that no arithmetic of packs and blocks stands elsewhere.
 */

/** Images per block. A block is fetched by one request. */
export const BLOCK_FRAMES = 16;
/** Blocks fetched before they are needed: in the direction of play and against it. Paused: BLOCKS_AHEAD on both sides. */
const BLOCKS_AHEAD = 4;
const BLOCKS_BEHIND = 1;

/**
 * @typedef {{url: string, start: number, n_frames: number}} Pack `start`: its first frame in the clip
 * @typedef {{key: string, packs: Pack[]}} Track `packs`: ascending, without gaps; `key`: equal keys hold equal frames
 * @typedef {{pack: Pack, block: number}} BlockPlace block number `block` of a pack
 * @typedef {BlockPlace & {index: number}} Place image number `index` of a pack, and the block that holds it
 * @typedef {import("./pack.mjs").Images} Images
 * @typedef {{images: Images, start: number, bytes: Uint8Array<ArrayBuffer>}} Block bytes of some images, from byte `start`
 *   of the file
 * @typedef {import("./quality.mjs").Tier} Tier
 */

/** The place of a frame; null where no pack holds it. @param {Pick<Track, "packs">} track @param {number} frame @returns {Place | null} */
export function placeOf({ packs }, frame) {
  const pack = packs[packOf(packs, frame)];
  if (!pack) return null;
  const index = frame - pack.start;
  return { pack, index, block: Math.floor(index / BLOCK_FRAMES) };
}

/** The place of a frame. Throws where no pack holds it. @param {Pick<Track, "packs">} track @param {number} frame */
export function placeIn(track, frame) {
  const place = placeOf(track, frame);
  if (!place) throw new Error(`frame ${frame} is not computed yet`);
  return place;
}

/**
 * The number of the pack that holds a frame, by bisection; -1 where none does.
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

/** The bytes start .. end - 1 of a block. @param {Images} images @param {number} block */
export function blockRange({ offsets }, block) {
  const first = block * BLOCK_FRAMES;
  return { start: offsets[first], end: offsets[Math.min(first + BLOCK_FRAMES, offsets.length - 1)] };
}

/** The coded image number `index` of a pack, a view. @param {Block} block that holds it @param {number} index */
export function imageIn({ images, start, bytes }, index) {
  return bytes.subarray(images.offsets[index] - start, images.offsets[index + 1] - start);
}

/** @param {BlockPlace} place @param {Tier} tier */
export function blockKey({ pack, block }, tier) {
  return `${pack.url} ${block} ${tier}`;
}

/**
 * The frames whose bytes are in memory for every track, as [first, one past the last) spans.
 * @param {Track[]} tracks @param {number} nFrames @param {(place: BlockPlace) => boolean} hasBlock
 * @returns {[number, number][]}
 */
export function loadedSpans(tracks, nFrames, hasBlock) {
  const counts = new Uint8Array(nFrames);
  for (const pack of tracks.flatMap(({ packs }) => packs)) {
    for (let block = 0; block * BLOCK_FRAMES < pack.n_frames; block += 1) {
      if (!hasBlock({ pack, block })) continue;
      const [first, stop] = framesOf({ pack, block });
      for (let i = first; i < Math.min(stop, nFrames); i += 1) counts[i] += 1;
    }
  }
  /** @type {[number, number][]} */
  const spans = [];
  for (let i = 0; i < nFrames; i += 1) {
    if (tracks.length === 0 || counts[i] < tracks.length) continue;
    const open = spans[spans.length - 1];
    if (open && open[1] === i) open[1] = i + 1;
    else spans.push([i, i + 1]);
  }
  return spans;
}

/** The frames of a block: [first, one past the last). @param {BlockPlace} place @returns {[number, number]} */
function framesOf({ pack, block }) {
  const first = block * BLOCK_FRAMES;
  return [pack.start + first, pack.start + Math.min(first + BLOCK_FRAMES, pack.n_frames)];
}

/**
 * The blocks around a frame, nearest first, in steps of one block of every track.
 * @param {Track[]} tracks @param {number} frame
 * @param {{direction: -1 | 0 | 1, last: number, most: number, reach?: number}} limits last: no frames after it; most: steps;
 *   reach: blocks in the direction of play
 * @returns {BlockPlace[][]}
 */
export function nearBlocks(tracks, frame, { direction, last, most, reach = BLOCKS_AHEAD }) {
  const blocksAt = (/** @type {number} */ near) => tracks.flatMap((track) => placeOf(track, near) ?? []);
  // The tracks of a clip have equal packs, so the first one tells where the next block begins.
  const next = (/** @type {number} */ from, /** @type {number} */ side) => {
    const place = tracks.length ? placeOf(tracks[0], from) : null;
    if (!place) return -1;
    const [first, stop] = framesOf(place);
    const beyond = side > 0 ? stop : first - 1;
    return beyond <= last ? beyond : -1;
  };
  const steps = [blocksAt(frame)];
  const ahead = direction < 0 ? -1 : 1;
  let forth = frame;
  let back = frame;
  for (let i = 1; i <= reach && steps.length < most; i += 1) {
    const isBehindDone = back < 0 || (direction !== 0 && i > BLOCKS_BEHIND);
    if (forth < 0 && isBehindDone) break;
    if (forth >= 0) forth = next(forth, ahead);
    if (forth >= 0) steps.push(blocksAt(forth));
    if (isBehindDone || steps.length >= most) continue;
    back = next(back, -ahead);
    if (back >= 0) steps.push(blocksAt(back));
  }
  return steps;
}
