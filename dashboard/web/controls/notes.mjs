// @ts-check
/** The notes of bookmarked frames, as this browser stores them by clip. */

const STORED_AS = "crosscheck.bookmarks.";
export const MAX_NOTE_LETTERS = 200;
export const MAX_BOOKMARKS = 500;

/**
 * Reads stored bookmarks, which any script of the site could have written; invalid ones are left out.
 * @param {string | null} text @param {number} nFrames
 * @returns {Map<number, string>}
 */
export function readNotes(text, nFrames) {
  let pairs;
  try {
    pairs = JSON.parse(text ?? "[]");
  } catch {
    return new Map();
  }
  if (!Array.isArray(pairs)) return new Map();
  const sound = pairs.filter(
    (pair) =>
      Array.isArray(pair) &&
      Number.isInteger(pair[0]) &&
      pair[0] >= 0 &&
      pair[0] < nFrames &&
      typeof pair[1] === "string",
  );
  return sorted(
    new Map(sound.slice(0, MAX_BOOKMARKS).map(([frame, note]) => [frame, note.slice(0, MAX_NOTE_LETTERS)])),
  );
}

/** By frame. @param {Map<number, string>} notes */
export function sorted(notes) {
  return new Map([...notes].sort(([a], [b]) => a - b));
}

/** @param {string} clip its key @param {number} nFrames */
export function recallNotes(clip, nFrames) {
  return readNotes(recall(STORED_AS + clip), nFrames);
}

/** @param {string} clip its key @param {Map<number, string>} notes */
export function rememberNotes(clip, notes) {
  remember(STORED_AS + clip, notes.size ? JSON.stringify([...notes]) : "");
}

/** What is stored under a name; null: nothing, or storage is forbidden here, and what is kept lasts as long as the page. @param {string} name */
export function recall(name) {
  try {
    return window.localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} text empty: no longer */
export function remember(name, text) {
  try {
    if (text) window.localStorage.setItem(name, text);
    else window.localStorage.removeItem(name);
  } catch {
    // forbidden or full: see recall
  }
}
