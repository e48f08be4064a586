// @ts-check
/** The gap: the difference between configuration A and the others in one measure, as a chart and in words. Pure. */

import { withUnit } from "../ui/numbers.mjs";
import { difference, percent, sides, wins, winsSentence } from "./curves.mjs";

const MINUS = "\u2212";

/** @typedef {{measure: import("./curves.mjs").Measure, first: string, second: string}} Compared A and the one it is compared with */

/**
 * What the gap is between: the chosen measure and configuration if they exist, else the first of each; null: there are no two.
 * @param {import("./curves.mjs").Measure[]} measures @param {{of: string, against: string} | null} chosen
 * @returns {Compared | null}
 */
export function comparedIn(measures, chosen) {
  const measure = measures.find(({ id }) => id === chosen?.of) ?? measures[0];
  if (!measure) return null;
  const [first, ...others] = [...measure.byLetter.keys()].sort();
  return { measure, first, second: others.find((letter) => letter === chosen?.against) ?? others[0] };
}

/** A - the other, by frame; NaN where one is unknown. @param {Compared} compared @param {string} [letter] the other */
export function gapOf({ measure: { byLetter }, first, second }, letter = second) {
  return difference(byLetter.get(first) ?? [], byLetter.get(letter) ?? []);
}

/**
 * A - B and, if there are more, A - C and so on. The area between the chosen gap and 0 has the colour of the lower one.
 * @param {Compared} compared
 * @returns {import("./curves.mjs").Chart}
 */
export function gapChart(compared) {
  const { measure, first, second } = compared;
  const { x, above, below } = sides(gapOf(compared));
  const words = [
    { text: `${second} lower`, isTop: true, isNeeded: above.some((value) => (value ?? 0) > 0) },
    { text: `${first} lower`, isTop: false, isNeeded: below.some((value) => (value ?? 0) < 0) },
  ];
  return {
    id: "gap",
    title: "Gap",
    axis: "gap",
    unit: measure.unit,
    hasZeroLine: true,
    isAnchored: measure.limit !== null,
    nTicks: 4,
    areas: [
      { letter: second, x, values: above },
      { letter: first, x, values: below },
    ],
    words: words.filter(({ isNeeded }) => isNeeded),
    series: othersOf(compared).map((letter) => ({
      letter,
      name: `${first} ${MINUS} ${letter}`,
      values: gapOf(compared, letter),
      width: letter === second ? undefined : 1,
    })),
  };
}

/**
 * `B lower on 62 % of 240 frames, by 0.02 σ in the mean: within the noise floor of 0.10 σ`. A share of frames never stands
 * without its size, nor a size without its noise; Python measures the floor, over the whole clip.
 * @param {Compared} compared @param {[number, number]} range first and last frame
 * @param {boolean} [isWhole] the range is the whole clip and the values are those of whole frames
 */
export function gapSentence(compared, range, isWhole = true) {
  const { measure, first } = compared;
  const others = othersOf(compared);
  const found = others.map((letter) => {
    const values = [measure.byLetter.get(first) ?? [], measure.byLetter.get(letter) ?? []];
    return { letter, count: wins(values[0], values[1], range), mean: meanGap(values[0], values[1], range) };
  });
  if (others.length > 1) {
    const parts = found.map(({ letter, count, mean }) => {
      const floor = isWhole ? measure.floors[letter] : null;
      const noise = floor === null || floor === undefined ? "" : ` (noise ${withUnit(floor, measure.unit)})`;
      return `${letter} lower than ${first} on ${percent(count.b, count.frames)}, mean ${letter} ${MINUS} ${first} ${withUnit(-mean, measure.unit)}${noise}`;
    });
    return parts.join("; ");
  }
  const [{ letter, count, mean }] = found;
  const sentence = winsSentence([first, letter], count);
  if (count.frames === 0 || (count.a === 0 && count.b === 0)) return sentence;
  const size = withUnit(Math.abs(mean), measure.unit);
  const [lower, isLower] = mean > 0 ? [letter, count.b > count.a] : [first, count.a > count.b];
  const by = isLower ? `, by ${size} in the mean` : `; in the mean ${lower} is lower, by ${size}`;
  return `${sentence}${by}${isWhole ? noiseWords(Math.abs(mean), measure.floors[letter], measure.unit) : ""}`;
}

/** @param {number} size @param {number | null | undefined} floor null: too few frames @param {string} unit */
function noiseWords(size, floor, unit) {
  if (floor === null || floor === undefined) return ": too few frames to tell it from noise";
  return `: ${size > floor ? "beyond" : "within"} the noise floor of ${withUnit(floor, unit)}`;
}

/** The mean of a - b over the frames of the range that both have. @param {ArrayLike<number>} a @param {ArrayLike<number>} b @param {[number, number]} range */
function meanGap(a, b, [first, last]) {
  let sum = 0;
  let count = 0;
  for (let i = first; i <= Math.min(last, a.length - 1, b.length - 1); i += 1) {
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) continue;
    sum += a[i] - b[i];
    count += 1;
  }
  return count ? sum / count : NaN;
}

/** @param {Compared} compared */
function othersOf({ measure, first }) {
  return [...measure.byLetter.keys()].filter((letter) => letter !== first).sort();
}
