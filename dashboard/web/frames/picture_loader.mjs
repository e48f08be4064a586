// @ts-check
/** Decodes the frames of tracks, each once at a time, keeps them up to a budget, and remembers recent failures. */

import { blockKey, imageIn, placeIn, placeOf } from "./blocks.mjs";
import { ByteLru, Failures } from "./cache.mjs";
import { DecodeError } from "./decode.mjs";
import { fetchRange, isAbort, reasonOf } from "./fetch.mjs";

/** Some 200 decoded frames of four panes of 256 x 256. */
const DECODED_BUDGET_BYTES = 192 << 20;

/**
 * @typedef {{codes: ImageData | null, error: string | null, isExact: boolean}} Picture either the codes (a scalar domain has
 *   them in R, G and B alike), or why there are none; isExact: bit for bit as stored, not a preview
 * @typedef {import("./blocks.mjs").Track} Track
 * @typedef {import("./blocks.mjs").Place} Place
 * @typedef {import("./blocks.mjs").Block} Block
 * @typedef {import("./quality.mjs").Tier} Tier
 */

/** Why a picture has no codes that was cancelled: it may be asked for again. */
export const NOT_LOADED = "not loaded";
/** The outcome of a cancelled prefetch. @type {Picture} */
const ABORTED = { codes: null, error: NOT_LOADED, isExact: true };

export class PictureLoader {
  /**
   * @param {{packs: import("./pack_reader.mjs").PackReader, blocks: import("./block_loader.mjs").BlockLoader,
   *   bandwidth: import("./quality.mjs").Bandwidth, decode: typeof import("./decode.mjs").decodeImage,
   *   isShown: (track: Track) => boolean}} parts isShown: a pane still shows the track
   */
  constructor({ packs, blocks, bandwidth, decode, isShown }) {
    this.packs = packs;
    this.blocks = blocks;
    this.bandwidth = bandwidth;
    this.decodeImage = decode;
    this.isShown = isShown;
    /** @type {ByteLru<Picture>} */
    this.decoded = new ByteLru(DECODED_BUDGET_BYTES);
    /** @type {Map<string, Promise<Picture>>} */
    this.decoding = new Map();
    this.failures = new Failures();
    this.isClosed = false;
  }

  get bytes() {
    return this.decoded.bytes;
  }

  /** A picture in memory, or the reason of a recent failure. @param {Track} track @param {number} frame @param {Tier} tier */
  known(track, frame, tier) {
    return this.decoded.get(pictureKey(track, frame, tier)) ?? this.failed(track, frame, tier);
  }

  /** @param {Track} track @param {number} frame @param {Tier} tier @returns {Picture | null} */
  failed(track, frame, tier) {
    if (this.failures.entries.size === 0) return null;
    const place = placeOf(track, frame);
    if (!place) return null;
    const error = this.failures.get(blockKey(place, tier)) ?? this.failures.get(pictureKey(track, frame, tier));
    return error === null ? null : { codes: null, error, isExact: tier === "exact" };
  }

  /**
   * A picture by way of its block.
   * @param {Track} track @param {number} frame @param {boolean} isNeeded a seek waits for it, and not only a prefetch
   * @param {Tier} tier @returns {Promise<Picture>}
   */
  load(track, frame, isNeeded, tier) {
    const known = this.known(track, frame, tier);
    if (known) return Promise.resolve(known);
    const key = pictureKey(track, frame, tier);
    const pending = this.decoding.get(key);
    if (pending) {
      if (!isNeeded) return pending;
      const place = placeOf(track, frame);
      if (place) this.blocks.markNeeded(place, tier);
      // The prefetch may have been cancelled before the seek joined it.
      return pending.then((picture) => (picture === ABORTED ? this.load(track, frame, true, tier) : picture));
    }
    const promise = this.loadFromBlock(track, frame, isNeeded, tier).finally(() => this.decoding.delete(key));
    this.decoding.set(key, promise);
    return promise;
  }

  /** @param {Track} track @param {number} frame @param {boolean} isNeeded @param {Tier} tier @returns {Promise<Picture>} */
  async loadFromBlock(track, frame, isNeeded, tier) {
    try {
      return await this.decode(track, frame, tier, (place) => this.blocks.loadImage(place, isNeeded, tier));
    } catch (error) {
      if (!isAbort(error)) throw error;
      return isNeeded && this.isShown(track) ? this.loadFromBlock(track, frame, true, tier) : ABORTED;
    }
  }

  /**
   * A picture without the rest of its block, unless that is in memory or on its way.
   * @param {Track} track @param {number} frame @param {AbortSignal} signal @param {Tier} [tier] @returns {Promise<Picture>}
   */
  async loadSingle(track, frame, signal, tier = "exact") {
    const known = this.known(track, frame, tier);
    if (known) return known;
    const place = placeOf(track, frame);
    if (place && this.blocks.isAtHand(place, tier)) return this.load(track, frame, false, tier);
    try {
      return await this.decode(track, frame, tier, async ({ pack, index }) => {
        const header = await this.packs.header(pack);
        const images = tier === "exact" ? header : header.previews;
        if (!images) throw new Error("the pack has no previews");
        const start = images.offsets[index];
        const bytes = await fetchRange(pack.url, start, images.offsets[index + 1], signal, this.bandwidth);
        return { images, start, bytes };
      });
    } catch {
      return ABORTED;
    }
  }

  /**
   * A picture decoded from bytes that `fetchBytes` brings, or the reason why there is none. Rejects when it is cancelled.
   * @param {Track} track @param {number} frame @param {Tier} tier @param {(place: Place) => Promise<Block>} fetchBytes
   * @returns {Promise<Picture>}
   */
  async decode(track, frame, tier, fetchBytes) {
    const place = placeOf(track, frame);
    if (!place) return { codes: null, error: "not computed yet", isExact: true };
    const isExact = tier === "exact";
    const key = pictureKey(track, frame, tier);
    try {
      const block = await fetchBytes(place);
      const codes = await this.decodeImage(imageIn(block, place.index), block.images.codec);
      const picture = { codes, error: null, isExact };
      if (!this.isClosed) this.decoded.set(key, picture, codes.data.length);
      return picture;
    } catch (error) {
      if (isAbort(error)) throw error;
      const isDamaged = error instanceof DecodeError;
      const reason = isDamaged ? `frame ${frame} cannot be decoded` : reasonOf(error);
      this.failures.add(isDamaged ? key : blockKey(place, tier), reason);
      return { codes: null, error: reason, isExact };
    }
  }

  /**
   * The codes of consecutive frames of one pack, by one request, for tracks that no pane shows. Nothing of them is kept, so
   * that they push nothing out of memory. Rejects with a reason.
   * @param {Track} track @param {number} frame the first @param {number} count @param {AbortSignal} [signal]
   * @returns {Promise<ImageData[]>} up to `count`: fewer where the pack ends
   */
  async stills(track, frame, count, signal) {
    const place = placeIn(track, frame);
    const { pack, index: first } = place;
    const stop = Math.min(first + count, pack.n_frames);
    const images = await this.packs.header(pack);
    const [start, end] = [images.offsets[first], images.offsets[stop]];
    const known = this.blocks.peek(place, "exact");
    const block =
      known && end <= known.start + known.bytes.length
        ? known
        : { images, start, bytes: await fetchRange(pack.url, start, end, signal) };
    const stills = [];
    for (let i = first; i < stop; i += 1) {
      signal?.throwIfAborted();
      stills.push(await this.decodeImage(imageIn(block, i), images.codec));
    }
    return stills;
  }

  close() {
    this.isClosed = true;
    this.decoded.clear();
  }
}

/** @param {Track} track @param {number} frame @param {Tier} tier */
function pictureKey(track, frame, tier) {
  return `${track.key} ${frame} ${tier}`;
}
