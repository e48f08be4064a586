// @ts-check
/**
 * Aligns the depths on the screen to the truth, or to a configuration: with one fit for the clip, from frames spread over it, or
 * with one for each frame. The stage then shows, compares and probes the aligned values.
 */

import { alignmentText, fit, KIND_TITLES, KINDS } from "../drawing/alignment.mjs";
import { codeOf, physicalValue } from "../drawing/colour.mjs";
import { isSky, isUnknown, plansOf, referenceOf } from "../drawing/compose.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { UNREACHABLE } from "../frames/fetch.mjs";
import { NOT_LOADED } from "../frames/picture_loader.mjs";
import { sourceOf } from "../player/context.mjs";

/** Frames of the clip that its fit uses, evenly spread. */
const CLIP_FRAMES = 16;
/** A frame that could not be fetched, and one whose fetch was cancelled for another, is asked for again after this. */
const RETRY_MS = { unreachable: 4500, cancelled: 100 };
/** Pixels of a frame that a fit uses, evenly spread; of a clip's frame fewer. */
const FRAME_PIXELS = 1 << 13;
const CLIP_PIXELS = 1 << 12;

/**
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {import("../player/context.mjs").Context} Context
 * @typedef {import("../drawing/alignment.mjs").Alignment} Alignment
 */

/**
 * The alignment that is chosen; without a choice the one that the relative depths need.
 * @param {Pick<Context, "view" | "data">} context
 * @returns {{kind: import("../drawing/alignment.mjs").Kind, per: "clip" | "frame", to: string}}
 */
export function chosenAlignment({ view, data }) {
  const { kind, per, to } = view.state.align;
  return { kind: kind === "auto" ? (data.alignBy ?? "none") : kind, per, to };
}

/** Whether values of a domain are depths, which can be aligned. @param {import("../drawing/colour.mjs").Domain} domain */
export function isDepth({ name, channels, scale }) {
  return channels === 1 && (name === "depth" || scale === "log");
}

/**
 * The pane that a pane is aligned to; -1: to none, as it is no prediction of a depth, or the reference itself.
 * @param {Pane[]} panes @param {number} index @param {string} chosen "auto": truth, else A; else a letter or "truth"
 */
export function alignedTo(panes, index, chosen) {
  const pane = panes[index];
  if (!isAlignable(pane)) return -1;
  // The difference of two is that of the aligned ones: what it shows is B, which stands in a pane of its own.
  const own =
    pane.role === "difference" ? panes.findIndex(({ key, role }) => key === pane.key && role !== "difference") : index;
  if (own < 0) return -1;
  const found = referenceOf(panes, own, chosen);
  return found === own ? -1 : found;
}

/** @param {Pane} pane */
function isAlignable({ role, domain }) {
  return ["prediction", "readout", "difference"].includes(role) && isDepth(domain);
}

/**
 * Whether a pane would be aligned, but what it is to be aligned to shows no depth of its domain.
 * @param {Pane[]} panes @param {number} index @param {string} chosen as in `alignedTo`
 */
export function lacksReference(panes, index, chosen) {
  const { name } = panes[index].domain;
  const isShown = panes.some((pane) => sourceOf(pane) === chosen && pane.domain.name === name);
  return chosen !== "auto" && isAlignable(panes[index]) && !isShown;
}

/** The values of evenly spread pixels; NaN where unknown. @param {ImageData} image @param {import("../drawing/compose.mjs").Plan} plan @param {number} most */
function valuesOf(image, plan, most) {
  const pixels = rgba32Of(image);
  const step = Math.ceil(pixels.length / most);
  return Float64Array.from({ length: Math.ceil(pixels.length / step) }, (_, i) => {
    const pixel = pixels[i * step];
    const isValue = !isUnknown(plan, plan.domain, pixel) && !isSky(plan.domain, pixel);
    return isValue ? physicalValue(plan.domain, codeOf(plan.domain, pixel) / 255) : NaN;
  });
}

/** Whether a picture that has not come may come yet. @param {import("../frames/frame_loader.mjs").Picture} picture */
function isPassing({ error }) {
  return error === UNREACHABLE || error === NOT_LOADED;
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @param {Context} context @returns {import("../player/context.mjs").Part} */
export function aligning(context) {
  const { stage } = context;
  /** Fits of frames, by picture of the pane, then of the reference. @type {WeakMap<ImageData, Map<string, Alignment>>} */
  let ofFrame = new WeakMap();
  let abort = new AbortController();
  /** The last frame that was ready when fits were begun. */
  let ready = -1;

  const forget = () => {
    abort.abort();
    abort = new AbortController();
    stage.clipFits = new Map();
    ofFrame = new WeakMap();
  };

  /** Fit what the clip's frames say of two panes. @param {string} name @param {number} index @param {number} to */
  const fitClip = async (name, index, to) => {
    const { signal } = abort;
    const { kind } = chosenAlignment(context);
    const panes = [stage.panes[index], stage.panes[to]];
    const plans = plansOf(panes, { diff: null, reach: {}, maps: {} });
    const { firstReady, lastReady } = context.clip;
    const count = Math.min(CLIP_FRAMES, lastReady - firstReady + 1);
    const frames = Array.from({ length: count }, (_, i) =>
      Math.round(firstReady + ((lastReady - firstReady) * i) / Math.max(count - 1, 1)),
    );
    /** @type {number[][]} */
    const [own, reference] = [[], []];
    for (const frame of frames) {
      let found = await Promise.all(panes.map((pane) => context.frames.loadSingle(pane, frame, signal)));
      // From fewer frames the fit would be another one, and it is kept: what may still come is waited for.
      while (!signal.aborted && !context.isDestroyed && found.some(isPassing)) {
        await pause(found.some(({ error }) => error === UNREACHABLE) ? RETRY_MS.unreachable : RETRY_MS.cancelled);
        found = await Promise.all(panes.map((pane) => context.frames.loadSingle(pane, frame, signal)));
      }
      if (signal.aborted || context.isDestroyed) return;
      const [a, b] = found.map(({ codes }, i) => codes && valuesOf(codes, plans[i], CLIP_PIXELS));
      if (!a || !b || a.length !== b.length) continue;
      own.push(...a);
      reference.push(...b);
    }
    stage.clipFits.set(name, fit(kind, own, reference));
    context.position.repaint();
  };

  /** @param {number} index @param {number} to @param {(import("../frames/frame_loader.mjs").Picture | null)[]} pictures @returns {Alignment | null} */
  const fitOf = (index, to, pictures) => {
    const { kind, per } = chosenAlignment(context);
    const name = `${kind} ${stage.panes[index].key} ${stage.panes[to].key}`;
    if (per === "clip") {
      const known = context.data.alignments?.[name]; // the one that the plotted errors were computed with
      if (known) return known;
      if (!stage.clipFits.has(name)) {
        stage.clipFits.set(name, null);
        const { signal } = abort;
        fitClip(name, index, to).catch(async () => {
          await pause(RETRY_MS.unreachable);
          if (signal.aborted || context.isDestroyed) return;
          stage.clipFits.delete(name); // the next painting begins it again
          context.position.repaint();
        });
      }
      return stage.clipFits.get(name) ?? null;
    }
    const [own, reference] = [pictures[index]?.codes, pictures[to]?.codes];
    if (!own || !reference || own.data.length !== reference.data.length) return null;
    const known = ofFrame.get(own) ?? new Map();
    ofFrame.set(own, known);
    if (!known.has(name)) {
      const plans = plansOf([stage.panes[index], stage.panes[to]], { diff: null, reach: {}, maps: {} });
      const [a, b] = [own, reference].map((image, i) => valuesOf(image, plans[i], FRAME_PIXELS));
      known.set(name, fit(kind, a, b));
    }
    return known.get(name) ?? null;
  };

  stage.aligner = (pictures) => {
    const { kind, per, to: chosen } = chosenAlignment(context);
    if (kind === "none") return { found: [], texts: [] };
    const { panes } = stage;
    const found = panes.map((_, index) => {
      const to = alignedTo(panes, index, chosen);
      const fitted = to < 0 ? null : fitOf(index, to, pictures);
      return fitted && { ...fitted, to };
    });
    const texts = panes.map((_, index) => {
      const to = alignedTo(panes, index, chosen);
      if (to < 0) return lacksReference(panes, index, chosen) ? `not aligned: ${chosen} is not shown` : "";
      const fitted = found[index];
      const named = { to: panes[to].letter || "truth", per, unit: panes[to].domain.unit };
      return fitted ? alignmentText(fitted, named) : "aligning …";
    });
    return { found, texts };
  };

  return {
    commands: () =>
      stage.panes.some((_, index) => alignedTo(stage.panes, index, "auto") >= 0)
        ? KINDS.map((kind) => ({
            help: `align depth: ${KIND_TITLES[kind]}`,
            words: "alignment scale shift relative metric inverse disparity",
            state: chosenAlignment(context).kind === kind ? "on" : "",
            run: () => context.view.change({ align: { ...chosenAlignment(context), kind } }),
          }))
        : [],
    view: (state, before) => {
      if (JSON.stringify(state.align) !== JSON.stringify(before.align)) context.position.repaint();
    },
    update: (_data, isNewClip) => {
      if (isNewClip || context.clip.lastReady !== ready) forget();
      ready = context.clip.lastReady;
    },
    destroy: () => abort.abort(),
  };
}

/** What the alignment can be taken to: the truth and the configurations whose depth is shown. @param {Pane[]} panes @param {string} domain its name */
export function alignmentReferences(panes, domain) {
  const shown = panes.filter(
    ({ role, domain: own }) => own.name === domain && ["truth", "prediction", "readout"].includes(role),
  );
  return new Map(shown.map((pane) => [sourceOf(pane), pane.letter || pane.title]));
}
