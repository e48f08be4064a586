// @ts-check
/** The gap: the difference between configuration A and the others in one measure, as a chart and in words. Pure. */

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
 * `B lower on 71 % of 41 frames`; with more than two: how often each is lower than A.
 * @param {Compared} compared @param {[number, number]} range first and last frame
 */
export function gapSentence(compared, range) {
  const { measure, first } = compared;
  const others = othersOf(compared);
  const counts = others.map((letter) =>
    wins(measure.byLetter.get(first) ?? [], measure.byLetter.get(letter) ?? [], range),
  );
  if (others.length === 1) return winsSentence([first, others[0]], counts[0]);
  return others
    .map((letter, i) => `${letter} lower than ${first} on ${percent(counts[i].b, counts[i].frames)}`)
    .join(", ");
}

/** @param {Compared} compared */
function othersOf({ measure, first }) {
  return [...measure.byLetter.keys()].filter((letter) => letter !== first).sort();
}
