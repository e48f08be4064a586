// @ts-check
/**
 * How each pane is drawn: its codes as they are, in the colours of a map, or as the difference from another pane. Pure.
 *
 * The plan of a pane holds a table from codes to colours, made once per view; `drawPlan` is one loop over it.
 * Pixels are rgba32: RGBA as one number, R the lowest byte. A scalar domain has its code in R, G and B alike: `pixel & 255`.
 */

import { sourceOf } from "../player/context.mjs";
import { parseable } from "../ui/numbers.mjs";
import {
  codeOf,
  colourAt,
  drawTable,
  lookupTable,
  mapName,
  mapPosition,
  muted,
  physicalValue,
  rgba32,
  tableOf,
} from "./colour.mjs";
import { energyScale } from "./energy_scale.mjs";

/** Drawn where a value is unknown: transparent, so that the page shows. */
const UNKNOWN = 0;
/** Steps of the table over sin(angle / 2): 0.06 degrees near 0, where precision matters most. */
const ANGLE_STEPS = 2048;
/** Vectors of a smaller squared length have no direction: unknown truth is (0, 0, 0). */
const NO_DIRECTION = 0.01;
/** The difference at the strongest colour, by default: degrees, %, a share of the range. */
const DEFAULT_REACH = { angle: 30, relative: 30, shareOfRange: 0.25 };

/**
 * @typedef {import("./colour.mjs").Scale} Scale
 * @typedef {import("./colour.mjs").Domain} Domain
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {"angle" | "relative" | "signed" | "mean"} Measure
 * @typedef {{kind: "codes" | "table" | "muted" | Measure, table: Uint32Array | null, reference: number, scale: Scale | null,
 *   role: "" | "compared" | "reference" | "apart", unknown: number, domain: Domain,
 *   painter?: PairPainter | null, isMuted?: boolean}} Plan
 *   domain: what the codes mean, of an aligned depth after the alignment; reference: index of the pane compared with, -1: none; scale: what the colours mean, null: they are the codes;
 *   unknown: the codes of a pixel without a value, -1: there are none
 *   painter: draws differences of 16-bit codes
 * @typedef {(from: Uint32Array, other: Uint32Array, to: Uint32Array, isMuted: boolean) => void} PairPainter
 * @typedef {{map: string | null, lo: number | null, hi: number | null}} Chosen by the viewer for a scalar domain; null: its own
 * @typedef {{diff: string | null, reach: Record<string, number>, maps: Record<string, Chosen>}} Drawing part of a view state
 * @typedef {{rgba32: Uint32Array, unknown: number}} Pixels `unknown` as in a Plan
 */

/** How two values of a domain are compared. @param {Domain} domain @returns {Measure} */
export function measureOf(domain) {
  if (domain.channels === 3) return domain.meaning === "direction" ? "angle" : "mean";
  return domain.scale === "log" && domain.lo > 0 ? "relative" : "signed";
}

/** The default range of a domain's differences. @param {Domain} domain */
export function defaultReach(domain) {
  const measure = measureOf(domain);
  if (measure === "angle") return DEFAULT_REACH.angle;
  if (measure === "relative") return DEFAULT_REACH.relative;
  return Number(((domain.hi - domain.lo) * DEFAULT_REACH.shareOfRange).toPrecision(2)) || 1;
}

/**
 * The scale of differences: around zero, or from zero where they have no sign.
 * @param {Domain} domain @param {number} reach
 * @returns {Scale}
 */
export function differenceScale(domain, reach) {
  const measure = measureOf(domain);
  const unit = { angle: "°", relative: "%", signed: domain.unit, mean: domain.unit }[measure];
  const isSigned = measure === "relative" || measure === "signed";
  return { lo: isSigned ? -reach : 0, hi: reach, scale: "linear", unit, colour_map: isSigned ? "diverging" : "magma" };
}

/** The scale in which a scalar domain is shown: as chosen, else over the range of the clip; where that is empty, its own. @param {Domain} domain @param {Chosen} [chosen] @returns {Scale} */
export function shownScale(domain, chosen) {
  const { lo, hi, scale, unit, colour_map, shown } = domain;
  const range = { lo: chosen?.lo ?? shown?.[0] ?? lo, hi: chosen?.hi ?? shown?.[1] ?? hi };
  return { ...(range.lo < range.hi ? range : { lo, hi }), scale, unit, colour_map: chosen?.map ?? colour_map };
}

/**
 * The pane that pane `index` is compared with; -1: none shows its domain.
 * @param {Pane[]} panes @param {number} index @param {string} chosen "auto": truth, else A; else a letter or "truth"
 */
export function referenceOf(panes, index, chosen) {
  const own = panes[index].domain.name;
  if (panes[index].role === "difference") return panes.findIndex(({ id }) => id === "A");
  const same = panes.map((pane, at) => ({ pane, at })).filter(({ pane }) => pane.domain.name === own);
  if (same.length < 2) return -1;
  const found =
    chosen === "auto"
      ? (same.find(({ pane }) => pane.role === "truth") ?? same.find(({ pane }) => pane.letter === "A") ?? same[0])
      : same.find(({ pane }) => sourceOf(pane) === chosen);
  return found?.at ?? -1;
}

/**
 * The pane with which pane `index` flickers: A with B, the other letters with A, in the same role. A pane without a letter
 * stays as it is, unless it is shown alone: then the input flickers with A, and a truth with A's prediction or readout,
 * whichever its row holds.
 * @param {Pane[]} panes @param {number} index @param {boolean} isAlone
 */
export function partnerIn(panes, index, isAlone) {
  const { id, letter, role, row } = panes[index];
  if (!letter && !isAlone) return index;
  const hasPredictions = role === "input" || panes.some((pane) => pane.role === "prediction" && pane.row === row);
  const wanted = letter ? role : hasPredictions ? "prediction" : "readout";
  const other = letter === "A" ? "B" : "A";
  // A sheet shows several domains of each letter, which its ids tell apart.
  const twin = letter ? panes.findIndex((pane) => pane.id === `${other}${String(id).slice(1)}`) : -1;
  const at = twin < 0 ? panes.findIndex((pane) => pane.letter === other && pane.role === wanted) : twin;
  return at < 0 ? index : at;
}

/** rgba32, little-endian: a grey of no map. */
const UNSEEN = 0xff808080;

/**
 * The domain of a pane after its alignment: values in the reference's unit and range.
 * @param {Domain} own @param {import("./alignment.mjs").Fitted | null} [fitted] @param {Domain} [reference]
 * @returns {Domain}
 */
export function alignedDomain(own, fitted, reference) {
  if (!fitted || !reference || fitted.kind === "none" || fitted.problem) return own;
  const { name, channels, meaning, invalid, colour_map, bits, sky } = own;
  const { lo, hi, scale, unit, shown } = reference;
  const coded = { lo: own.lo, hi: own.hi, scale: own.scale };
  return {
    ...{ name, channels, meaning, invalid, colour_map, bits, sky },
    ...{ lo, hi, scale, unit, shown, coded, alignment: fitted },
  };
}

/**
 * How each pane is drawn.
 * @param {Pane[]} panes @param {Drawing} look @param {(import("./alignment.mjs").Fitted | null)[]} [alignments] by pane
 * @returns {Plan[]}
 */
export function plansOf(panes, { diff, reach, maps }, alignments = []) {
  const made = new Map();
  const domains = panes.map(({ domain }, index) => {
    const fitted = alignments[index];
    return alignedDomain(domain, fitted, fitted ? panes[fitted.to]?.domain : undefined);
  });
  return panes.map((pane, index) => {
    const domain = domains[index];
    // The difference of B from A is one whatever the others are compared with, and maps of trust never are.
    const isMap = ["energy", "stability", "confidence"].includes(pane.role);
    const wanted = pane.role === "difference" ? "A" : isMap ? null : diff;
    const reference = wanted === null ? -1 : referenceOf(panes, index, wanted);
    const role = wanted === null ? "" : reference < 0 ? "apart" : reference === index ? "reference" : "compared";
    // Codes of 16 bits keep one for what is unknown; of 8 bits only some tracks do.
    const hasUnknown = ["truth", "stability", "confidence"].includes(pane.role) || domain.bits === 16;
    const unknown = hasUnknown ? unknownCodes(domain) : -1;
    if (role !== "compared") {
      const own = pane.role === "energy" ? energyScale(domain, { maps }) : shownScale(domain, maps[domain.name]);
      const scale = domain.channels === 1 ? own : null;
      const found = scale && shownTable(domain, scale);
      const table = found && ["stability", "confidence"].includes(pane.role) ? withUnseen(found, unknown) : found;
      if (table && domain.bits === 16 && unknown >= 0) table[0] = UNKNOWN;
      return { kind: table ? "table" : "codes", table, reference: -1, scale, role, unknown, domain };
    }
    const scale = differenceScale(domain, reach[domain.name] ?? defaultReach(domain));
    const kind = measureOf(domain);
    const other = domains[reference];
    const values = JSON.stringify([domain, other]); // many panes share one table
    // The pairs of two times 16 bits have no table.
    const isDeep = domain.bits === 16 || other.bits === 16;
    if (!made.has(values))
      made.set(
        values,
        isDeep ? differencePainter(domain, other, kind, scale) : differenceTable(domain, other, kind, scale),
      );
    const [table, painter] = isDeep ? [rampOf(scale.colour_map), made.get(values)] : [made.get(values), null];
    return { kind, table, painter, reference, scale, role, unknown, domain };
  });
}

/** The codes of a pixel without a value; -1: there are none. @param {Domain} domain */
function unknownCodes({ channels, invalid, bits }) {
  if (typeof invalid !== "number") return -1;
  if (bits === 16) return invalid === 0 ? 0 : -1;
  const code = Math.round(255 * invalid);
  return channels === 3 ? code | (code << 8) | (code << 16) : code;
}

/** Grey where nothing was seen before, whose code would have the colour of the strongest change. @param {Uint32Array} table @param {number} code */
function withUnseen(table, code) {
  const made = Uint32Array.from(table);
  if (code >= 0) made[code] = UNSEEN;
  return made;
}

/** Colours of maps at 1024 positions, rgba32. @type {Map<string, Uint32Array>} */
const ramps = new Map();

/** @param {string} name */
function rampOf(name) {
  const known = ramps.get(name);
  if (known) return known;
  const ramp = Uint32Array.from({ length: 1024 }, (_, i) => {
    const [r, g, b] = colourAt(mapName(name), i / 1023);
    return rgba32(r, g, b);
  });
  ramps.set(name, ramp);
  return ramp;
}

/** The colour of a physical value. @param {Uint32Array} ramp @param {Scale} scale @param {number} value */
function colourOf(ramp, scale, value) {
  const position = mapPosition(scale, positionOf(scale, value));
  return ramp[Math.round(1023 * Math.min(Math.max(position, 0), 1))];
}

/** The position of a physical value between lo (0) and hi (1). @param {Pick<Scale, "lo" | "hi" | "scale">} scale @param {number} value */
function positionOf({ lo, hi, scale }, value) {
  if (scale === "log" && lo > 0 && value > 0) return Math.log(value / lo) / Math.log(hi / lo);
  return (value - lo) / (hi - lo);
}

/** From code to colour in the scale shown; null: the codes are the colours. @param {Domain} domain @param {Scale} scale */
export function shownTable(domain, scale) {
  const isOwn = scale.lo === domain.lo && scale.hi === domain.hi && !domain.alignment && domain.bits !== 16;
  if (isOwn) return lookupTable(scale);
  const ramp = rampOf(scale.colour_map);
  return tableOf(Uint32Array, domain, (value01) => colourOf(ramp, scale, physicalValue(domain, value01)));
}

/**
 * From code to colour of an overlay: transparent below the value `from`, above it the colours of the scale.
 * @param {Domain} domain @param {Scale} scale @param {{opacity: number, from: number}} overlay
 */
export function overlayTable(domain, scale, { opacity, from }) {
  const ramp = rampOf(scale.colour_map);
  const alpha = Math.round(255 * opacity) << 24;
  return Uint32Array.from({ length: 256 }, (_, code) => {
    const value = physicalValue(domain, code / 255);
    return value >= from ? ((colourOf(ramp, scale, value) & 0xffffff) | alpha) >>> 0 : UNKNOWN;
  });
}

/** @param {Domain} domain @param {Domain} other of the reference @param {Measure} measure @param {Scale} scale */
function differenceTable(domain, other, measure, scale) {
  const ramp = rampOf(scale.colour_map);
  if (measure === "angle") {
    return Uint32Array.from({ length: ANGLE_STEPS + 1 }, (_, i) =>
      colourOf(ramp, scale, (2 * Math.asin(i / ANGLE_STEPS) * 180) / Math.PI),
    );
  }
  if (measure === "mean") {
    return Uint32Array.from({ length: 766 }, (_, sum) => colourOf(ramp, scale, ((domain.hi - domain.lo) * sum) / 765));
  }
  const [values, others] = [domain, other].map((one) =>
    Float64Array.from({ length: 256 }, (_, code) => physicalValue(one, code / 255)),
  );
  const table = new Uint32Array(65536);
  for (let i = 0; i < 65536; i += 1) {
    table[i] = colourOf(ramp, scale, scalarDifference(measure, values[i & 255], others[i >> 8]));
  }
  return table;
}

/**
 * Draws differences pixel by pixel; blank where either is unknown, or sky in both.
 * @param {Domain} domain @param {Domain} other @param {Measure} measure @param {Scale} scale @returns {PairPainter}
 */
function differencePainter(domain, other, measure, scale) {
  const ramp = rampOf(scale.colour_map);
  const mutedRamp = mutedTable(ramp);
  const [own, theirs] = [domain, other].map((one) => {
    const values = tableOf(Float64Array, one, (value01) => physicalValue(one, value01));
    if (one.bits === 16 && one.invalid === 0) values[0] = NaN;
    if (one.bits === 16 && one.sky === 1) values[65535] = NaN; // as far as anything: no number
    return values;
  });
  const at = (/** @type {Float64Array} */ values, /** @type {number} */ pixel) =>
    values[values.length > 256 ? ((pixel & 255) << 8) | ((pixel >> 8) & 255) : pixel & 255];
  return (from, reference, to, isMuted) => {
    const colours = isMuted ? mutedRamp : ramp;
    for (let i = 0; i < from.length; i += 1) {
      const difference = scalarDifference(measure, at(own, from[i]), at(theirs, reference[i]));
      to[i] = Number.isNaN(difference) ? UNKNOWN : colourOf(colours, scale, difference);
    }
  };
}

/** @param {Measure} measure @param {number} value @param {number} reference */
function scalarDifference(measure, value, reference) {
  return measure === "relative" ? (100 * (value - reference)) / reference : value - reference;
}

/**
 * The difference of a pixel from the reference's, in the unit of `differenceScale`; NaN where a direction is unknown.
 * @param {Domain} domain @param {number} pixel @param {number} other of the reference @param {Domain} [otherDomain]
 */
export function differenceOf(domain, pixel, other, otherDomain = domain) {
  const measure = measureOf(domain);
  const value = (/** @type {number} */ code) => physicalValue(domain, code / 255);
  if (isSky(domain, pixel) || isSky(otherDomain, other)) return NaN;
  if (measure === "angle") {
    const [a, b] = [channels(pixel).map(value), channels(other).map(value)];
    const dot = (/** @type {number[]} */ p, /** @type {number[]} */ q) => p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
    if (Math.min(dot(a, a), dot(b, b)) < NO_DIRECTION) return NaN;
    const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    return (Math.acos(Math.min(Math.max(cosine, -1), 1)) * 180) / Math.PI;
  }
  if (measure === "mean") {
    const [a, b] = [channels(pixel), channels(other)];
    return ((domain.hi - domain.lo) * a.reduce((sum, code, i) => sum + Math.abs(code - b[i]), 0)) / 765;
  }
  return scalarDifference(
    measure,
    value(codeOf(domain, pixel)),
    physicalValue(otherDomain, codeOf(otherDomain, other) / 255),
  );
}

/** Whether a pixel is infinitely far. @param {{sky?: number | null, bits?: number}} domain @param {number} pixel */
export function isSky(domain, pixel) {
  return typeof domain.sky === "number" && codeOf(domain, pixel) === 255 * domain.sky;
}

/** The codes of R, G and B. @param {number} pixel */
export function channels(pixel) {
  return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
}

/**
 * Whether a pixel has no value.
 * @param {{unknown: number}} plan @param {{channels: number, bits?: number}} domain @param {number} pixel
 */
export function isUnknown({ unknown }, domain, pixel) {
  const mask = domain.channels === 3 ? 0xffffff : domain.bits === 16 ? 0xffff : 255;
  return unknown >= 0 && (pixel & mask) === unknown;
}

/**
 * Draws the pixels of one pane.
 * @param {Plan} plan @param {Uint32Array} from @param {Uint32Array | null} other of the reference, as long as `from`
 * @param {number} unknownOther codes of the reference's pixels without a value, -1: there are none
 * @param {Uint32Array} to
 */
export function drawPlan({ kind, table, unknown, painter = null, isMuted = false }, from, other, unknownOther, to) {
  if (kind === "muted") drawMuted(from, to);
  else if (!table) to.set(from);
  else if (!other || kind === "codes" || kind === "table") drawTable(table, from, to);
  else if (painter) painter(from, other, to, isMuted);
  else if (kind === "angle") drawAngles(table, from, other, to);
  else if (kind === "mean") drawMeans(table, from, other, to, unknown, unknownOther);
  else drawPairs(table, from, other, to, unknown, unknownOther);
}

/**
 * Blends the energies' colours over drawn pixels.
 * @param {Uint32Array} table from `overlayTable` @param {Uint32Array} energies as long as `to` @param {Uint32Array} to
 */
export function drawOver(table, energies, to) {
  for (let i = 0; i < to.length; i += 1) {
    const top = table[energies[i] & 255];
    const alpha = top >>> 24;
    if (alpha === 0) continue;
    const under = to[i];
    if (alpha === 255 || under === UNKNOWN) {
      to[i] = top;
      continue;
    }
    // Red and blue are blended together: with green left out, neither overflows into the other.
    const share = alpha + (alpha >> 7); // of 256
    const redBlue = (((under & 0xff00ff) * (256 - share) + (top & 0xff00ff) * share) >>> 8) & 0xff00ff;
    const green = (((under & 0xff00) * (256 - share) + (top & 0xff00) * share) >>> 8) & 0xff00;
    to[i] = (0xff000000 | redBlue | green) >>> 0;
  }
}

/** @param {Uint32Array} from @param {Uint32Array} to */
function drawMuted(from, to) {
  for (let i = 0; i < from.length; i += 1) {
    const pixel = from[i];
    const r = pixel & 255;
    const g = (pixel >> 8) & 255;
    const b = (pixel >> 16) & 255;
    // `muted` of colour.mjs, written out: an array for each pixel would be many times slower.
    const grey = 3 * ((77 * r + 150 * g + 29 * b) >> 8);
    to[i] = (0xff000000 | (((grey + b) >> 2) << 16) | (((grey + g) >> 2) << 8) | ((grey + r) >> 2)) >>> 0;
  }
}

/** A table with its colours muted. @param {Uint32Array} table */
function mutedTable(table) {
  return table.map((pixel) => {
    const [r, g, b] = muted(channels(pixel));
    return pixel === UNKNOWN ? UNKNOWN : rgba32(r, g, b);
  });
}

/** The plan under an overlay, which has colours of its own: one colour scale at a time. @param {Plan} plan @param {Domain} domain @returns {Plan} */
export function underOverlay(plan, domain) {
  if (plan.table) return { ...plan, table: mutedTable(plan.table), isMuted: true };
  return plan.kind === "codes" && domain.channels === 3 ? { ...plan, kind: "muted" } : plan;
}

/** @param {Uint32Array} table @param {Uint32Array} from @param {Uint32Array} other @param {Uint32Array} to @param {number} unknown @param {number} unknownOther */
function drawPairs(table, from, other, to, unknown, unknownOther) {
  for (let i = 0; i < from.length; i += 1) {
    const a = from[i] & 255;
    const b = other[i] & 255;
    to[i] = a === unknown || b === unknownOther ? UNKNOWN : table[(b << 8) | a];
  }
}

/** @param {Uint32Array} table @param {Uint32Array} from @param {Uint32Array} other @param {Uint32Array} to @param {number} unknown @param {number} unknownOther */
function drawMeans(table, from, other, to, unknown, unknownOther) {
  for (let i = 0; i < from.length; i += 1) {
    const a = from[i];
    const b = other[i];
    const sum =
      Math.abs((a & 255) - (b & 255)) +
      Math.abs(((a >> 8) & 255) - ((b >> 8) & 255)) +
      Math.abs(((a >> 16) & 255) - ((b >> 16) & 255));
    to[i] = (a & 0xffffff) === unknown || (b & 0xffffff) === unknownOther ? UNKNOWN : table[sum];
  }
}

/** A code of a direction n is 255 (n + 1) / 2, so that 2 code - 255 is parallel to n. @param {Uint32Array} table @param {Uint32Array} from @param {Uint32Array} other @param {Uint32Array} to */
function drawAngles(table, from, other, to) {
  const shortest = NO_DIRECTION * 255 * 255;
  for (let i = 0; i < from.length; i += 1) {
    const a = from[i];
    const b = other[i];
    const ax = 2 * (a & 255) - 255;
    const ay = 2 * ((a >> 8) & 255) - 255;
    const az = 2 * ((a >> 16) & 255) - 255;
    const bx = 2 * (b & 255) - 255;
    const by = 2 * ((b >> 8) & 255) - 255;
    const bz = 2 * ((b >> 16) & 255) - 255;
    const aa = ax * ax + ay * ay + az * az;
    const bb = bx * bx + by * by + bz * bz;
    if (aa < shortest || bb < shortest) {
      to[i] = UNKNOWN;
      continue;
    }
    const cosine = (ax * bx + ay * by + az * bz) / Math.sqrt(aa * bb);
    // Near 0, where angles are compared, sin(angle / 2) resolves them and the cosine does not.
    to[i] = table[(Math.sqrt(Math.max(0, 0.5 - 0.5 * cosine)) * ANGLE_STEPS + 0.5) | 0];
  }
}

/**
 * What a compared pane shows.
 * @param {Domain} domain @param {string} reference its name
 */
export function differenceText(domain, reference) {
  const measure = measureOf(domain);
  if (measure === "angle") return `angle to ${reference}`;
  if (measure === "relative") return `± % of ${reference}`;
  return measure === "mean" ? `mean |difference| to ${reference}` : `minus ${reference}`;
}

/**
 * The range that holds all but the largest 2 % of the differences of a frame; null where there are none.
 * @param {Domain} domain @param {Pixels} own @param {Pixels} other @param {Domain} [otherDomain]
 */
export function reachOf(domain, own, other, otherDomain = domain) {
  const values = [];
  const step = Math.max(1, Math.floor(own.rgba32.length / 4096));
  for (let i = 0; i < own.rgba32.length; i += step) {
    const [a, b] = [own.rgba32[i], other.rgba32[i]];
    if (isUnknown(own, domain, a) || isUnknown(other, domain, b)) continue;
    const value = Math.abs(differenceOf(domain, a, b, otherDomain));
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  return Number(parseable(values[Math.floor(0.98 * (values.length - 1))])) || null;
}
