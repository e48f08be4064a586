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
     * @type {Map<string, {url: string, promise: Promise<Block>, abort: AbortController, isNeeded: boolean}>}
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

  /** Whether an exact block is in memory or on its way. @param {BlockPlace} place */
  isAtHand(place) {
    return this.has(place, "exact") || this.fetching.get(blockKey(place, "exact"))?.abort.signal.aborted === false;
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
    const promise = this.fetch(place, tier, abort.signal).finally(() => {
      if (this.fetching.get(key)?.promise === promise) this.fetching.delete(key);
    });
    promise.catch(() => {}); // each caller handles it
    this.fetching.set(key, { url: place.pack.url, promise, abort, isNeeded });
    return promise;
  }

  /** @param {BlockPlace} place @param {Tier} tier @param {AbortSignal} signal @returns {Promise<Block>} */
  async fetch(place, tier, signal) {
    const header = await this.packs.header(place.pack);
    const images = tier === "exact" ? header : header.previews;
    if (!images) throw new Error("the pack has no previews");
    const { start, end } = blockRange(images, place.block);
    const bytes = await fetchRange(place.pack.url, start, end, signal, this.bandwidth);
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

  /** Cancels the prefetches of all other blocks. @param {BlockPlace[]} places @param {Tier} tier */
  cancelPrefetchesExcept(places, tier) {
    const keys = new Set(places.map((place) => blockKey(place, tier)));
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
