// @ts-check
/** What an arrangement makes of the configurations on the screen, before Python has answered. Pure. */

/** @typedef {import("../player/context.mjs").Data} Data */

/**
 * The letters that an arrangement puts in place of A, B, ...; null: it changes nothing. As in dashboard/compare/lineup.py.
 * @param {string[]} letters of the configurations, in order @param {string} letter
 * @param {{do?: string, to?: string}} wanted @param {string} all letters that there are
 */
export function arranged(letters, letter, { do: what, to }, all) {
  const at = letters.indexOf(letter);
  if (at < 0) return null;
  const others = letters.filter((one) => one !== letter);
  const place = to ? letters.indexOf(to) : { left: at - 1, right: at + 1 }[what ?? ""];
  if (place !== undefined) {
    const isMove = place >= 0 && place < letters.length && place !== at;
    return isMove ? [...others.slice(0, place), letter, ...others.slice(place)] : null;
  }
  if (what === "remove") return letters.length > 2 ? others : null;
  if (what === "duplicate" && letters.length < all.length) return [...letters.slice(0, at + 1), ...letters.slice(at)];
  return null;
}

/**
 * The panes and their maps with the configurations in that order, or null where their places are for Python to find: where
 * the letters lack a pane of each row that others have, and where there are more or fewer of them than before.
 * @param {Pick<Data, "panes" | "energies" | "stabilities" | "confidences">} data @param {string[]} before letters @param {string[]} after letters
 * @returns {Pick<Data, "panes" | "energies" | "stabilities" | "confidences"> | null}
 */
export function reordered({ panes, energies = {}, stabilities = {}, confidences = {} }, before, after) {
  if (after.length !== before.length) return null;
  const own = (/** @type {string} */ letter) => panes.filter((pane) => pane.letter === letter);
  const shape = (/** @type {string} */ letter) =>
    own(letter)
      .map(({ role }) => role)
      .join();
  const maps = (/** @type {string} */ letter) =>
    [energies, stabilities, confidences].map((all) => Boolean(all[letter])).join();
  const isLikeFirst = (/** @type {string} */ letter) =>
    shape(letter) === shape(before[0]) && maps(letter) === maps(before[0]);
  if (!before.every(isLikeFirst)) return null;
  const from = new Map(before.map((letter, index) => [letter, after[index]]));
  return {
    panes: panes.map((pane) => {
      if (!pane.letter) return pane;
      const shown = own(from.get(pane.letter) ?? pane.letter)[own(pane.letter).indexOf(pane)];
      const { id, letter, row, column } = pane;
      return { ...shown, id, letter, row, column };
    }),
    energies: moved(energies, from),
    stabilities: moved(stabilities, from),
    confidences: moved(confidences, from),
  };
}

/** @template T @param {Record<string, T>} tracks by letter @param {Map<string, string>} from where each letter's come from */
function moved(tracks, from) {
  return Object.fromEntries(Object.keys(tracks).map((letter) => [letter, tracks[from.get(letter) ?? letter]]));
}
