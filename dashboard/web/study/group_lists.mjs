// @ts-check
/** Which clips are in which of two groups, and what an assignment makes of them. Pure. */

/** @typedef {{id: string, title: string}} Clip */
/** @typedef {"a" | "b" | ""} Group "" holds the clips that are in neither */
/** @typedef {{a: string[], b: string[]}} Groups ids, in the order of assignment */

/** @type {readonly Group[]} */
export const GROUPS = ["a", "b", ""];
/** Clips of one box on the screen: more are found by typing. */
export const MAX_SHOWN = 200;

/** @param {Groups} groups @param {string} id @returns {Group} */
export function groupOf({ a, b }, id) {
  return a.includes(id) ? "a" : b.includes(id) ? "b" : "";
}

/** The groups with these clips in `to`, and in no other group. @param {Groups} groups @param {readonly string[]} ids @param {Group} to @returns {Groups} */
export function assigned({ a, b }, ids, to) {
  const moved = new Set(ids);
  const rest = { a: a.filter((id) => !moved.has(id)), b: b.filter((id) => !moved.has(id)) };
  return to ? { ...rest, [to]: [...rest[to], ...moved] } : rest;
}

/**
 * The clips of a box: in a group all, in its order; of the others those whose title has every word of `wanted`.
 * @param {readonly Clip[]} clips @param {Groups} groups @param {Group} group @param {string} [wanted]
 */
export function listed(clips, groups, group, wanted = "") {
  if (group) {
    const known = new Map(clips.map((clip) => [clip.id, clip]));
    return groups[group].flatMap((id) => known.get(id) ?? []);
  }
  const taken = new Set([...groups.a, ...groups.b]);
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return clips.filter(({ id, title }) => {
    const name = title.toLowerCase();
    return !taken.has(id) && words.every((word) => name.includes(word));
  });
}

/** The group that a key assigns to; null: the key means nothing here. @param {string} key @returns {Group | null} */
export function groupOfKey(key) {
  const groups = /** @type {Record<string, Group>} */ ({ a: "a", b: "b", delete: "", backspace: "" });
  return groups[key.toLowerCase()] ?? null;
}

/** What was done, for those who do not see it. @param {readonly Clip[]} moved @param {Group} to @param {Groups} groups */
export function saidOf(moved, to, { a, b }) {
  const what = moved.length === 1 ? moved[0].title : `${moved.length} clips`;
  const where = to ? `in group ${to.toUpperCase()}` : "not assigned";
  return `${what}: ${where}. A has ${a.length}, B has ${b.length}.`;
}

/**
 * Which of Python's answers are news: it answers each change, and the answer to an older one would undo a newer.
 */
export class Answers {
  constructor() {
    /** @type {string[]} */
    this.waiting = [];
  }

  /** @param {Groups} groups */
  sent(groups) {
    this.waiting.push(JSON.stringify(groups));
  }

  /** @param {Groups} groups @returns {boolean} whether they come from elsewhere: another link, the first run */
  isNews({ a, b }) {
    const at = this.waiting.indexOf(JSON.stringify({ a, b }));
    if (at >= 0) this.waiting.splice(0, at + 1);
    else this.waiting = [];
    return at < 0;
  }
}
