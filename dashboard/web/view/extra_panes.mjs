// @ts-check
/** Panes that the viewer adds beside the predictions: the difference of B from A, and the energy of each. Pure. */

/**
 * @typedef {import("../player/context.mjs").Data} Data
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {"difference" | "energy"} Extra
 */

/** In the order of their panes and of the link. @type {Extra[]} */
export const EXTRAS = ["difference", "energy"];

/** What can be added here. @param {Data} data @returns {Extra[]} */
export function possibleExtras(data) {
  return EXTRAS.filter((one) => extraPanes(data, [one]).length > 0);
}

/**
 * The panes of the data with those added: the difference after the predictions, the energies under them.
 * @param {Data} data @param {Extra[]} extras @returns {Data}
 */
export function withExtraPanes(data, extras) {
  const added = extraPanes(data, extras);
  return added.length ? { ...data, panes: [...data.panes, ...added] } : data;
}

/** @param {Data} data @param {Extra[]} extras @returns {Pane[]} */
function extraPanes({ panes, energies = {} }, extras) {
  const predictions = panes.filter(({ role, letter }) => role === "prediction" && letter);
  const [a, b] = ["A", "B"].map((letter) => predictions.find((pane) => pane.letter === letter));
  /** @type {Pane[]} */
  const found = [];
  if (extras.includes("difference") && a && b && a.domain.name === b.domain.name) {
    const column = 1 + Math.max(...panes.filter(({ row }) => row === 0).map((pane) => pane.column));
    found.push({
      ...b,
      id: "difference",
      role: "difference",
      letter: "",
      title: "B − A",
      heading: "B − A",
      row: 0,
      column,
    });
  }
  if (extras.includes("energy")) {
    const row = 1 + Math.max(...panes.map((pane) => pane.row));
    for (const pane of predictions) {
      const energy = energies[pane.letter];
      if (!energy) continue;
      const { key, domain, packs } = energy;
      const title = `energy of ${pane.title}`;
      const place = { id: `energy${pane.letter}`, row: row + pane.row, column: pane.column };
      const told = { title, heading: "energy", detail: domain.title ?? domain.name };
      found.push({ ...place, ...told, role: "energy", letter: pane.letter, key, domain, packs, isComplete: true });
    }
  }
  return found;
}
