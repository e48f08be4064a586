// @ts-check
/** The panes' part of the view state, and its spelling in the link: zoom, wipe, difference, overlay, colours, probe and size. Pure. */

import { KINDS } from "../drawing/alignment.mjs";
import { EXTRAS } from "./extra_panes.mjs";

/** Longest spelling that Python passes through (`_VIEW_STATE_TEXT` in dashboard/player_data.py). */
export const MAX_LETTERS = 100;
/** Domains and panes that a spelling can hold. */
const NAME = /^[A-Za-z0-9_]{1,40}$/;
const NUMBER = /^-?\d{1,9}(\.\d{1,9})?$/;
const MAPS = ["viridis", "magma", "inferno", "cividis", "grey", "diverging", "energy"];
/** @type {PaneViewState["align"]} */
const AS_NEEDED = { kind: "auto", per: "clip", to: "auto" };
/** Height that the pictures may take, % of the window's. */
export const SIZE_LIMITS = [15, 95];

/**
 * @typedef {{
 *   zoom: import("../tools/zoom.mjs").View | null,
 *   wipe: {first: string, second: string, at: number, isUpright: boolean} | null,
 *   diff: string | null,
 *   align: {kind: import("../drawing/alignment.mjs").Kind | "auto", per: "clip" | "frame", to: string},
 *   reach: Record<string, number>,
 *   overlay: {opacity: number, from: number} | null,
 *   maps: Record<string, import("../drawing/compose.mjs").Chosen>,
 *   panes: import("./extra_panes.mjs").Extra[],
 *   probe: [number, number] | null,
 *   size: number | null,
 * }} PaneViewState
 *   zoom: what is seen of the pictures, null: all. wipe: ids of the panes before and behind the edge, and where it is, in
 *   shares; isUpright: it is moved to the sides. diff: what differences are taken to: "auto" or a pane's id. align: how depths are brought to the
 *   scale of a reference before they are shown and compared, "auto": as the relative ones among them need, with one fit for the clip or for each frame. reach: by
 *   domain, where the colours of differences end. overlay: strength of the energy's colours, and the energy from which on
 *   they are drawn. maps: by domain. panes: those added beside the predictions. probe: the pixel whose values stay. size: height of the pictures, % of the window
 * @typedef {import("./view_state.mjs").Facts} Facts
 */

/**
 * `write` takes `any`: TypeScript cannot pair the type of a value with its name in a loop.
 * @type {{[name in keyof PaneViewState]: {initial: PaneViewState[name], write: (value: any) => string,
 *   read: (text: string, facts: Facts) => PaneViewState[name] | undefined}}}
 */
export const PANE_FIELDS = {
  zoom: {
    initial: null,
    write: ({ scale, x, y }) => [scale, x, y].map((value) => short(value, 5)).join("~"),
    read: (text) => {
      const [scale, x, y] = numbers(text, 3) ?? [];
      return scale > 1 && scale <= 10000 && isShare(x) && isShare(y) ? { scale, x, y } : undefined;
    },
  },
  wipe: {
    initial: null,
    write: ({ first, second, at, isUpright }) => [first, second, short(at, 3), isUpright ? "v" : "h"].join("~"),
    read: (text, { ids }) => {
      const [first, second, at, edge, ...more] = text.split("~");
      const isPair = ids.includes(first) && ids.includes(second) && first !== second;
      const isFine = isPair && NUMBER.test(at) && isShare(Number(at)) && ["v", "h"].includes(edge) && more.length === 0;
      return isFine ? { first, second, at: Number(at), isUpright: edge === "v" } : undefined;
    },
  },
  align: {
    initial: AS_NEEDED,
    write: ({ kind, per, to }) => [kind, per, to].join("~"),
    read: (text) => {
      const [kind, per = "clip", to = "auto", ...more] = text.split("~");
      const isFine = ["auto", ...KINDS].includes(kind) && ["clip", "frame"].includes(per) && NAME.test(to);
      const found = /** @type {PaneViewState["align"]} */ ({ kind, per, to });
      return isFine && more.length === 0 ? found : undefined;
    },
  },
  diff: { initial: null, write: (id) => id, read: (text) => (NAME.test(text) ? text : undefined) },
  reach: {
    initial: {},
    write: (reach) => joined(Object.entries(reach).map(([name, value]) => [name, short(value, 4)])),
    read: (text) => {
      const found = split(text).map(([name, ...rest]) => [name, (numbers(rest.join("~"), 1) ?? [NaN])[0]]);
      return found.every(([, value]) => Number(value) > 0) ? Object.fromEntries(found) : undefined;
    },
  },
  overlay: {
    initial: null,
    write: ({ opacity, from }) => `${short(opacity, 2)}~${short(from, 3)}`,
    read: (text) => {
      const [opacity, from] = numbers(text, 2) ?? [];
      return isShare(opacity) && Number.isFinite(from) ? { opacity, from } : undefined;
    },
  },
  maps: {
    initial: {},
    write: (maps) =>
      joined(
        Object.entries(maps).map(([name, { map, lo, hi }]) => [
          name,
          map ?? "",
          ...[lo, hi].map((end) => (end === null ? "" : short(end, 4))),
        ]),
      ),
    read: (text) => {
      const found = split(text).map(([name, map = "", lo = "", hi = ""]) => {
        const isFine = (map === "" || MAPS.includes(map)) && [lo, hi].every((end) => end === "" || NUMBER.test(end));
        const ends = [lo, hi].map((end) => (end === "" ? null : Number(end)));
        return isFine ? [name, { map: map || null, lo: ends[0], hi: ends[1] }] : null;
      });
      return found.every((one) => one !== null) ? Object.fromEntries(found) : undefined;
    },
  },
  panes: {
    initial: [],
    write: (extras) => extras.join("."),
    read: (text) => {
      const names = text.split(".");
      const known = EXTRAS.filter((one) => names.includes(one));
      return known.length === names.length ? known : undefined;
    },
  },
  probe: {
    initial: null,
    write: ([x, y]) => `${x}~${y}`,
    read: (text) => {
      const found = /^(\d{1,5})~(\d{1,5})$/.exec(text);
      return found ? [Number(found[1]), Number(found[2])] : undefined;
    },
  },
  size: {
    initial: null,
    write: (percent) => short(percent, 3),
    read: (text) => {
      const [percent] = numbers(text, 1) ?? [];
      return percent >= SIZE_LIMITS[0] && percent <= SIZE_LIMITS[1] ? percent : undefined;
    },
  },
};

/** @param {number} value */
function isShare(value) {
  return value >= 0 && value <= 1;
}

/** Without an exponent, which a link does not allow. @param {number} value @param {number} digits */
function short(value, digits) {
  const size = Math.abs(value);
  const places = size < 1 ? digits : Math.max(0, digits - Math.floor(Math.log10(size)) - 1);
  return String(Number(value.toFixed(Math.min(places, 9))));
}

/** @param {string} text @param {number} count @returns {number[] | null} */
function numbers(text, count) {
  const parts = text.split("~");
  return parts.length === count && parts.every((part) => NUMBER.test(part)) ? parts.map(Number) : null;
}

/** As many of the records as a spelling holds; the oldest are dropped. @param {string[][]} records */
function joined(records) {
  const texts = records.filter(([name]) => NAME.test(name)).map((record) => record.join("~").replace(/~+$/, ""));
  while (texts.join(",").length > MAX_LETTERS) texts.shift();
  return texts.join(",");
}

/** @param {string} text */
function split(text) {
  const records = text.split(",").map((record) => record.split("~"));
  return records.every(([name]) => NAME.test(name) && name !== "__proto__") ? records : [["", "?"]];
}
