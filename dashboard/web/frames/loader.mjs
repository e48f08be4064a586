// @ts-check
/**
 * How do the codes of frame i of every track come into memory? Blocks of coded frames by HTTP Range, then decoded
 * images, both kept up to a budget of bytes, the least recently used dropped.
 *
 * Where the line or the machine is too slow for the exact frames, previews come first, or instead while a clip plays; the
 * pictures of one frame are all exact or all previews. No frame is ever shown from here: `load` and `peek` hand out
 * pictures, the player decides what is painted, and asks for the exact ones by `loadAlone` where it stands.
 */

import {
  BLOCK_FRAMES,
  ByteLru,
  blockRange,
  columnRange,
  HEAD_BYTES,
  headerEnd,
  packOf,
  parseHeader,
  readColumn,
} from "./pack.mjs";
import { Bandwidth, isLongWait, tierOfPlay } from "./quality.mjs";

/** Together some 200 frames decoded and 700 coded of four panes of 256x256; what is dropped is in the browser's own cache. */
const ENCODED_BUDGET_BYTES = 160 << 20;
const DECODED_BUDGET_BYTES = 192 << 20;
/** A part that failed is asked for again after this long: a server may come back, a pack may be healed. */
const RETRY_AFTER_MS = 4000;
/** Blocks fetched before they are asked for: ahead in the direction of play, and behind; standing: on both sides. */
const BLOCKS_AHEAD = 4;
const BLOCKS_BEHIND = 1;
/** Exact frames that have not come after this long are overtaken by previews. */
const HEDGE_MS = 250;

/**
 * @typedef {{url: string, start: number, n_frames: number}} Pack
 * @typedef {{key: string, packs: Pack[]}} Track `key`: equal keys hold equal frames
 * @typedef {{codes: ImageData | null, error: string | null, isExact: boolean}} Picture either the codes, those of a scalar
 *   domain in R, G and B alike, or why there are none; isExact: as stored, bit by bit, and not a preview
 * @typedef {import("./quality.mjs").Tier} Tier
 * @typedef {import("./pack.mjs").Header} Header
 */

export class FrameLoader {
  /**
   * @param {{onChange?: () => void, decode?: typeof decodeImage, bandwidth?: Bandwidth}} [options]
   *   onChange: called when more, or less, is loaded
   */
  constructor({ onChange = () => {}, decode = decodeImage, bandwidth = new Bandwidth() } = {}) {
    this.onChange = onChange;
    this.decodeImage = decode;
    /** @type {Track[]} */
    this.tracks = [];
    /** Of packs, by address: on their way, and null or here. @type {Map<string, {promise: Promise<Header>, header: Header | null}>} */
    this.headers = new Map();
    /** Coded blocks that are here. */
    this.blocks = new ByteLru(ENCODED_BUDGET_BYTES, () => this.onChange());
    /**
     * Blocks on their way.
     * @type {Map<string, {url: string, promise: Promise<any>, abort: AbortController, isNeeded: boolean}>}
     */
    this.fetching = new Map();
    this.pictures = new ByteLru(DECODED_BUDGET_BYTES);
    /** @type {Map<string, Promise<Picture>>} */
    this.decoding = new Map();
    /** @type {Map<string, {message: string, until: number}>} */
    this.failures = new Map();
    this.bandwidth = bandwidth;
    /** Previews are never asked for. */
    this.isExactOnly = false;
    /** Exact frames of these tracks cannot be played in time: found out by playing them. */
    this.isTooSlow = false;
    /** What was played last. @type {Tier} */
    this.played = "exact";
    /** The frame whose exact pictures come alone, and how to call that off. */
    this.alone = { frame: -1, abort: new AbortController() };
    /** Calls off what is fetched only because there is nothing else to do. */
    this.idle = new AbortController();
    this.aim = 0;
    this.isClosed = false;
  }

  /** @param {Track[]} tracks those of the panes, in their order; what is loaded of a track that stays is kept */
  setTracks(tracks) {
    this.tracks = tracks;
    this.isTooSlow = false;
    this.aim += 1;
    const urls = new Set(tracks.flatMap(({ packs }) => packs.map(({ url }) => url)));
    // Also those that a seek waited for: nobody will see its frame, and they hold up the ones that are seen.
    for (const { url, abort } of this.fetching.values()) {
      if (!urls.has(url)) abort.abort();
    }
  }

  /**
   * The pictures of that frame, of all tracks, without waiting: exact ones, else previews where those are what is asked for;
   * null while one is missing.
   * @param {number} frame @param {number} [fps] frames a second that are due; 0: standing
   * @returns {Picture[] | null}
   */
  peek(frame, fps = 0) {
    return (
      this.peekAt(frame, "exact") ?? (this.tierOf(frame, fps) === "preview" ? this.peekAt(frame, "preview") : null)
    );
  }

  /** @param {number} frame @param {Tier} tier @returns {Picture[] | null} of previews: all of them without an error */
  peekAt(frame, tier) {
    const pictures = [];
    for (const track of this.tracks) {
      const picture =
        this.pictures.get(pictureKey(track, frame, tier)) ??
        (tier === "exact" ? this.failed(track, frame, tier) : null);
      if (!picture) return null;
      pictures.push(picture);
    }
    return pictures;
  }

  /**
   * The pictures of that frame, of all tracks, or their previews where those come much sooner; a track that fails gives its
   * reason and keeps none of the others.
   * @param {number} frame @param {number} [fps] as of `peek`
   * @returns {Promise<Picture[] | null>} null: called off, as another frame is looked at
   */
  async load(frame, fps = 0) {
    if (this.tierOf(frame, fps) === "preview") return this.loadPreviews(frame);
    if (fps === 0 && this.isLongWait(frame)) return this.loadAlone(frame);
    const exact = this.loadExact(frame);
    /** @type {Promise<null>} */
    const patience = new Promise((resolve) => setTimeout(resolve, HEDGE_MS, null));
    const first = await Promise.race([exact, patience]);
    return first ?? Promise.race([exact, this.overtake(frame, exact)]);
  }

  /** Previews, where there are any, of a frame whose exact pictures keep us waiting. @param {number} frame @param {Promise<Picture[]>} exact */
  async overtake(frame, exact) {
    await Promise.allSettled(this.packsAt(frame).map((pack) => this.header(pack)));
    return this.hasPreviews(frame) ? this.loadPreviews(frame) : exact;
  }

  /** The exact pictures of that frame, of all tracks. @param {number} frame @returns {Promise<Picture[]>} */
  loadExact(frame) {
    return Promise.all(this.tracks.map((track) => this.picture(track, frame, true)));
  }

  /**
   * The exact pictures of the one frame that is looked at: where their blocks would take long, without those.
   * @param {number} frame
   * @returns {Promise<Picture[] | null>} null: called off, as another frame is looked at
   */
  async loadAlone(frame) {
    if (!this.isLongWait(frame)) return this.loadExact(frame);
    if (this.alone.frame !== frame || this.alone.abort.signal.aborted) {
      this.alone.abort.abort();
      this.alone = { frame, abort: new AbortController() };
    }
    const { signal } = this.alone.abort;
    const pictures = await Promise.all(this.tracks.map((track) => this.single(track, frame, signal)));
    return signal.aborted ? null : pictures;
  }

  /** Those of all tracks, or exact ones where a preview cannot be had. @param {number} frame @returns {Promise<Picture[]>} */
  async loadPreviews(frame) {
    const pictures = await Promise.all(this.tracks.map((track) => this.picture(track, frame, true, "preview")));
    const isMissing = (/** @type {Picture} */ { codes }, /** @type {number} */ i) =>
      !codes && packOf(this.tracks[i]?.packs ?? [], frame) >= 0;
    return pictures.some(isMissing) ? this.loadExact(frame) : pictures;
  }

  /** What to ask for of that frame. @param {number} frame @param {number} fps @returns {Tier} */
  tierOf(frame, fps) {
    if (!this.hasPreviews(frame)) return "exact";
    if (fps === 0) return this.isLongWait(frame) ? "preview" : "exact";
    if (this.isTooSlow) return "preview";
    const { bytesPerSecond } = this.bandwidth;
    return tierOfPlay({ bytesPerSecond, frameBytes: this.frameBytes(frame), fps, before: this.played });
  }

  /** Whether the exact blocks of that frame take long. @param {number} frame */
  isLongWait(frame) {
    const { bytesPerSecond } = this.bandwidth;
    return isLongWait({ bytesPerSecond, frameBytes: this.frameBytes(frame), blockFrames: BLOCK_FRAMES });
  }

  /** Whether every track has previews there, as far as is known. @param {number} frame */
  hasPreviews(frame) {
    const packs = this.packsAt(frame);
    return !this.isExactOnly && packs.length > 0 && packs.every(({ url }) => this.headers.get(url)?.header?.previews);
  }

  /** The packs of that frame, of the tracks that have one. @param {number} frame */
  packsAt(frame) {
    return this.tracks.flatMap(({ packs }) => packs[packOf(packs, frame)] ?? []);
  }

  /** Bytes of the exact pictures of a frame, of all tracks: a mean over its packs; null while one is unknown. @param {number} frame */
  frameBytes(frame) {
    let sum = 0;
    for (const { url } of this.packsAt(frame)) {
      const offsets = this.headers.get(url)?.header?.offsets;
      if (!offsets) return null;
      sum += (offsets[offsets.length - 1] - offsets[0]) / (offsets.length - 1);
    }
    return sum;
  }

  /**
   * Bring closer what will be asked for next, and let go of what will not. Supersedes the last call.
   * @param {number} frame
   * @param {{frames: number[], direction: -1 | 0 | 1, last: number, fps?: number}} plan frames: to decode, the most urgent
   *   first; fps: frames a second that are due
   */
  async prefetch(frame, { frames, direction, last, fps = 0 }) {
    const aim = ++this.aim;
    this.idle.abort();
    if (this.alone.frame !== frame) this.alone.abort.abort();
    const tier = this.tierOf(frame, fps);
    if (fps > 0) this.played = tier;
    const near = this.nearBlocks(frame, direction, last, tier);
    for (const [key, { abort, isNeeded }] of this.fetching) {
      if (!isNeeded && !near.keys.has(key)) abort.abort();
    }
    const isCurrent = () => aim === this.aim && !this.isClosed;
    frames = frames.slice(0, roomFor(DECODED_BUDGET_BYTES, this.pictures.meanBytes * this.tracks.length));
    const fetchNear = async () => {
      for (const step of near.steps) {
        if (!isCurrent()) return;
        await Promise.allSettled(step.map(({ pack, block }) => this.block(pack, block, false, tier)));
      }
    };
    // A scrub supersedes this call before the frames are decoded: where the line is free, its next blocks do not wait for them.
    const isLineFree = near.steps[0]?.every(({ pack, block }) => this.blocks.has(blockKey(pack, block, tier)));
    const fetched = isLineFree ? fetchNear() : null;
    for (const next of frames) {
      if (!isCurrent()) return;
      const isHere = this.peekAt(next, "exact") ?? this.peekAt(next, tier);
      if (!isHere) await Promise.all(this.tracks.map((track) => this.picture(track, next, false, tier)));
    }
    await (fetched ?? fetchNear());
    if (!isCurrent()) return;
    if (tier === "exact" || fps > 0) return;
    // The line has nothing else to do: the next steps will be exact at once.
    this.idle = new AbortController();
    const { signal } = this.idle;
    for (const next of frames) {
      if (!isCurrent()) return;
      await Promise.all(this.tracks.map((track) => this.single(track, next, signal)));
    }
  }

  /**
   * The frames whose bytes are here for every track, as [first, one past the last) spans.
   * @param {number} nFrames
   * @returns {[number, number][]}
   */
  loadedSpans(nFrames) {
    const counts = new Uint8Array(nFrames);
    for (const track of this.tracks) {
      for (const pack of track.packs) {
        for (let first = 0; first < pack.n_frames; first += BLOCK_FRAMES) {
          const block = first / BLOCK_FRAMES;
          if (!this.blocks.has(blockKey(pack, block)) && !this.blocks.has(blockKey(pack, block, "preview"))) continue;
          const stop = Math.min(pack.start + Math.min(first + BLOCK_FRAMES, pack.n_frames), nFrames);
          for (let i = pack.start + first; i < stop; i += 1) counts[i] += 1;
        }
      }
    }
    /** @type {[number, number][]} */
    const spans = [];
    for (let i = 0; i < nFrames; i += 1) {
      if (this.tracks.length === 0 || counts[i] < this.tracks.length) continue;
      const open = spans[spans.length - 1];
      if (open && open[1] === i) open[1] = i + 1;
      else spans.push([i, i + 1]);
    }
    return spans;
  }

  /**
   * A column of one pack; nothing of it is kept here. Rejects with words, or as `signal` says.
   * @param {Pack} pack @param {string} name @param {AbortSignal} [signal]
   * @returns {Promise<{shape: number[], values: Float32Array | Float64Array}>} shape[0] frames
   */
  async column(pack, name, signal) {
    const column = columnRange(await this.header(pack), name);
    const { bytes } = await fetchRange(pack.url, column.start, column.end, signal);
    return { shape: column.shape, values: readColumn(bytes, column) };
  }

  /**
   * The codes of frames that no pane shows, for one look at each: nothing of them is kept, and no pane's block has to
   * go for them. Consecutive frames of one pack come in one request.
   * @param {Track} track @param {number} frame @param {number} count @param {AbortSignal} [signal]
   * @returns {Promise<ImageData[]>} up to `count`: no more than the pack has
   */
  async stills(track, frame, count, signal) {
    const at = packOf(track.packs, frame);
    if (at < 0) throw new Error("not computed yet");
    const pack = track.packs[at];
    const first = frame - pack.start;
    const stop = Math.min(first + count, pack.n_frames);
    const { offsets, codec } = await this.header(pack);
    const known = this.blocks.get(blockKey(pack, Math.floor(first / BLOCK_FRAMES)));
    const isHere = known && Math.floor((stop - 1) / BLOCK_FRAMES) === Math.floor(first / BLOCK_FRAMES);
    const start = isHere ? known.start : offsets[first];
    const bytes = isHere ? known.bytes : (await fetchRange(pack.url, start, offsets[stop], signal)).bytes;
    const images = [];
    for (let i = first; i < stop; i += 1) {
      signal?.throwIfAborted();
      images.push(await this.decodeImage(bytes.subarray(offsets[i] - start, offsets[i + 1] - start), codec));
    }
    return images;
  }

  /**
   * The coded image of a frame, as it is stored.
   * @param {Track} track @param {number} frame
   * @returns {Promise<{codec: string, bytes: Uint8Array}>} rejects with words
   */
  async coded(track, frame) {
    const pack = packWith(track, frame);
    const index = frame - pack.start;
    const { images, start, bytes } = await this.block(pack, Math.floor(index / BLOCK_FRAMES), true, "exact");
    return { codec: images.codec, bytes: imageIn(images, index, start, bytes) };
  }

  /**
   * The bytes of a column over the frames first..last, which may lie in several packs.
   * @param {Track} track @param {string} name @param {number} first @param {number} last
   * @returns {Promise<{dtype: string, shape: number[], bytes: Uint8Array}>} rejects with words
   */
  async codedColumn(track, name, first, last) {
    const parts = [];
    let dtype = "";
    /** @type {number[]} */
    let sides = [];
    for (let frame = first; frame <= last; ) {
      const pack = packWith(track, frame);
      const column = columnRange(await this.header(pack), name);
      const row = (column.end - column.start) / column.shape[0];
      const stop = Math.min(last + 1, pack.start + pack.n_frames);
      const start = column.start + row * (frame - pack.start);
      parts.push((await fetchRange(pack.url, start, start + row * (stop - frame))).bytes);
      ({ dtype } = column);
      sides = column.shape.slice(1);
      frame = stop;
    }
    const bytes = new Uint8Array(await new Blob(/** @type {any} */ (parts)).arrayBuffer());
    return { dtype, shape: [last - first + 1, ...sides], bytes };
  }

  /**
   * Bytes of the coded images first..last and of these columns, known from the packs' headers alone.
   * @param {Track} track @param {number} first @param {number} last @param {string[]} columns
   */
  async weight(track, first, last, columns) {
    let sum = 0;
    for (let frame = first; frame <= last; ) {
      const pack = packWith(track, frame);
      const header = await this.header(pack);
      const stop = Math.min(last + 1, pack.start + pack.n_frames);
      sum += header.offsets[stop - pack.start] - header.offsets[frame - pack.start];
      for (const name of columns) {
        const { start, end, shape } = columnRange(header, name);
        sum += ((end - start) / shape[0]) * (stop - frame);
      }
      frame = stop;
    }
    return sum;
  }

  /** Stop everything and free all memory. */
  close() {
    this.isClosed = true;
    this.aim += 1;
    this.alone.abort.abort();
    this.idle.abort();
    this.onChange = () => {};
    for (const { abort } of this.fetching.values()) abort.abort();
    this.pictures.clear();
    this.blocks.clear();
    this.headers.clear();
  }

  // Below: how

  /** @param {Track} track @param {number} frame @param {boolean} isNeeded @param {Tier} [tier] @returns {Promise<Picture>} */
  picture(track, frame, isNeeded, tier = "exact") {
    const key = pictureKey(track, frame, tier);
    const known = this.pictures.get(key) ?? this.failed(track, frame, tier);
    if (known) return Promise.resolve(known);
    const under = this.decoding.get(key);
    if (under) {
      if (!isNeeded) return under;
      this.markNeeded(track, frame, tier);
      // A prefetch may have been aborted before the seek joined it.
      return under.then((picture) => (picture === ABORTED ? this.picture(track, frame, true, tier) : picture));
    }
    const promise = this.decode(track, frame, isNeeded, tier).finally(() => this.decoding.delete(key));
    this.decoding.set(key, promise);
    return promise;
  }

  /** @param {Track} track @param {number} frame @param {boolean} isNeeded @param {Tier} tier @returns {Promise<Picture>} */
  async decode(track, frame, isNeeded, tier) {
    try {
      return await this.decoded(track, frame, tier, (pack, index) =>
        this.block(pack, Math.floor(index / BLOCK_FRAMES), isNeeded, tier),
      );
    } catch (error) {
      if (!isAbort(error)) throw error;
      const isWanted = isNeeded && !this.isClosed && this.tracks.includes(track);
      return isWanted ? this.decode(track, frame, true, tier) : ABORTED;
    }
  }

  /** An exact picture without its block, unless that is here or on its way. @param {Track} track @param {number} frame @param {AbortSignal} signal @returns {Promise<Picture>} */
  async single(track, frame, signal) {
    const known = this.pictures.get(pictureKey(track, frame)) ?? this.failed(track, frame, "exact");
    if (known) return known;
    const at = packOf(track.packs, frame);
    if (at >= 0 && this.isAtHand(track.packs[at], Math.floor((frame - track.packs[at].start) / BLOCK_FRAMES))) {
      return this.picture(track, frame, false);
    }
    try {
      return await this.decoded(track, frame, "exact", async (pack, index) => {
        const images = await this.header(pack);
        const start = images.offsets[index];
        const { bytes } = await fetchRange(pack.url, start, images.offsets[index + 1], signal, this.bandwidth);
        return { images, start, bytes };
      });
    } catch {
      return ABORTED;
    }
  }

  /**
   * A picture out of bytes that `fetched` brings, or words for why there is none; rejects where it is called off.
   * @param {Track} track @param {number} frame @param {Tier} tier @param {(pack: Pack, index: number) => Promise<Block>} fetched
   * @returns {Promise<Picture>}
   */
  async decoded(track, frame, tier, fetched) {
    const at = packOf(track.packs, frame);
    if (at < 0) return { codes: null, error: "not computed yet", isExact: true };
    const isExact = tier === "exact";
    const pack = track.packs[at];
    const index = frame - pack.start;
    try {
      const { images, start, bytes } = await fetched(pack, index);
      const codes = await this.decodeImage(imageIn(images, index, start, bytes), images.codec);
      const picture = { codes, error: null, isExact };
      if (!this.isClosed) this.pictures.set(pictureKey(track, frame, tier), picture, codes.data.length);
      return picture;
    } catch (error) {
      if (isAbort(error)) throw error;
      const message = error instanceof DecodeError ? `frame ${frame} cannot be decoded` : inWords(error);
      const name =
        error instanceof DecodeError
          ? pictureKey(track, frame, tier)
          : blockKey(pack, Math.floor(index / BLOCK_FRAMES), tier);
      this.failures.set(name, { message, until: performance.now() + RETRY_AFTER_MS });
      return { codes: null, error: message, isExact };
    }
  }

  /** Whether an exact block is here or on its way. @param {Pack} pack @param {number} block */
  isAtHand(pack, block) {
    const key = blockKey(pack, block);
    return this.blocks.has(key) || this.fetching.get(key)?.abort.signal.aborted === false;
  }

  /** @param {Track} track @param {number} frame @param {Tier} tier @returns {Picture | null} the reason, while it is fresh */
  failed(track, frame, tier) {
    if (this.failures.size === 0) return null;
    const at = packOf(track.packs, frame);
    if (at < 0) return null;
    const pack = track.packs[at];
    const block = Math.floor((frame - pack.start) / BLOCK_FRAMES);
    for (const name of [blockKey(pack, block, tier), pictureKey(track, frame, tier)]) {
      const failure = this.failures.get(name);
      if (!failure) continue;
      if (performance.now() < failure.until) return { codes: null, error: failure.message, isExact: tier === "exact" };
      this.failures.delete(name);
    }
    return null;
  }

  /**
   * A block of coded frames: from memory, on its way, or asked for now.
   * @param {Pack} pack @param {number} block @param {boolean} isNeeded @param {Tier} tier
   * @returns {Promise<Block>}
   */
  block(pack, block, isNeeded, tier) {
    const key = blockKey(pack, block, tier);
    const known = this.blocks.get(key);
    if (known) return Promise.resolve(known);
    const under = this.fetching.get(key);
    if (under && !under.abort.signal.aborted) {
      under.isNeeded ||= isNeeded;
      return under.promise;
    }
    const abort = new AbortController();
    const promise = (async () => {
      const header = await this.header(pack);
      const images = tier === "exact" ? header : header.previews;
      if (!images) throw new Error("the pack has no previews");
      const { start, end } = blockRange(images, block);
      const { bytes } = await fetchRange(pack.url, start, end, abort.signal, this.bandwidth);
      if (bytes.length !== end - start) throw new Error("the server sent less than it should");
      const value = { images, start, bytes };
      if (!this.isClosed) this.blocks.set(key, value, bytes.length);
      this.onChange();
      return value;
    })().finally(() => {
      if (this.fetching.get(key)?.promise === promise) this.fetching.delete(key);
    });
    promise.catch(() => {}); // whoever asked for it hears of it
    this.fetching.set(key, { url: pack.url, promise, abort, isNeeded });
    return promise;
  }

  /** @param {Pack} pack @returns {Promise<Header>} */
  header(pack) {
    const known = this.headers.get(pack.url);
    if (known) return known.promise;
    // Small and wanted by every block of the pack, so never aborted.
    const promise = (async () => {
      let { bytes } = await fetchRange(pack.url, 0, HEAD_BYTES);
      const end = headerEnd(bytes);
      if (end > bytes.length) ({ bytes } = await fetchRange(pack.url, 0, end));
      const header = parseHeader(bytes);
      if (header.offsets.length !== pack.n_frames + 1) throw new Error("the pack holds other frames than announced");
      return (entry.header = header);
    })();
    const entry = { promise, header: /** @type {Header | null} */ (null) };
    this.headers.set(pack.url, entry);
    promise.catch(() => this.headers.delete(pack.url));
    return promise;
  }

  /** @param {Track} track @param {number} frame @param {Tier} tier */
  markNeeded(track, frame, tier) {
    const at = packOf(track.packs, frame);
    if (at < 0) return;
    const pack = track.packs[at];
    const under = this.fetching.get(blockKey(pack, Math.floor((frame - pack.start) / BLOCK_FRAMES), tier));
    if (under) under.isNeeded = true;
  }

  /**
   * Blocks around a frame, nearest first, as steps of one block of every track.
   * @param {number} frame @param {-1 | 0 | 1} direction @param {number} last @param {Tier} tier
   */
  nearBlocks(frame, direction, last, tier) {
    const keys = new Set();
    /** @type {{pack: Pack, block: number}[][]} */
    const steps = [];
    // More than there is room for would push out the block that is looked at.
    const most = 1 + roomFor(ENCODED_BUDGET_BYTES, tier === "exact" ? BLOCK_FRAMES * (this.frameBytes(frame) ?? 0) : 0);
    const add = (/** @type {number} */ near) => {
      const step = [];
      for (const track of this.tracks) {
        const at = packOf(track.packs, near);
        if (at < 0) continue;
        const pack = track.packs[at];
        const block = Math.floor((near - pack.start) / BLOCK_FRAMES);
        keys.add(blockKey(pack, block, tier));
        step.push({ pack, block });
      }
      steps.push(step);
    };
    add(frame);
    // Tracks of one clip have packs alike, so the first one says where the next block begins.
    const next = (/** @type {number} */ from, /** @type {number} */ side) => {
      const span = this.tracks.length ? blockSpan(this.tracks[0], from) : null;
      const beyond = !span ? -1 : side > 0 ? span[1] : span[0] - 1;
      return beyond >= 0 && beyond <= last ? beyond : -1;
    };
    const ahead = direction < 0 ? -1 : 1;
    let forth = frame;
    let back = frame;
    for (let i = 1; i <= BLOCKS_AHEAD && steps.length < most; i += 1) {
      if (forth >= 0) forth = next(forth, ahead);
      if (forth >= 0) add(forth);
      if ((direction !== 0 && i > BLOCKS_BEHIND) || back < 0 || steps.length >= most) continue;
      back = next(back, -ahead);
      if (back >= 0) add(back);
    }
    return { steps, keys };
  }
}

/** How many more things of that size fit beside the one that is looked at. @param {number} budget @param {number} bytes 0: not known */
function roomFor(budget, bytes) {
  return bytes > 0 ? Math.max(Math.floor(budget / bytes) - 1, 0) : Infinity;
}

/**
 * The frames of the block that holds `frame`: [first, one past the last).
 * @param {Track} track @param {number} frame
 * @returns {[number, number] | null}
 */
function blockSpan(track, frame) {
  const at = packOf(track.packs, frame);
  if (at < 0) return null;
  const { start, n_frames } = track.packs[at];
  const first = Math.floor((frame - start) / BLOCK_FRAMES) * BLOCK_FRAMES;
  return [start + first, start + Math.min(first + BLOCK_FRAMES, n_frames)];
}

/** @param {Track} track @param {number} frame @returns {Pack} */
function packWith(track, frame) {
  const at = packOf(track.packs, frame);
  if (at < 0) throw new Error(`frame ${frame} is not computed yet`);
  return track.packs[at];
}

/**
 * Packs that are part of the page itself, by their address: a page exported to a file has them (see offline_page.mjs).
 * @type {Map<string, Uint8Array>}
 */
export const embedded = new Map();

/** The one error that may pass without anybody doing something. */
export const UNREACHABLE = "the server cannot be reached; trying again";

class DecodeError extends Error {}

/** What the server answered instead of frames, in its own words. */
class ServerError extends Error {}

/** @typedef {{images: import("./pack.mjs").Images, start: number, bytes: Uint8Array}} Block some bytes of the images, from byte `start` of the file */

/** The coded image number `index` of a pack. @param {import("./pack.mjs").Images} images @param {number} index @param {number} start @param {Uint8Array} bytes */
function imageIn({ offsets }, index, start, bytes) {
  return bytes.subarray(offsets[index] - start, offsets[index + 1] - start);
}

/** @param {Track} track @param {number} frame @param {Tier} [tier] */
function pictureKey(track, frame, tier = "exact") {
  return `${track.key} ${frame} ${tier}`;
}

/** @param {Pack} pack @param {number} block @param {Tier} [tier] */
function blockKey(pack, block, tier = "exact") {
  return `${pack.url} ${block} ${tier}`;
}

/** The outcome of a prefetch that was called off. @type {Picture} */
const ABORTED = { codes: null, error: "not loaded", isExact: true };

/** @param {unknown} error */
function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** @param {unknown} error */
function inWords(error) {
  if (error instanceof TypeError) return UNREACHABLE;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Bytes start .. end - 1 of `url` (fewer where the file ends before).
 * @param {string} url @param {number} start @param {number} end @param {AbortSignal} [signal]
 * @param {Bandwidth} [meter] hears of what comes, while it comes
 */
async function fetchRange(url, start, end, signal, meter) {
  const inside = embedded.get(url);
  if (inside) return { bytes: inside.subarray(start, end) };
  const response = await fetch(url, { headers: { Range: `bytes=${start}-${end - 1}` }, signal });
  if (!response.ok) {
    const text = (await response.text()).trim().slice(0, 200);
    throw new ServerError(text && !text.startsWith("<") ? text : `the server answered ${response.status}`);
  }
  meter?.begin();
  try {
    const isPart = response.status === 206;
    if (isPart && meter && response.body) return { bytes: await readPart(response.body, end - start, meter) };
    const bytes = new Uint8Array(await response.arrayBuffer());
    meter?.add(bytes.length);
    // A proxy may drop the Range and send everything; a copy, as a view would keep everything in memory.
    return { bytes: isPart ? bytes : bytes.slice(start, end) };
  } finally {
    meter?.end();
  }
}

/** Up to `length` bytes. @param {ReadableStream<Uint8Array>} body @param {number} length @param {Bandwidth} meter */
async function readPart(body, length, meter) {
  const bytes = new Uint8Array(length);
  const reader = body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return at < length ? bytes.slice(0, at) : bytes;
    meter.add(value.length);
    bytes.set(value.subarray(0, length - at), at);
    at = Math.min(at + value.length, length);
  }
}

/** @type {OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D | null} */
let scratch = null;

/** @param {Uint8Array} bytes @param {string} codec @returns {Promise<ImageData>} */
function decodeImage(bytes, codec) {
  return decodeBlob(new Blob([/** @type {any} */ (bytes)], { type: `image/${codec}` }));
}

/** The codes of a coded image. @param {Blob} blob @returns {Promise<ImageData>} */
export async function decodeBlob(blob) {
  let image;
  try {
    // Codes, not colours: no profile and no alpha may touch them.
    image = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch {
    throw new DecodeError();
  }
  const { width, height } = image;
  if (!scratch || scratch.canvas.width !== width || scratch.canvas.height !== height)
    scratch = newScratch(width, height);
  scratch.drawImage(image, 0, 0);
  image.close();
  return scratch.getImageData(0, 0, width, height);
}

/** @param {number} width @param {number} height */
function newScratch(width, height) {
  const canvas =
    typeof OffscreenCanvas === "undefined"
      ? Object.assign(document.createElement("canvas"), { width, height })
      : new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser has no 2D canvas");
  return /** @type {any} */ (context);
}
