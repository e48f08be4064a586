// @ts-check
/**
 * Brings the codes of a frame of all tracks into memory: requests what is shown, and prefetches what will be.
 *
 * Where the connection or the machine is too slow for exact frames, previews come first, or replace them during play; the
 * pictures of one frame are all exact or all previews. The player decides what is painted: it takes pictures by `load` and
 * `peek`, and the exact ones of the frame on which it rests by `loadAlone`.
 */

import { BlockLoader } from "./block_loader.mjs";
import { BLOCK_FRAMES, loadedSpans, nearBlocks, placeOf } from "./blocks.mjs";
import { roomFor } from "./cache.mjs";
import { decodeImage } from "./decode.mjs";
import { PackReader } from "./pack_reader.mjs";
import { PictureLoader } from "./picture_loader.mjs";
import { Bandwidth, hasPreviews, isLongWait, meanFrameBytes, tierOf } from "./quality.mjs";

/** Exact frames that have not arrived after this long are overtaken by previews. */
const HEDGE_MS = 250;

/**
 * @typedef {import("./blocks.mjs").Pack} Pack
 * @typedef {import("./blocks.mjs").Track} Track
 * @typedef {import("./picture_loader.mjs").Picture} Picture
 * @typedef {import("./quality.mjs").Tier} Tier
 */

export class FrameLoader {
  /**
   * @param {{onChange?: () => void, decode?: typeof decodeImage, bandwidth?: Bandwidth}} [options]
   *   onChange: called when more, or less, is loaded
   */
  constructor({ onChange = () => {}, decode = decodeImage, bandwidth = new Bandwidth() } = {}) {
    /** One for each pane, in pane order. @type {Track[]} */
    this.tracks = [];
    this.bandwidth = bandwidth;
    this.packs = new PackReader();
    this.blocks = new BlockLoader({ packs: this.packs, bandwidth, onChange });
    this.pictures = new PictureLoader({
      packs: this.packs,
      blocks: this.blocks,
      bandwidth,
      decode,
      isShown: (track) => !this.isClosed && this.tracks.includes(track),
    });
    /** No previews are requested. */
    this.isExactOnly = false;
    /** Exact frames of these tracks cannot be played in time, as playing them has shown. */
    this.isTooSlow = false;
    /** What was played last. @type {Tier} */
    this.played = "exact";
    /** The frame whose exact pictures are fetched without their blocks, and how to cancel that. */
    this.alone = { frame: -1, abort: new AbortController() };
    /** Cancels what is fetched only because the connection is idle. */
    this.idle = new AbortController();
    /** Previews of a single frame that are on their way: nothing else is fetched before them. @type {Promise<unknown> | null} */
    this.first = null;
    /** Cancels what only the end of the loader cancels. */
    this.closing = new AbortController();
    /** Counts the calls of `prefetch`, as each supersedes the one before. */
    this.aim = 0;
    this.isClosed = false;
  }

  /** @param {Track[]} tracks one for each pane, in pane order; what is loaded of a track that stays is kept */
  setTracks(tracks) {
    this.tracks = tracks;
    this.isTooSlow = false;
    this.aim += 1;
    // A seek may wait for some of them, but nobody will see its frame, and they delay the visible ones.
    this.blocks.cancelOtherPacks(new Set(tracks.flatMap(({ packs }) => packs.map(({ url }) => url))));
  }

  /**
   * The pictures of a frame, of all tracks, that are in memory: exact ones, else previews where those are requested; null
   * while one is missing.
   * @param {number} frame @param {number} [fps] due frames per second; 0: paused
   * @returns {Picture[] | null}
   */
  peek(frame, fps = 0) {
    return (
      this.peekAt(frame, "exact") ?? (this.tierOf(frame, fps) === "preview" ? this.peekAt(frame, "preview") : null)
    );
  }

  /** As `peek`, of one tier. A failure is an exact picture's outcome, never a preview's. @param {number} frame @param {Tier} tier */
  peekAt(frame, tier) {
    const pictures = [];
    for (const track of this.tracks) {
      const picture = this.pictures.known(track, frame, tier);
      if (!picture || (tier === "preview" && picture.error !== null)) return null;
      pictures.push(picture);
    }
    return pictures;
  }

  /**
   * The pictures of a frame, of all tracks, or their previews where those come much sooner. A track that fails gives its
   * reason and does not delay the others.
   * @param {number} frame @param {number} [fps] due frames per second; 0: paused
   * @returns {Promise<Picture[] | null>} null: cancelled, as another frame is shown
   */
  async load(frame, fps = 0) {
    if (this.lacksHeaders(frame)) await this.loadHeaders(frame);
    if (this.tierOf(frame, fps) === "preview") {
      if (fps > 0 || !this.isLongWaitForPreviews(frame)) return this.loadPreviews(frame);
      const first = this.loadAlonePreviews(frame);
      this.first = first;
      const pictures = await first;
      if (this.first === first) this.first = null;
      return pictures;
    }
    if (fps === 0 && this.isLongWait(frame)) return this.loadAlone(frame);
    const exact = this.loadExact(frame);
    /** @type {Promise<null>} */
    const patience = new Promise((resolve) => setTimeout(resolve, HEDGE_MS, null));
    const first = await Promise.race([exact, patience]);
    return first ?? Promise.race([exact, this.overtake(frame, exact)]);
  }

  /** Its own previews, if there are any, of a frame whose exact pictures are late; whole blocks of them would be late, too. @param {number} frame @param {Promise<Picture[]>} exact */
  async overtake(frame, exact) {
    await this.loadHeaders(frame);
    if (this.isExactOnly || !hasPreviews(this.headersAt(frame))) return exact;
    const previews = this.loadAlonePreviews(frame);
    // Browsers keep six requests to a server open at most: those of other blocks would go first.
    const here = this.tracks.map((track) => placeOf(track, frame)).filter((place) => place !== null);
    this.blocks.cancelPrefetchesExcept(here, "exact");
    return previews;
  }

  /** The exact pictures of a frame, of all tracks. @param {number} frame @returns {Promise<Picture[]>} */
  loadExact(frame) {
    return Promise.all(this.tracks.map((track) => this.pictures.load(track, frame, true, "exact")));
  }

  /**
   * The exact pictures of the frame on screen; without the rest of their blocks where that would take long.
   * @param {number} frame
   * @returns {Promise<Picture[] | null>} null: cancelled, as another frame is shown
   */
  async loadAlone(frame) {
    if (!this.isLongWait(frame)) return this.loadExact(frame);
    if (this.alone.frame !== frame || this.alone.abort.signal.aborted) {
      this.alone.abort.abort();
      this.alone = { frame, abort: new AbortController() };
    }
    const { signal } = this.alone.abort;
    const pictures = await Promise.all(this.tracks.map((track) => this.pictures.loadSingle(track, frame, signal)));
    return signal.aborted ? null : pictures;
  }

  /** The previews of all tracks, or the exact pictures where a preview fails. @param {number} frame @returns {Promise<Picture[]>} */
  async loadPreviews(frame) {
    const pictures = await Promise.all(this.tracks.map((track) => this.pictures.load(track, frame, true, "preview")));
    const isMissing = (/** @type {Picture} */ { codes }, /** @type {number} */ i) =>
      !codes && placeOf(this.tracks[i] ?? { packs: [] }, frame) !== null;
    return pictures.some(isMissing) ? this.loadExact(frame) : pictures;
  }

  /**
   * The previews of a frame without the rest of their blocks, where even those would take long.
   * @param {number} frame @returns {Promise<Picture[]>}
   */
  async loadAlonePreviews(frame) {
    const { signal } = this.closing;
    const pictures = await Promise.all(
      this.tracks.map((track) => this.pictures.loadSingle(track, frame, signal, "preview")),
    );
    return pictures.every(({ codes }) => codes) ? pictures : this.loadPreviews(frame);
  }

  /**
   * Without its headers nobody knows whether a frame has previews. Nothing can be fetched before them anyway; on a line of
   * unknown speed exact frames are fetched first in any case.
   * @param {number} frame
   */
  lacksHeaders(frame) {
    return this.bandwidth.bytesPerSecond !== null && this.headersAt(frame).includes(null);
  }

  /** Bring the headers of the packs of a frame into memory, where they can be read. @param {number} frame */
  async loadHeaders(frame) {
    await Promise.allSettled(this.packsAt(frame).map((pack) => this.packs.header(pack)));
  }

  /** Whether the blocks of previews of a frame take long. @param {number} frame */
  isLongWaitForPreviews(frame) {
    return isLongWait({ bytesPerSecond: this.bandwidth.bytesPerSecond, frameBytes: this.previewBytes(frame) });
  }

  /** Bytes of the previews of a frame, of all tracks; null where one is unknown or has none. @param {number} frame */
  previewBytes(frame) {
    return meanFrameBytes(this.headersAt(frame).map((header) => header?.previews ?? null));
  }

  /** The tier to request for a frame. @param {number} frame @param {number} fps @returns {Tier} */
  tierOf(frame, fps) {
    const { bandwidth, played, isExactOnly, isTooSlow } = this;
    const { bytesPerSecond } = bandwidth;
    return tierOf({ headers: this.headersAt(frame), bytesPerSecond, fps, before: played, isExactOnly, isTooSlow });
  }

  /** Whether the exact blocks of a frame take long. @param {number} frame */
  isLongWait(frame) {
    return isLongWait({ bytesPerSecond: this.bandwidth.bytesPerSecond, frameBytes: this.frameBytes(frame) });
  }

  /** The packs of a frame, of the tracks that have one. @param {number} frame */
  packsAt(frame) {
    return this.tracks.flatMap((track) => placeOf(track, frame)?.pack ?? []);
  }

  /** Their headers, as far as they are in memory. @param {number} frame */
  headersAt(frame) {
    return this.packsAt(frame).map((pack) => this.packs.knownHeader(pack));
  }

  /** Bytes of the exact pictures of a frame, of all tracks: a mean over its packs; null while one is unknown. @param {number} frame */
  frameBytes(frame) {
    return meanFrameBytes(this.headersAt(frame));
  }

  /**
   * Fetches and decodes what will be shown next, and cancels what will not. Supersedes the last call.
   * @param {number} frame the one on screen
   * @param {{frames: number[], direction: -1 | 0 | 1, last: number, fps?: number}} plan frames: to decode, the most urgent
   *   first; direction: of play; last: no frames after it; fps: due frames per second
   */
  async prefetch(frame, { frames, direction, last, fps = 0 }) {
    const aim = ++this.aim;
    this.idle.abort();
    if (this.alone.frame !== frame) this.alone.abort.abort();
    const isCurrent = () => aim === this.aim && !this.isClosed;
    // At once: what follows may have to wait.
    const around = nearBlocks(this.tracks, frame, { direction, last, most: Infinity }).flat();
    this.blocks.cancelPrefetchesExcept(around, "exact", "preview");
    if (this.lacksHeaders(frame)) await this.loadHeaders(frame);
    if (fps === 0 && this.first) await this.first;
    if (!isCurrent()) return;
    const tier = this.tierOf(frame, fps);
    if (fps > 0) this.played = tier;
    // More than there is room for would push out the block on screen.
    const frameBytes = tier === "exact" ? this.frameBytes(frame) : this.previewBytes(frame);
    const blockBytes = BLOCK_FRAMES * (frameBytes ?? 0);
    const most = 1 + roomFor(this.blocks.loaded.budget, blockBytes);
    const near = nearBlocks(this.tracks, frame, { direction, last, most });
    this.blocks.cancelPrefetchesExcept(near.flat(), tier);
    const fetchNear = async () => {
      for (const step of near) {
        if (!isCurrent()) return;
        await Promise.allSettled(step.map((place) => this.blocks.load(place, false, tier)));
      }
    };
    // A scrub supersedes this call before its frames are decoded, so the next blocks wait only for those on the screen.
    const hasCurrentBlocks = near[0].every((place) => this.blocks.has(place, tier));
    const fetched = hasCurrentBlocks ? fetchNear() : null;
    frames = frames.slice(0, this.pictures.decoded.roomFor(this.tracks.length));
    for (const next of frames) {
      if (!isCurrent()) return;
      const isLoaded = this.peekAt(next, "exact") ?? this.peekAt(next, tier);
      if (!isLoaded) await Promise.all(this.tracks.map((track) => this.pictures.load(track, next, false, tier)));
    }
    await (fetched ?? fetchNear());
    if (!isCurrent()) return;
    if (tier === "exact" || fps > 0) return;
    // The connection is idle now: the next steps will be exact at once.
    this.idle = new AbortController();
    const { signal } = this.idle;
    for (const next of frames) {
      if (!isCurrent()) return;
      await Promise.all(this.tracks.map((track) => this.pictures.loadSingle(track, next, signal)));
    }
    // Then the previews of the whole clip, so that it plays.
    const whole = nearBlocks(this.tracks, frame, { direction: 0, last, most: most / 2, reach: Infinity });
    for (const step of whole) {
      if (!isCurrent()) return;
      await Promise.allSettled(step.map((place) => this.blocks.load(place, false, tier)));
    }
  }

  /**
   * The codes of a frame whose bytes are in memory, exact or not; null where they would have to be requested.
   * @param {Track} track @param {number} frame @returns {Promise<ImageData | null>}
   */
  async inMemory(track, frame) {
    const place = placeOf(track, frame);
    for (const tier of /** @type {Tier[]} */ (["exact", "preview"])) {
      const known = this.pictures.known(track, frame, tier);
      const isHere = known?.codes || (place && this.blocks.has(place, tier));
      if (isHere) return known?.codes ?? (await this.pictures.load(track, frame, false, tier)).codes;
    }
    return null;
  }

  // One picture, or more, beside those that are shown: see the loaders that these belong to

  /** @type {PictureLoader["loadSingle"]} */
  loadSingle(track, frame, signal) {
    return this.pictures.loadSingle(track, frame, signal);
  }

  /** @type {PictureLoader["stills"]} */
  stills(track, frame, count, signal) {
    return this.pictures.stills(track, frame, count, signal);
  }

  /** @type {BlockLoader["coded"]} */
  coded(track, frame) {
    return this.blocks.coded(track, frame);
  }

  /** @type {PackReader["column"]} */
  column(pack, name, signal) {
    return this.packs.column(pack, name, signal);
  }

  /** @type {PackReader["codedColumn"]} */
  codedColumn(track, name, first, last) {
    return this.packs.codedColumn(track, name, first, last);
  }

  /** @type {PackReader["weight"]} */
  weight(track, first, last, columns) {
    return this.packs.weight(track, first, last, columns);
  }

  /** Whether the bytes of a frame are in memory for every track, in the tier that is requested. @param {number} frame @param {number} fps */
  hasBytes(frame, fps) {
    const tier = this.tierOf(frame, fps);
    return this.tracks.every((track) => {
      const place = placeOf(track, frame);
      return !place || this.blocks.has(place, "exact") || this.blocks.has(place, tier);
    });
  }

  /** The frames whose bytes are in memory for every track, as [first, one past the last) spans. @param {number} nFrames */
  loadedSpans(nFrames) {
    const hasBlock = (/** @type {import("./blocks.mjs").BlockPlace} */ place) =>
      this.blocks.has(place, "exact") || this.blocks.has(place, "preview");
    return loadedSpans(this.tracks, nFrames, hasBlock);
  }

  /** Stops everything and frees all memory. */
  close() {
    this.isClosed = true;
    this.aim += 1;
    this.closing.abort();
    this.alone.abort.abort();
    this.idle.abort();
    this.blocks.close();
    this.pictures.close();
    this.packs.clear();
  }
}
