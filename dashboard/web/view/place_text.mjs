// @ts-check
/** What people write for a place in a clip: "120", "frame 120", "0:03", "3 s", "50 %". Pure. */

import { frameAt } from "../player/clock.mjs";

const NUMBER = "\\d{1,9}(?:[.,]\\d{1,9})?";
const SPELLINGS = {
  frame: /^(?:frame|f|#)?\s*(\d{1,9})$/i,
  clock: new RegExp(`^(?:(\\d{1,3}):)?(\\d{1,3}):(${NUMBER})$`),
  seconds: new RegExp(`^(${NUMBER})\\s*s(?:ec(?:onds?)?)?$`, "i"),
  percent: new RegExp(`^(${NUMBER})\\s*%$`),
};

/**
 * The frame that a text means, inside the clip; `note` says where that is not what was asked for. Null where it means none.
 * @param {string} text @param {{ptsSeconds: ArrayLike<number>, firstReady: number, lastReady: number}} clip
 * @returns {{frame: number, note: string} | null}
 */
export function readPlace(text, { ptsSeconds, firstReady, lastReady }) {
  const typed = text.trim();
  const number = (/** @type {string | undefined} */ one) => Number((one ?? "0").replace(",", "."));
  const inClip = (/** @type {number} */ frame) => {
    if (frame > lastReady) {
      const last = lastReady < ptsSeconds.length - 1 ? "last frame that is ready" : "last frame";
      return { frame: lastReady, note: `went to the ${last}, ${lastReady}` };
    }
    return frame < firstReady
      ? { frame: firstReady, note: `went to the first frame, ${firstReady}` }
      : { frame, note: "" };
  };
  const atSeconds = (/** @type {number} */ seconds) => {
    const last = ptsSeconds[ptsSeconds.length - 1] ?? 0;
    const step = last / Math.max(ptsSeconds.length - 1, 1);
    // Later than the end of the last frame is not in the clip.
    return inClip(seconds > last + step ? ptsSeconds.length : frameAt(ptsSeconds, seconds + (ptsSeconds[0] ?? 0)));
  };
  const frame = SPELLINGS.frame.exec(typed);
  if (frame) return inClip(Number(frame[1]));
  const clock = SPELLINGS.clock.exec(typed);
  if (clock) return atSeconds(3600 * number(clock[1]) + 60 * number(clock[2]) + number(clock[3]));
  const seconds = SPELLINGS.seconds.exec(typed);
  if (seconds) return atSeconds(number(seconds[1]));
  const percent = SPELLINGS.percent.exec(typed);
  if (percent) return inClip(Math.round((Math.min(number(percent[1]), 100) / 100) * (ptsSeconds.length - 1)));
  return null;
}

/** What a place is read against. @param {Pick<import("../player/context.mjs").Context, "data" | "clip">} context */
export function placesOf({ data, clip }) {
  return { ptsSeconds: data.ptsSeconds, firstReady: clip.firstReady, lastReady: clip.lastReady };
}
