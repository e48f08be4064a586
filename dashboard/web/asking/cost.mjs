// @ts-check
/** What a video will cost before it is asked for: frames, megabytes, and time where this server has computed one. Pure. */

const NO_BREAK_SPACE = "\u00a0";
/** Where neither the video nor the form says how many frames a second has. */
const USUAL_FPS = 30;

/**
 * @typedef {{method: string, target: string, bytes: number, pictures: number}} Group what a method predicts of a target: stored
 *   bytes per frame, and pictures (tracks)
 * @typedef {{zoo: string, bytes: Group[], inputBytes: number, seconds: number | null}} Offer seconds: per picture; null: unknown
 * @typedef {{start: number, end: number | null, fps: number | null}} Part
 */

/** Frames of the part; null if it has no end. @param {Part} part @param {number | null} durationSeconds of the video, if known */
export function framesOf({ start, end, fps }, durationSeconds) {
  const until = Math.min(end ?? Infinity, durationSeconds ?? Infinity);
  if (!Number.isFinite(until)) return null;
  return Math.max(0, Math.ceil((until - start) * (fps ?? USUAL_FPS) - 1e-6));
}

/** @param {Offer} offer @param {Group[]} chosen @param {number} nFrames @returns {{bytes: number, seconds: number | null}} */
export function costOf(offer, chosen, nFrames) {
  const perFrame = chosen.reduce((sum, { bytes }) => sum + bytes, offer.inputBytes);
  const pictures = chosen.reduce((sum, group) => sum + group.pictures, 1);
  return { bytes: perFrame * nFrames, seconds: offer.seconds === null ? null : offer.seconds * pictures * nFrames };
}

/** @param {number | null} nFrames @param {{bytes: number, seconds: number | null}} cost */
export function costText(nFrames, { bytes, seconds }) {
  if (nFrames === null) return "Choose an end.";
  if (nFrames === 0) return "This part holds no frame: choose a later end.";
  const time =
    seconds === null
      ? "the time is known once this server has computed a video with these networks"
      : `about ${durationText(seconds)}`;
  const size = bytes ? `about ${megabytes(bytes)}, ` : "";
  return `Up to ${nFrames} frame${nFrames === 1 ? "" : "s"}, ${size}${time}.`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  const mb = bytes / 1e6;
  return `${mb < 10 ? mb.toFixed(1) : mb.toFixed(0)}${NO_BREAK_SPACE}MB`;
}

/** @param {number} seconds */
export function durationText(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))}${NO_BREAK_SPACE}s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}${NO_BREAK_SPACE}min`;
  return `${(seconds / 3600).toFixed(1)}${NO_BREAK_SPACE}h`;
}

/**
 * The globs on zoo/method/path of the chosen methods and targets; a method that does not predict a target is left out, as a
 * glob that matches nothing is an error.
 * @param {Offer} offer @param {string[]} methods @param {string[]} targets
 * @returns {{patterns: string[], chosen: Group[]}}
 */
export function choiceOf(offer, methods, targets) {
  const chosen = offer.bytes.filter(({ method, target }) => methods.includes(method) && targets.includes(target));
  if (chosen.length === offer.bytes.length) return { patterns: ["*"], chosen };
  const patterns = methods.flatMap((method) => {
    const own = chosen.filter((group) => group.method === method);
    // One glob where one says it: a request holds 64 at most.
    const isWhole = own.length && own.length === offer.bytes.filter((group) => group.method === method).length;
    return isWhole ? [`${offer.zoo}/${method}/*`] : own.map(({ target }) => `${offer.zoo}/${method}/rgb-${target}*`);
  });
  return { patterns, chosen };
}
