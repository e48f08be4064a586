// @ts-check
/** Panes that the viewer adds beside the predictions: the difference of B from A, and the energy, the change over time and the confidence of each. Pure. */

/**
 * @typedef {import("../player/context.mjs").Data} Data
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {"difference" | "energy" | "stability" | "confidence"} Extra
 */

/** In the order of their panes and of the link. @type {Extra[]} */
export const EXTRAS = ["difference", "energy", "stability", "confidence"];

/** What can be added here. @param {Data} data @returns {Extra[]} */
export function possibleExtras(data) {
  return EXTRAS.filter((one) => extraPanes(data, [one]).length > 0);
}

/**
 * The panes of the data with those added: the difference after the predictions, the maps of each under them.
 * @param {Data} data @param {Extra[]} extras @returns {Data}
 */
export function withExtraPanes(data, extras) {
  const added = extraPanes(data, extras);
  return added.length ? { ...data, panes: [...data.panes, ...added] } : data;
}

/** @param {Data} data @param {Extra[]} extras @returns {Pane[]} */
function extraPanes({ panes, energies = {}, stabilities = {}, confidences = {} }, extras) {
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
  const maps = /** @type {const} */ ([
    ["energy", "energy", energies],
    ["stability", "change over time", stabilities],
    ["confidence", "confidence", confidences],
  ]);
  for (const [role, heading, tracks] of maps) {
    if (!extras.includes(role)) continue;
    const row = 1 + Math.max(...[...panes, ...found].map((pane) => pane.row));
    for (const pane of predictions) {
      const track = tracks[pane.letter];
      if (!track) continue;
      const { key, domain, packs } = track;
      const place = { id: `${role}${pane.letter}`, row: row + pane.row, column: pane.column };
      const told = { title: `${heading} of ${pane.title}`, heading, detail: domain.title ?? domain.name };
      found.push({ ...place, ...told, role, letter: pane.letter, key, domain, packs, isComplete: true });
    }
  }
  return found;
}
