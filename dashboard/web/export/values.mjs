// @ts-check
/** The values of a pane as files of the field's formats: which formats its domain has, and the address of the file. */

/**
 * @typedef {import("../player/context.mjs").Pane} Pane
 * @typedef {import("../player/context.mjs").Domain} Domain
 */

/** Whether the values of a pane are stored numbers of a prediction or of the truth. @param {Pick<Pane, "role">} pane */
export function hasValues({ role }) {
  return ["prediction", "readout", "truth"].includes(role);
}

/**
 * The formats that can state the values of a domain: value and name. Those of 16-bit PNG name the unit of a count.
 * @param {Domain & {meaning?: string}} domain
 * @returns {[string, string][]}
 */
export function formatsOf({ channels, unit, meaning }) {
  /** @type {[string, string][]} */
  const floats = [
    ["npy", "NPY"],
    ["npz", "NPZ"],
    ["exr", "EXR"],
  ];
  if (channels === 1 && unit === "m")
    return [["png16 mm", "16-bit PNG, mm"], ["png16 m/256", "16-bit PNG, m/256 (KITTI)"], ...floats];
  return meaning === "direction" ? [["png16 m/256", "16-bit PNG"], ...floats] : floats;
}

/**
 * @param {{key: string}} pane @param {string} format as in `formatsOf` @param {[number, number]} range both included
 * @param {string} passQuery of the page @param {string} base
 */
export function valuesUrl({ key }, format, [first, last], passQuery, base) {
  const [name, unit] = format.split(" ");
  const url = new URL("values.zip", base);
  const given = { track: key, format: name, ...(unit ? { unit } : {}), first: String(first), last: String(last) };
  for (const [field, value] of [...Object.entries(given), ...new URLSearchParams(passQuery)])
    url.searchParams.set(field, value);
  return url.href;
}

/** The file, or an error with the server's reason. @param {string} url @param {AbortSignal} signal */
export async function fetchValues(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 300) || `the server answered ${answer.status}`);
  return answer.blob();
}
