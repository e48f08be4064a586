// @ts-check
/**
 * The energy of a part of the picture, a box or one pixel, through all frames: at once from the stored means of a grid of
 * blocks, then exactly from the per-pixel energies as they arrive.
 *
 * Shift + drag draws, Shift + click selects a pixel; M makes the next drag draw and puts a box under the arrow keys.
 */

import { energies, rawConstants } from "../plots/energy.mjs";
import { DRAG_ENDS, element, listener, worded } from "../ui/dom.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { CLICK_PX } from "./zoom.mjs";

/** Frames of one request of per-pixel energies. */
const STILLS = 16;
/** The curves are redrawn this often while exact values arrive, ms; less often for many frames, which take longer. */
const REDRAW_MS = { least: 200, perFrame: 0.5 };
/** Pixels are read when the picture has not changed for so long: play and scrubbing come first. */
const QUIET_MS = 100;
/** Quiet time after the last change of the box before pixels are requested. */
const SETTLE_MS = 250;
/** Pixels that an arrow key moves a box, and the share of the picture that a new one takes. */
const KEY_PX = 4;
const FIRST_SHARE = 0.5;

/**
 * @typedef {import("../player/context.mjs").Context} Context
 * @typedef {import("../player/context.mjs").Energy} Energy
 * @typedef {import("../frames/frame_loader.mjs").Pack} Pack
 * @typedef {{track: Energy, pack: Pack, name: string}} Block means of all blocks of the frames of one pack
 * @typedef {[number, number, number, number]} Box left, top, width, height in pixels of the picture
 */

/**
 * The blocks that a box covers, with their shares of it; they sum to 1. A block partly covered counts by the part.
 * @param {Box} box @param {{width: number, height: number}} size of the picture @param {[number, number]} grid rows, columns
 * @returns {{index: number, weight: number}[]} index: row after row
 */
export function blockWeights([x, y, width, height], size, [rows, columns]) {
  const down = overlaps(y, height, size.height, rows);
  const across = overlaps(x, width, size.width, columns);
  return down.flatMap(([row, a]) => across.map(([column, b]) => ({ index: row * columns + column, weight: a * b })));
}

/** @param {number} from @param {number} length @param {number} whole @param {number} count @returns {[number, number][]} */
function overlaps(from, length, whole, count) {
  const step = whole / count;
  const found = /** @type {[number, number][]} */ ([]);
  for (let i = Math.max(Math.floor(from / step), 0); i < count && i * step < from + length; i += 1) {
    const covered = Math.min(from + length, (i + 1) * step) - Math.max(from, i * step);
    if (covered > 0) found.push([i, covered / length]);
  }
  return found;
}

/**
 * Mean of the codes inside a box, as values of a linear domain.
 * @param {{data: ArrayLike<number>, width: number, height: number}} codes @param {Box} box @param {{lo: number, hi: number}} domain
 */
export function meanInside({ data, width }, [x, y, w, h], { lo, hi }) {
  let sum = 0;
  for (let row = y; row < y + h; row += 1) {
    for (let column = x; column < x + w; column += 1) sum += data[4 * (row * width + column)];
  }
  return lo + ((hi - lo) * sum) / (255 * w * h);
}

/**
 * The box of whole pixels that holds both points, inside the picture.
 * @param {{x: number, y: number}} a @param {{x: number, y: number}} b @param {{width: number, height: number}} size
 * @returns {Box}
 */
export function boxBetween(a, b, { width, height }) {
  const clamp = (/** @type {number} */ value, /** @type {number} */ last) =>
    Math.min(Math.max(Math.floor(value), 0), last - 1);
  const [x0, x1] = [clamp(Math.min(a.x, b.x), width), clamp(Math.max(a.x, b.x), width)];
  const [y0, y1] = [clamp(Math.min(a.y, b.y), height), clamp(Math.max(a.y, b.y), height)];
  return [x0, y0, x1 - x0 + 1, y1 - y0 + 1];
}

/** The box inside a picture of that size; at least a pixel. @param {Box} box @param {{width: number, height: number}} size @returns {Box} */
export function insideOf([x, y, w, h], { width, height }) {
  const [wide, high] = [Math.min(Math.max(w, 1), width), Math.min(Math.max(h, 1), height)];
  return [Math.min(Math.max(x, 0), width - wide), Math.min(Math.max(y, 0), height - high), wide, high];
}

/** `pixel 3, 4` or `region 3, 4 to 30, 40`, last pixel included. @param {Box} box */
export function boxName([x, y, w, h]) {
  return w === 1 && h === 1 ? `pixel ${x}, ${y}` : `region ${x}, ${y} to ${x + w - 1}, ${y + h - 1}`;
}

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function regions(context) {
  const own = new Region(context);
  return {
    actions: { region: () => own.begin(), regionClear: () => own.clear() },
    update: (_data, isNewClip) => own.update(isNewClip),
    view: (state, before) => {
      if (String(state.region) !== String(before.region)) own.compute();
      own.place();
    },
    fit: () => own.place(),
    destroy: () => own.destroy(),
  };
}

class Region {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** Ends the requests for block means; null: there are none. @type {AbortController | null} */
    this.requests = null;
    /** Energies of loaded blocks, by pack and scale. @type {Map<string, {cells: Float32Array, grid: [number, number]}>} */
    this.ready = new Map();
    /** Exact values of this box by letter; NaN where not yet. @type {Map<string, Float64Array>} */
    this.exact = new Map();
    this.exactBox = "";
    this.problem = "";
    this.isDrawing = false;
    /** @type {{x: number, y: number, from: {x: number, y: number}, moved: boolean} | null} */
    this.drag = null;
    /** Whether the click is still to come that ends a drag: it is no click on the picture. */
    this.hasDrawn = false;
    /** Ends the reading of pixels. @type {AbortController | null} */
    this.reading = null;
    this.placed = "";
    this.layer = element("div", { class: "region-layer" });
    context.stage.root.append(this.layer);
    /** The pane in which the drag began. */
    this.pane = 0;
    this.button = worded("energy of a region (M; press again for whole frames)", "region", "Region");
    context.ui.toolbar.addTools(this.button);
    const act = () => {
      if (context.view.state.region) this.clear();
      else this.begin();
      if (!context.view.state.region) context.ui.focus();
    };
    this.button.addEventListener("click", act, { signal: context.signal });
    this.listen(context.signal);
  }

  /** Let the next drag draw, and show a box to begin with. */
  begin() {
    const { view, stage, ui } = this.context;
    if (!this.hasEnergies) return ui.announce("no energy is stored for these configurations");
    this.isDrawing = true;
    stage.root.toggleAttribute("data-drawing", true);
    if (!view.state.region) {
      const { width, height } = stage.size;
      const side = (/** @type {number} */ whole) => Math.max(Math.round(whole * FIRST_SHARE), 1);
      const [w, h] = [side(width), side(height)];
      this.choose([Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h]);
    }
    this.place();
    /** @type {HTMLElement | null} */ (this.layer.querySelector(".region"))?.focus({ preventScroll: true });
    ui.announce("drag a box on a picture, or move this one with the arrow keys (Shift: resize); Shift M removes it");
  }

  clear() {
    this.endDrawing();
    this.context.view.change({ region: null });
  }

  /** @param {boolean} isNewClip */
  update(isNewClip) {
    if (isNewClip) {
      this.endRequests();
      this.problem = "";
    }
    const names = new Set(this.packs().map(({ name }) => name));
    for (const name of this.ready.keys()) if (!names.has(name)) this.ready.delete(name);
    // Another choice of tracks or scale: block means stay by their names, pixels are read again.
    this.exact = new Map();
    this.exactBox = "";
    this.compute();
    this.place();
  }

  destroy() {
    this.reading?.abort();
    this.endRequests();
    this.layer.remove();
  }

  // The numbers

  /** @returns {Box | null} */
  get box() {
    const { view, stage } = this.context;
    const { region } = view.state;
    return region && stage.size.width > 0 ? insideOf(region, stage.size) : null;
  }

  get energies() {
    return this.context.data.energies ?? {};
  }

  get hasEnergies() {
    return Object.keys(this.energies).length > 0;
  }

  get isRaw() {
    return this.context.data.scale === "raw";
  }

  /** @param {Box} box */
  choose(box) {
    this.context.view.change({ region: box });
  }

  /** Compute the energies of the box from what is loaded, and request the rest. */
  compute() {
    const { box } = this;
    this.reading?.abort();
    if (!box) {
      this.endRequests();
      this.context.timers.cancel("region");
      this.context.series.setRegion(null);
      return;
    }
    if (this.exactBox !== box.join()) {
      this.exact = new Map();
      this.exactBox = box.join();
    }
    this.loadBlocks();
    this.show();
    if (!this.isRaw && !this.drag) this.context.timers.later("region", SETTLE_MS, () => this.readPixels(box));
  }

  /** Load the missing block means: all configurations of a stretch, then the next, from the frame on the screen on. */
  async loadBlocks() {
    if (this.requests) return; // those load all that is missing
    const requests = new AbortController();
    this.requests = requests;
    try {
      for (;;) {
        const missing = this.packs().filter(({ name }) => !this.ready.has(name));
        const next = missing.filter(({ pack }) => pack.start === missing[0].pack.start);
        if (next.length === 0) break;
        await Promise.all(next.map((one) => this.loadBlock(one, requests.signal)));
        this.context.timers.soon("region-show", () => this.show());
      }
      this.problem = "";
    } catch (error) {
      if (requests.signal.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
      this.context.timers.soon("region-show", () => this.show());
    } finally {
      if (this.requests === requests) this.requests = null;
    }
  }

  /** @param {Block} one @param {AbortSignal} signal */
  async loadBlock({ track, pack, name }, signal) {
    const constants = this.isRaw ? rawConstants(track) : track;
    const { shape, values } = await this.context.frames.column(pack, "blocks", signal);
    signal.throwIfAborted();
    if (shape.length !== 4 || shape[1] !== track.mu.length) throw new Error("the block means do not fit the paths");
    const [frames, paths, rows, columns] = shape;
    const cells = energies(values, [frames, paths, rows * columns], constants);
    this.ready.set(name, { cells, grid: [rows, columns] });
  }

  endRequests() {
    this.requests?.abort();
    this.requests = null;
  }

  /** The packs of all energies, round from the frame on the screen. @returns {Block[]} */
  packs() {
    const found = Object.values(this.energies).flatMap((track) =>
      track.packs.map((pack) => ({ track, pack, name: this.blockName(pack) })),
    );
    const turn = this.turnFrom((/** @type {Block} */ { pack }) => pack.start + pack.n_frames - 1);
    return found.sort((a, b) => turn(a) - turn(b));
  }

  /**
   * Sorts things so that those of the frame on the screen come first, then the later ones, then the earlier ones.
   * @template T @param {(thing: T) => number} lastFrame @returns {(thing: T) => number}
   */
  turnFrom(lastFrame) {
    const { wanted } = this.context.position;
    const { nFrames } = this.context.clip;
    return (thing) => (lastFrame(thing) >= wanted ? lastFrame(thing) : lastFrame(thing) + nFrames);
  }

  /** @param {{url: string}} pack */
  blockName(pack) {
    return `${this.isRaw} ${pack.url}`;
  }

  /** Give the curves what is known of the box. */
  show() {
    const { box, context } = this;
    if (!box) return;
    const { nFrames } = context.clip;
    const byLetter = new Map();
    /** Configurations whose pixels are known, by frame. */
    const exactly = new Uint8Array(nFrames);
    const count = { exact: 0, known: 0, all: 0 };
    const measuredOn = Array.from({ length: nFrames }, () => "");
    for (const [letter, track] of Object.entries(this.energies)) {
      const values = new Float64Array(nFrames).fill(NaN);
      const exact = this.exact.get(letter);
      for (const pack of track.packs) {
        count.all += pack.n_frames;
        const ready = this.ready.get(this.blockName(pack));
        if (!ready) continue;
        const cells = ready.grid[0] * ready.grid[1];
        const weights = blockWeights(box, context.stage.size, ready.grid);
        for (let i = 0; i < pack.n_frames && pack.start + i < nFrames; i += 1) {
          let sum = 0;
          for (const { index, weight } of weights) sum += weight * ready.cells[i * cells + index];
          values[pack.start + i] = sum;
          measuredOn[pack.start + i] = "blocks";
          count.known += 1;
        }
      }
      for (let i = 0; i < nFrames; i += 1) {
        if (!exact || !Number.isFinite(exact[i])) continue;
        exactly[i] += 1;
        values[i] = exact[i];
        count.exact += 1;
      }
      byLetter.set(letter, values);
    }
    // A frame counts as measured on pixels where all configurations are.
    for (let i = 0; i < nFrames; i += 1) if (exactly[i] && exactly[i] === byLetter.size) measuredOn[i] = "pixels";
    const isFinal = Boolean(this.problem) || (this.isRaw ? count.known === count.all : count.exact === count.all);
    context.series.setRegion({
      byLetter,
      name: boxName(box),
      note: `${boxName(box)}${this.status(count)}`,
      measuredOn,
      isFinal,
      progress: [this.isRaw ? count.known : count.exact, count.all],
    });
  }

  /** @param {{exact: number, known: number, all: number}} count of frames of all configurations */
  status({ exact, known, all }) {
    if (this.problem && known + exact < all) return ` (${this.problem})`;
    if (exact === all && all > 0) return this.exactText();
    if (exact > 0) return ` (refining: ${Math.floor((100 * exact) / all)} % exact)`;
    return known < all ? ` (block means, ${Math.floor((100 * known) / Math.max(all, 1))} %)` : " (block means)";
  }

  /** A single pixel is as coarse as it is stored; over many pixels the steps even out. */
  exactText() {
    const [, , w, h] = this.box ?? [0, 0, 0, 0];
    if (w * h !== 1) return " (exact)";
    const { lo, hi, unit } = Object.values(this.energies)[0].domain;
    return ` (± ${withUnit((hi - lo) / 255 / 2, unit)})`;
  }

  /** Replace the means of blocks by those of the pixels, from the frame on the screen on. @param {Box} box */
  async readPixels(box) {
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    const { context } = this;
    let shown = performance.now();
    try {
      for (const [letter, track, frame] of this.order()) {
        const values = this.exact.get(letter) ?? new Float64Array(context.clip.nFrames).fill(NaN);
        this.exact.set(letter, values);
        if (Number.isFinite(values[frame])) continue;
        while (this.isBusy() && !reading.signal.aborted) await new Promise((done) => setTimeout(done, QUIET_MS));
        reading.signal.throwIfAborted();
        const stills = await context.frames.stills(track, frame, STILLS, reading.signal);
        if (this.exactBox !== box.join()) return;
        stills.forEach((codes, i) => {
          const isSame = codes.width === context.stage.size.width && codes.height === context.stage.size.height;
          if (isSame && frame + i < values.length) values[frame + i] = meanInside(codes, box, track.domain);
        });
        if (performance.now() - shown < Math.max(REDRAW_MS.least, REDRAW_MS.perFrame * context.clip.nFrames)) continue;
        shown = performance.now();
        this.show();
      }
    } catch (error) {
      if (reading.signal.aborted || context.isDestroyed) return;
      this.problem = error instanceof Error ? error.message : String(error);
    }
    if (!reading.signal.aborted) this.show();
  }

  /** Frames come first: those that are played, and the lossless one where it stands. */
  isBusy() {
    const { playback, position } = this.context;
    const { lastPaintMs, isExact } = position;
    return playback.isPlaying || !isExact || performance.now() - lastPaintMs < QUIET_MS;
  }

  /**
   * Requests for pixels: all configurations of a stretch of frames, then the next, round from the frame on the screen.
   * @returns {[string, Energy, number][]} letter, track, first frame
   */
  order() {
    /** @type {[string, Energy, number][]} */
    const requests = Object.entries(this.energies).flatMap(([letter, track]) =>
      track.packs.flatMap(({ start, n_frames }) =>
        Array.from(
          { length: Math.ceil(n_frames / STILLS) },
          (_, i) => /** @type {[string, Energy, number]} */ ([letter, track, start + i * STILLS]),
        ),
      ),
    );
    const turn = this.turnFrom((/** @type {[string, Energy, number]} */ [, , first]) => first + STILLS - 1);
    return requests.sort((a, b) => turn(a) - turn(b));
  }

  // The box on the panes

  /** Put the box on every pane. */
  place() {
    const { box, context } = this;
    const { stage } = context;
    const rects = stage.layout?.rects ?? [];
    this.button.setAttribute("aria-pressed", String(box !== null));
    this.button.hidden = !this.hasEnergies;
    const text = JSON.stringify([box, rects, context.view.state.zoom, stage.size]);
    if (text === this.placed) return;
    this.placed = text;
    const shown = rects.flatMap((rect, pane) => (box && rect ? [{ box, rect, pane }] : []));
    while (this.layer.children.length > shown.length) this.layer.lastElementChild?.remove();
    while (this.layer.children.length < shown.length)
      this.layer.append(element("div", { class: "region-pane" }, element("div", { class: "region" })));
    for (const [index, { box: own, rect, pane }] of shown.entries()) {
      const [x, y, w, h] = own;
      const holder = /** @type {HTMLElement} */ (this.layer.children[index]);
      const inner = /** @type {HTMLElement} */ (holder.firstElementChild);
      const from = stage.toCss(pane, x, y);
      const to = stage.toCss(pane, x + w, y + h);
      if (!from || !to) continue;
      Object.assign(holder.style, {
        left: `${rect.x}px`,
        top: `${rect.y}px`,
        width: `${rect.width}px`,
        height: `${rect.height}px`,
      });
      Object.assign(inner.style, {
        left: `${from.left - rect.x}px`,
        top: `${from.top - rect.y}px`,
        width: `${to.left - from.left}px`,
        height: `${to.top - from.top}px`,
      });
      inner.classList.toggle("is-pixel", w === 1 && h === 1);
      if (index > 0) continue;
      // One of them is enough to reach by Tab.
      const label = `${boxName(own)}: arrow keys move it, with Shift they resize it, Delete removes it`;
      for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": label }))
        inner.setAttribute(name, value);
    }
  }

  endDrawing() {
    this.isDrawing = false;
    this.context.stage.root.toggleAttribute("data-drawing", false);
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const { context } = this;
    const { root } = context.stage;
    const on = listener(root, signal);
    // First of all, so that the drag neither pans nor moves a wipe, and its end probes no pixel.
    const first = listener(root, signal, { capture: true });
    first("click", (event) => {
      if (this.hasDrawn) event.stopPropagation();
      this.hasDrawn = false;
    });
    first("pointerdown", (event) => {
      this.hasDrawn = false;
      const control = /** @type {Element} */ (event.composedPath()[0]).closest("button, input, select, [role=slider]");
      const place =
        event.button === 0 &&
        (event.shiftKey || this.isDrawing) &&
        this.hasEnergies &&
        !control &&
        context.stage.at(event.clientX, event.clientY);
      if (!place) return;
      event.preventDefault();
      event.stopPropagation();
      context.ui.focus();
      this.drag = { x: event.clientX, y: event.clientY, from: place, moved: false };
      this.pane = place.pane;
      root.setPointerCapture(event.pointerId);
    });
    on("pointermove", (event) => {
      const { drag } = this;
      if (!drag) return;
      drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > CLICK_PX;
      if (drag.moved) this.choose(boxBetween(drag.from, this.pointUnder(event), context.stage.size));
    });
    for (const name of DRAG_ENDS) {
      on(name, () => {
        const { drag } = this;
        if (!drag) return;
        this.drag = null;
        this.hasDrawn = name === "pointerup";
        this.endDrawing();
        if (name === "pointerup" && !drag.moved) this.choose(boxBetween(drag.from, drag.from, context.stage.size));
        else this.compute(); // now also pixel by pixel
      });
    }
    listener(this.layer, signal)("keydown", (event) => this.onKey(event));
  }

  /** A point of the pane in which the drag began, also beyond its edge. @param {PointerEvent} event */
  pointUnder(event) {
    const { stage } = this.context;
    const rect = stage.layout?.rects[this.pane];
    if (!rect) return { x: 0, y: 0 };
    const box = stage.root.getBoundingClientRect();
    const inside = (/** @type {number} */ value, /** @type {number} */ from, /** @type {number} */ length) =>
      Math.min(Math.max(value, from + 0.01), from + length - 0.01);
    const x = inside(event.clientX, box.left + rect.x, rect.width);
    const y = inside(event.clientY, box.top + rect.y, rect.height);
    return stage.at(x, y) ?? { x: 0, y: 0 };
  }

  /** @param {KeyboardEvent} event while a box has the focus */
  onKey(event) {
    /** @type {Record<string, number[]>} */
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    const isEnd = ["Enter", "Escape"].includes(event.key);
    const isClear = ["Delete", "Backspace"].includes(event.key);
    const { box, context } = this;
    if (!box || (!step && !isEnd && !isClear) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (step) {
      const [dx, dy] = step.map((one) => KEY_PX * one);
      const [x, y, w, h] = box;
      this.choose(insideOf(event.shiftKey ? [x, y, w + dx, h + dy] : [x + dx, y + dy, w, h], context.stage.size));
      return;
    }
    this.endDrawing();
    if (isClear) context.view.change({ region: null });
    context.ui.focus();
  }
}
