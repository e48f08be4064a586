// @ts-check
/** Colour maps: the colours of a scalar domain's codes, and the values that the colours mean. Pure, except `drawCodes`. */

import { aligned } from "./alignment.mjs";

/**
 * Perceptually uniform maps as evenly spaced RGB stops, interpolated linearly between (at most 2 of 255 off the
 * originals). viridis, magma, inferno: matplotlib (CC0), its 256 entries sampled at 35 or 52 points. cividis: Nunez,
 * Anderton and Renslow 2018, at 86. diverging: the cool-warm map of Moreland 2009, computed from its formula. energy:
 * straight lines in OKLab from grey (L 0.83) to teal (L 0.5, C 0.085, h 200) and to burnt orange (L 0.5, C 0.155, h 42).
 * Neither blue and red, as differences, nor the pastels of normals; the ends differ for colour-blind eyes too.
 */
const STOPS = {
  viridis:
    "440154460c5f481769482072472a7a463480433d844046883d4e8a39568c355e8d32668e2e6d8e2c748e297b8e26828e23898e21908c" +
    "1f978b1f9e8821a58526ac822eb37c39ba7646c06f55c66865cb5e76d05489d5489cd93cb0dd2fc4e022d8e219ebe51afde725",
  magma:
    "000004030310090720120c301a10422412543111653e0f724a107956147e6219806e1e81792282852681912b819d2e7faa337db6367a" +
    "c23b75ce4070d9466be44e64ec5860f2645cf7725cfa805efc8e64fe9c6cfeaa74feb87efec68afed496fde2a3fcefb1fcfdbf",
  inferno:
    "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e71196e781c6d" +
    "801f6c88226a902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711f" +
    "f47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4",
  cividis:
    "00224e00255300275800295d002b62002d68002f6d0031700533710f35701637701c396f213b6e263d6e2a3f6d2e416d32436d35456c" +
    "39486c3c4a6c3f4c6c424e6c45506c48526c4b546c4e566c51586d545a6d565c6d595e6e5c616e5e636f61656f646770666970696b71" +
    "6c6d726e6f737172747374757676767878777b7a787e7c78807f788381798683798985788c88788f8a78928c78948e779791779a9376" +
    "9d9576a09875a39a74a69c74a99f73aca172afa471b3a670b6a96fb9ab6dbcae6cbfb06bc2b369c5b568c8b866ccba64cfbd62d2c060" +
    "d5c25ed9c55cdcc859dfca57e2cd54e6d051e9d34eedd54af0d846f3db42f7de3efbe138fee434fee838",
  diverging:
    "3b4cc04459cc4d66d65673e05f7fe8698bef7396f57ea1f988abfd92b4ff9dbdffa7c4feb1cbfcbbd1f8c4d6f3cdd9edd5dbe5dddddd" +
    "e5d9d2ebd4c7f0cebcf4c6b0f6bea4f7b598f7ab8cf6a081f39475ef876aea7a5fe36c54dc5d4ad34d40ca3b37bf272eb40426",
  energy:
    "0071761e777b2f7c803d818549878a558c8f6091946b9799759c9e80a1a38aa7a894acad9eb1b2a9b7b8b3bcbdbdc2c2c7c7c7c7bfbcc6b6b1" +
    "c5aea5c4a69ac29d8fc19584bf8d79bd846ebb7c63b97358b66a4cb46140b15834ae4f26ab4515a83a00",
  grey: "000000ffffff",
};
/** Maps whose middle is the value 0. */
const SIGNED = ["diverging", "energy"];
/** Other names of the same maps. */
const ALIASES = { gray: "grey", coolwarm: "diverging", "cool-warm": "diverging" };

/**
 * @typedef {{lo: number, hi: number, scale: string, unit: string, colour_map: string}} Scale what codes mean: lo and hi are
 *   the values at 0 and 255; scale: "linear" or "log" between them
 * @typedef {Scale & {name: string, channels: number, meaning: string, invalid?: number | null, bits?: number, sky?: number | null, shown?: [number, number]} & Values} Domain
 *   of a track, as its manifest says; meaning: "scalar", "direction" or "colour"; invalid: code / 255 of unknown values;
 *   bits: 16 where a code has two bytes, the high one in R and the low one in G; sky: code / 255 of what is infinitely far;
 *   shown: the values at which its colours begin and end on this clip (dashboard/compare/ranges.py), where not at lo and hi
 * @typedef {Pick<Scale, "lo" | "hi" | "scale"> & {bits?: number, sky?: number | null, alignment?: import("./alignment.mjs").Alignment,
 *   coded?: Pick<Scale, "lo" | "hi" | "scale">}} Values what the codes of a scalar domain are worth; of an aligned one lo and hi
 *   are those of the reference, and coded says what its codes meant before
 */

/**
 * The map of a name; viridis for an unknown name, so that a new kind of domain is still shown.
 * @param {string} name
 * @returns {keyof typeof STOPS}
 */
export function mapName(name) {
  const own = ALIASES[/** @type {keyof typeof ALIASES} */ (name)] ?? name;
  return Object.hasOwn(STOPS, own) ? /** @type {keyof typeof STOPS} */ (own) : "viridis";
}

/**
 * The colour at `position` in [0, 1] of a map: [r, g, b] in 0..255.
 * @param {keyof typeof STOPS} name
 * @param {number} position
 */
export function colourAt(name, position) {
  const stops = STOPS[name];
  const count = stops.length / 6;
  const place = Math.min(Math.max(position, 0), 1) * (count - 1);
  const before = Math.min(Math.floor(place), count - 2);
  const channel = (/** @type {number} */ stop, /** @type {number} */ c) =>
    Number.parseInt(stops.slice(6 * stop + 2 * c, 6 * stop + 2 * c + 2), 16);
  return [0, 1, 2].map((c) => {
    const low = channel(before, c);
    return Math.round(low + (channel(before + 1, c) - low) * (place - before));
  });
}

/**
 * The position in [0, 1] of a value on the map. A diverging map has its middle at the value 0, and equal distances from 0
 * get equally strong colours.
 * @param {Scale} scale
 * @param {number} value01 code / 255
 */
export function mapPosition(scale, value01) {
  if (!SIGNED.includes(mapName(scale.colour_map)) || scale.scale === "log") return value01;
  const reach = Math.max(Math.abs(scale.lo), Math.abs(scale.hi));
  return reach > 0 ? 0.5 + (0.5 * (scale.lo + (scale.hi - scale.lo) * value01)) / reach : value01;
}

/**
 * The code of a scalar pixel, 0 to 255; of 16 bits it has fractions. Previews are grey, so they are read alike.
 * @param {{bits?: number}} domain @param {number} pixel little-endian
 */
export function codeOf({ bits }, pixel) {
  return bits === 16 ? (((pixel & 255) << 8) | ((pixel >> 8) & 255)) / 257 : pixel & 255;
}

/** Half the distance between two codes, on the scale of 0 to 255. @param {{bits?: number}} domain */
export function halfCode({ bits }) {
  return bits === 16 ? 0.5 / 257 : 0.5;
}

/**
 * A table over all codes of a domain.
 * @template {Uint32Array | Float64Array} T
 * @param {new (length: number) => T} Type @param {{bits?: number}} domain @param {(value01: number) => number} of @returns {T}
 */
export function tableOf(Type, { bits }, of) {
  const last = bits === 16 ? 65535 : 255;
  const made = new Type(last + 1);
  for (let code = 0; code <= last; code += 1) made[code] = of(code / last);
  return made;
}

/**
 * From code 0..255 to rgba32, a pixel of a Uint32Array over ImageData: R is the lowest byte. null: the codes are the colours.
 * @param {Scale} scale
 * @returns {Uint32Array | null}
 */
export function lookupTable(scale) {
  const name = mapName(scale.colour_map);
  if (name === "grey") return null;
  return Uint32Array.from({ length: 256 }, (_, code) => {
    const [r, g, b] = colourAt(name, mapPosition(scale, code / 255));
    return rgba32(r, g, b);
  });
}

/** A colour muted to three parts of grey and one of itself: under an overlay, which has colours of its own. @param {number[]} rgb */
export function muted([r, g, b]) {
  const grey = 3 * ((77 * r + 150 * g + 29 * b) >> 8);
  return [(grey + r) >> 2, (grey + g) >> 2, (grey + b) >> 2];
}

/** An opaque pixel. @param {number} r @param {number} g @param {number} b 0..255 */
export function rgba32(r, g, b) {
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

/**
 * Writes the colours of scalar codes.
 * @param {ImageData} codes read from R
 * @param {Uint32Array} table from `lookupTable`
 * @param {ImageData} colours written to
 */
function paintCodes(codes, table, colours) {
  const from = new Uint32Array(codes.data.buffer);
  const to = new Uint32Array(colours.data.buffer);
  drawTable(table, from, to);
}

/** The colours of scalar pixels. @param {Uint32Array} table of 256 colours, or of 65536 for 16 bits @param {Uint32Array} from @param {Uint32Array} to */
export function drawTable(table, from, to) {
  if (table.length > 256)
    for (let i = 0; i < from.length; i += 1) to[i] = table[((from[i] & 255) << 8) | ((from[i] >> 8) & 255)];
  else for (let i = 0; i < from.length; i += 1) to[i] = table[from[i] & 255];
}

/**
 * Draws a stored image in the colours of its domain, at its own size.
 * @param {HTMLCanvasElement} canvas @param {ImageData} codes @param {Scale & {channels: number}} domain
 * @param {Uint32Array | null} [table] from code to colour, for a domain of one channel
 */
export function drawCodes(canvas, codes, domain, table = lookupTable(domain)) {
  const { width, height } = codes;
  Object.assign(canvas, { width, height });
  let colours = codes;
  if (table && domain.channels === 1) {
    colours = new ImageData(width, height);
    paintCodes(codes, table, colours);
  }
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(colours, 0, 0);
}

/**
 * The physical value, in the domain's unit; NaN where a logarithmic scale has an impossible range. Of an aligned depth it is
 * the aligned one: pictures, legends, probe and differences all read values here.
 * @param {Values} domain
 * @param {number} value01 code / 255
 * @returns {number}
 */
export function physicalValue({ lo, hi, scale, alignment, coded }, value01) {
  if (alignment && coded) return aligned(alignment, physicalValue(coded, value01), { lo, hi });
  if (scale !== "log") return lo + (hi - lo) * value01;
  return isLogRange(lo, hi) ? lo * (hi / lo) ** value01 : NaN;
}

/** Zoos come from outside: a range from 0 has no logarithm, and endless powers of ten. @param {number} lo @param {number} hi */
function isLogRange(lo, hi) {
  return lo > 0 && hi > lo && Number.isFinite(hi);
}

/**
 * A CSS gradient of the map from lo (left) to hi (right).
 * @param {Scale} scale @param {boolean} [isMuted]
 */
export function cssGradient(scale, isMuted = false) {
  const name = mapName(scale.colour_map);
  const steps = name === "grey" ? 1 : 24;
  const colours = Array.from({ length: steps + 1 }, (_, i) => {
    const colour = colourAt(name, mapPosition(scale, i / steps));
    return `rgb(${(isMuted ? muted(colour) : colour).join(" ")})`;
  });
  return `linear-gradient(to right, ${colours.join(", ")})`;
}

/** Steps within a power of ten, for ranges that hold fewer than two powers. */
const STEPS = [1, 2, 5];

/**
 * Marks between the ends of a legend: powers of ten on a log scale, or 1, 2, 5 of each where it is short; zero on a signed one.
 * @param {Pick<Scale, "lo" | "hi" | "scale">} scale
 * @returns {{position: number, value: number}[]}
 */
export function legendTicks({ lo, hi, scale }) {
  if (scale !== "log") return lo < 0 && hi > 0 ? [{ position: -lo / (hi - lo), value: 0 }] : [];
  if (!isLogRange(lo, hi)) return [];
  const ticks = [];
  for (let power = Math.floor(Math.log10(lo)); 10 ** power < hi; power += 1) {
    for (const step of hi < 100 * lo ? STEPS : [1]) {
      const value = Number(`${step}e${power}`);
      const position = Math.log(value / lo) / Math.log(hi / lo);
      if (position > 0.02 && position < 0.98) ticks.push({ position, value });
    }
  }
  return ticks;
}
