// @ts-check
/** The rows of the overview's table: read, found, sorted, and their curves as paths. Pure. */

/**
 * @typedef {[clip: number, configuration: number, error: number | null, floor: number | null, expected: number | null,
 *   low: number | null, high: number | null, energy: number | null, change: number | null, outside: number | null,
 *   spark: string, ready: [number, number] | null]} Sent
 * @typedef {{label: string}} Named
 * @typedef {"clip" | "configuration" | "error" | "expected" | "energy" | "change" | "flatness" | "outside"} Column
 * @typedef {{clip: number, configuration: number, error: number | null, floor: number | null, expected: number | null,
 *   low: number | null, high: number | null, energy: number | null, change: number | null, outside: number | null,
 *   spark: string, ready: [number, number] | null, flatness: number | null, patches: import("./flatness.mjs").Summary | null}} Cell
 *   flatness: mean over the patches that this browser keeps of each of the clip's measured configurations; null: none are shared
 * @typedef {{column: Column, isDown: boolean}} Order
 */

/** The letters of a curve's points, from the lowest (dashboard/overview/data.py). */
const LEVELS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** @param {Sent} sent @returns {Cell} */
export function readCell([
  clip,
  configuration,
  error,
  floor,
  expected,
  low,
  high,
  energy,
  change,
  outside,
  spark,
  ready,
]) {
  const row = { clip, configuration, error, floor, expected, low, high, energy, change, outside, spark, ready };
  return { ...row, flatness: null, patches: null };
}

/**
 * The cells whose clip or configuration holds every word.
 * @param {Cell[]} cells @param {string} words @param {Named[]} clips @param {Named[]} configurations
 */
export function found(cells, words, clips, configurations) {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return cells;
  return cells.filter(({ clip, configuration }) => {
    const text = `${clips[clip].label} ${configurations[configuration].label}`.toLocaleLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

/**
 * In order of a column; cells without a value come last, whatever the direction. Energies are ordered within each configuration, in
 * the order of the ranking: between methods they order nothing.
 * @param {Cell[]} cells @param {Order} order @param {number[]} ranks the place of each configuration
 */
export function sorted(cells, { column, isDown }, ranks) {
  const sign = isDown ? -1 : 1;
  const isText = column === "clip" || column === "configuration";
  const place = (/** @type {Cell} */ cell) => (column === "configuration" ? ranks[cell.configuration] : cell[column]);
  return cells
    .map((cell, at) => ({ cell, at, value: place(cell) }))
    .sort((a, b) => {
      if (!isText && (a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1;
      if (column === "energy" && a.cell.configuration !== b.cell.configuration)
        return ranks[a.cell.configuration] - ranks[b.cell.configuration] || a.at - b.at;
      return sign * (Number(a.value) - Number(b.value)) || a.at - b.at;
    })
    .map(({ cell }) => cell);
}

/** The place of each configuration: as ranked, then as listed. @param {number[]} order @param {number} count */
export function ranksOf(order, count) {
  const ranks = Array.from({ length: count }, (_, at) => order.length + at);
  order.forEach((configuration, place) => {
    ranks[configuration] = place;
  });
  return ranks;
}

/**
 * What a cell is compared with: the first of the ranking that the clip has, and that is another one; -1 if it has no other.
 * @param {Cell} cell @param {Map<number, Set<number>>} ofClip @param {number[]} ranks
 */
export function rivalOf(cell, ofClip, ranks) {
  const others = [...(ofClip.get(cell.clip) ?? [])].filter((other) => other !== cell.configuration);
  return others.sort((a, b) => ranks[a] - ranks[b])[0] ?? -1;
}

/**
 * The curve as an SVG path in a box; points without a value break it. A single point is a level line.
 * @param {string} text @param {number} width @param {number} height
 */
export function sparkPath(text, width, height) {
  const step = text.length > 1 ? width / (text.length - 1) : width;
  let path = "";
  let isOn = false;
  [...text].forEach((letter, at) => {
    const level = LEVELS.indexOf(letter);
    if (level >= 0)
      path += `${isOn ? "L" : "M"}${round(at * step)} ${round(height * (1 - level / (LEVELS.length - 1)))}`;
    isOn = level >= 0;
  });
  return text.length === 1 && path ? `${path}h${width}` : path;
}

/** @param {number} value */
function round(value) {
  return Number(value.toFixed(1));
}
