// @ts-check
/**
 * Fetches blocks of coded images, each once at a time, keeps them up to a budget, and cancels those nobody needs.
 */

import { blockKey, blockRange, imageIn, placeIn } from "./blocks.mjs";
import { ByteLru } from "./cache.mjs";
import { fetchRange } from "./fetch.mjs";

/** Some 700 coded frames of four panes of 256 x 256. What is dropped is still in the browser's own cache. */
const ENCODED_BUDGET_BYTES = 160 << 20;

/**
 * @typedef {import("./blocks.mjs").Block} Block
 * @typedef {import("./blocks.mjs").BlockPlace} BlockPlace
 * @typedef {import("./quality.mjs").Tier} Tier
 */

export class BlockLoader {
  /**
   * @param {{packs: import("./pack_reader.mjs").PackReader, bandwidth: import("./quality.mjs").Bandwidth, onChange: () => void}} parts
   *   onChange: called when blocks arrive or are dropped
   */
  constructor({ packs, bandwidth, onChange }) {
    this.packs = packs;
    this.bandwidth = bandwidth;
    this.onChange = onChange;
    /** @type {ByteLru<Block>} */
    this.loaded = new ByteLru(ENCODED_BUDGET_BYTES, () => this.onChange());
    /**
     * Blocks on their way. `isNeeded`: a seek waits for it, and not only a prefetch.
     * @type {Map<string, {url: string, promise: Promise<Block>, abort: AbortController, isNeeded: boolean, arriving: Arriving}>}
     */
    this.fetching = new Map();
    this.isClosed = false;
  }

  get bytes() {
    return this.loaded.bytes;
  }

  /** Whether a block is in memory. @param {BlockPlace} place @param {Tier} tier */
  has(place, tier) {
    return this.loaded.has(blockKey(place, tier));
  }

  /** Whether a block is in memory or on its way. @param {BlockPlace} place @param {Tier} tier */
  isAtHand(place, tier) {
    return this.has(place, tier) || this.fetching.get(blockKey(place, tier))?.abort.signal.aborted === false;
  }

  /** A block if it is in memory. @param {BlockPlace} place @param {Tier} tier */
  peek(place, tier) {
    return this.loaded.get(blockKey(place, tier));
  }

  /**
   * A block from memory, from the request under way, or from a new one. Rejects with a reason, or when it is cancelled.
   * @param {BlockPlace} place @param {boolean} isNeeded @param {Tier} tier
   * @returns {Promise<Block>}
   */
  load(place, isNeeded, tier) {
    const key = blockKey(place, tier);
    const known = this.loaded.get(key);
    if (known) return Promise.resolve(known);
    const pending = this.fetching.get(key);
    if (pending && !pending.abort.signal.aborted) {
      pending.isNeeded ||= isNeeded;
      return pending.promise;
    }
    const abort = new AbortController();
    const arriving = new Arriving();
    const promise = this.fetch(place, tier, abort.signal, arriving).finally(() => {
      if (this.fetching.get(key)?.promise === promise) this.fetching.delete(key);
    });
    promise.catch(() => {}); // each caller handles it
    this.fetching.set(key, { url: place.pack.url, promise, abort, isNeeded, arriving });
    return promise;
  }

  /**
   * The block of an image as soon as the bytes of that image are there: on a slow line long before the whole block is.
   * @param {import("./blocks.mjs").Place} place @param {boolean} isNeeded @param {Tier} tier
   * @returns {Promise<Block>}
   */
  loadImage(place, isNeeded, tier) {
    const whole = this.load(place, isNeeded, tier);
    const pending = this.fetching.get(blockKey(place, tier));
    return pending ? Promise.race([whole, pending.arriving.image(place.index)]) : whole;
  }

  /** @param {BlockPlace} place @param {Tier} tier @param {AbortSignal} signal @param {Arriving} arriving @returns {Promise<Block>} */
  async fetch(place, tier, signal, arriving) {
    const header = await this.packs.header(place.pack);
    const images = tier === "exact" ? header : header.previews;
    if (!images) throw new Error("the pack has no previews");
    const { start, end } = blockRange(images, place.block);
    const receive = (/** @type {Uint8Array<ArrayBuffer>} */ part, /** @type {number} */ count) =>
      arriving.receive({ images, start, bytes: part }, count);
    const bytes = await fetchRange(place.pack.url, start, end, signal, this.bandwidth, receive);
    if (bytes.length !== end - start) throw new Error("the server sent less data than requested");
    const block = { images, start, bytes };
    if (!this.isClosed) this.loaded.set(blockKey(place, tier), block, bytes.length);
    this.onChange();
    return block;
  }

  /**
   * The coded image of a frame, as stored. Rejects with a reason.
   * @param {import("./blocks.mjs").Track} track @param {number} frame
   */
  async coded(track, frame) {
    const place = placeIn(track, frame);
    const block = await this.load(place, true, "exact");
    return { codec: block.images.codec, bytes: imageIn(block, place.index) };
  }

  /** A seek now waits for a block, so that no prefetch cancels it. @param {BlockPlace} place @param {Tier} tier */
  markNeeded(place, tier) {
    const pending = this.fetching.get(blockKey(place, tier));
    if (pending) pending.isNeeded = true;
  }

  /** Cancels the prefetches of all other blocks. @param {BlockPlace[]} places @param {...Tier} tiers */
  cancelPrefetchesExcept(places, ...tiers) {
    const keys = new Set(tiers.flatMap((tier) => places.map((place) => blockKey(place, tier))));
    for (const [key, { abort, isNeeded }] of this.fetching) {
      if (!isNeeded && !keys.has(key)) abort.abort();
    }
  }

  /** Cancels all requests of other packs, including those that a seek waits for. @param {Set<string>} urls of packs */
  cancelOtherPacks(urls) {
    for (const { url, abort } of this.fetching.values()) {
      if (!urls.has(url)) abort.abort();
    }
  }

  close() {
    this.isClosed = true;
    this.onChange = () => {};
    this.cancelOtherPacks(new Set());
    this.loaded.clear();
  }
}

/** A block of which the bytes are arriving in order, and who waits for which of its images. */
class Arriving {
  constructor() {
    /** @type {Block | null} */
    this.block = null;
    this.count = 0;
    /** @type {{index: number, resolve: (block: Block) => void}[]} */
    this.waiting = [];
  }

  /** @param {Block} block @param {number} count of its first bytes that are there */
  receive(block, count) {
    this.block = block;
    this.count = count;
    this.waiting = this.waiting.filter(({ index, resolve }) => {
      if (!this.has(index)) return true;
      resolve(block);
      return false;
    });
  }

  /** @param {number} index of an image in its pack */
  has(index) {
    return this.block !== null && this.block.images.offsets[index + 1] - this.block.start <= this.count;
  }

  /** The block once that image is there; never, where the request fails. @param {number} index @returns {Promise<Block>} */
  image(index) {
    const { block } = this;
    if (block && this.has(index)) return Promise.resolve(block);
    return new Promise((resolve) => this.waiting.push({ index, resolve }));
  }
}
