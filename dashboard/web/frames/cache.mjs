// @ts-check
/** What is kept in memory and for how long: values up to a budget of bytes, and failures until they may be retried. Pure. */

/** A failed part is requested again after this long: the server may be back, the pack repaired. */
const RETRY_AFTER_MS = 4000;

/** Values by key; the least recently used are dropped when the bytes exceed the budget. @template T */
export class ByteLru {
  /**
   * @param {number} budget bytes
   * @param {(value: T, key: string) => void} [onDrop] receives each dropped value
   */
  constructor(budget, onDrop = () => {}) {
    this.budget = budget;
    this.onDrop = onDrop;
    this.bytes = 0;
    /** @type {Map<string, {value: T, bytes: number}>} */
    this.entries = new Map();
  }

  /** How many more groups of `count` values fit beside one such group; Infinity while nothing is known of their size. @param {number} count */
  roomFor(count) {
    return roomFor(this.budget, (count * this.bytes) / Math.max(this.entries.size, 1));
  }

  /** @param {string} key */
  has(key) {
    return this.entries.has(key);
  }

  /** The value, which becomes the most recently used; undefined where there is none. @param {string} key */
  get(key) {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** @param {string} key @param {T} value @param {number} bytes */
  set(key, value, bytes) {
    this.delete(key);
    this.entries.set(key, { value, bytes });
    this.bytes += bytes;
    for (const oldest of this.entries.keys()) {
      // The newest value stays even if it alone exceeds the budget: it is about to be shown.
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
    this.onDrop(entry.value, key);
  }

  clear() {
    for (const key of [...this.entries.keys()]) this.delete(key);
  }
}

/** How many more things of a size fit into a budget beside one of them. @param {number} budget @param {number} bytes 0: unknown */
export function roomFor(budget, bytes) {
  return bytes > 0 ? Math.max(Math.floor(budget / bytes) - 1, 0) : Infinity;
}

/** Why something failed, by key, until it may be tried again. */
export class Failures {
  constructor() {
    /** @type {Map<string, {reason: string, until: number}>} */
    this.entries = new Map();
  }

  /** @param {string} key @param {string} reason */
  add(key, reason) {
    this.entries.set(key, { reason, until: performance.now() + RETRY_AFTER_MS });
  }

  /** The reason; null where it did not fail, or not recently. @param {string} key */
  get(key) {
    const failure = this.entries.get(key);
    if (!failure) return null;
    if (performance.now() < failure.until) return failure.reason;
    this.entries.delete(key);
    return null;
  }
}
