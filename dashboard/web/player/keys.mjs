// @ts-check
/** Which key does what? The one table from which both the key handler and the help are made. */

/**
 * @typedef {{keys: string[], label: string, action: string, value?: number, help: string, repeats?: boolean,
 *   release?: string}} Binding
 *   `keys`: as spelled by `chord`; `action`, `value`: what the player does; `repeats`: also while the key is held;
 *   `release`: what it does when the key is let go.
 */

/** @type {Binding[]} r and c are Streamlit's, Tab moves the focus, Alt and Ctrl belong to the browser (but see `chord`). */
export const BINDINGS = [
  { keys: ["Space"], label: "Space", action: "toggle", help: "play / pause" },
  { keys: ["ArrowLeft", ","], label: "← or ,", action: "step", value: -1, help: "previous frame", repeats: true },
  { keys: ["ArrowRight", "."], label: "→ or .", action: "step", value: 1, help: "next frame", repeats: true },
  { keys: ["Shift+ArrowLeft"], label: "Shift ←", action: "step", value: -10, help: "10 frames back", repeats: true },
  { keys: ["Shift+ArrowRight"], label: "Shift →", action: "step", value: 10, help: "10 frames on", repeats: true },
  { keys: ["Home"], label: "Home", action: "first", help: "first frame" },
  { keys: ["End"], label: "End", action: "last", help: "last frame" },
  { keys: ["j"], label: "J", action: "play", value: -1, help: "play backwards" },
  { keys: ["k"], label: "K", action: "pause", help: "pause" },
  { keys: ["l"], label: "L", action: "play", value: 1, help: "play forwards" },
  { keys: ["-"], label: "−", action: "speed", value: -1, help: "slower" },
  { keys: ["+", "="], label: "+", action: "speed", value: 1, help: "faster" },
  { keys: ["["], label: "[", action: "loopIn", help: "loop from here" },
  { keys: ["]"], label: "]", action: "loopOut", help: "loop up to here" },
  { keys: ["\\"], label: "\\", action: "loopClear", help: "loop over the whole clip" },
  { keys: ["n"], label: "N", action: "peak", value: 1, help: "next peak of the first plot" },
  { keys: ["Shift+N"], label: "Shift N", action: "peak", value: -1, help: "previous peak of the first plot" },
  { keys: ["x"], label: "X", action: "worst", help: "highest point of the first plot" },
  { keys: ["g"], label: "G", action: "largestGap", help: "largest gap between A and the other one" },
  {
    keys: ["m"],
    label: "M",
    action: "region",
    help: "energy of a region: draw a box; also Shift + drag, pixel: Shift + click",
  },
  { keys: ["Shift+M"], label: "Shift M", action: "regionClear", help: "energy of whole frames again" },
  { keys: ["t"], label: "T", action: "zoomTime", value: 1, help: "fewer frames in the plots" },
  { keys: ["Shift+T"], label: "Shift T", action: "zoomTime", value: -1, help: "more frames in the plots" },
  ...Array.from({ length: 9 }, (_, index) => ({
    keys: [String(index + 1)],
    label: String(index + 1),
    action: "solo",
    value: index,
    help: index === 0 ? "first picture alone, again: all of them" : `picture ${index + 1} alone`,
  })),
  { keys: ["w"], label: "W", action: "wipe", help: "two pictures in one, divided by an edge" },
  { keys: ["Shift+W"], label: "Shift W", action: "turnWipe", help: "turn the edge" },
  { keys: ["d"], label: "D", action: "difference", help: "difference to a reference" },
  { keys: ["e"], label: "E", action: "energy", help: "energy over the pictures" },
  { keys: ["p"], label: "P", action: "probe", help: "values at a pixel: a crosshair that arrows move" },
  { keys: ["q"], label: "hold Q", action: "flicker", release: "flickerEnd", help: "alternate A and B in place" },
  {
    keys: ["z"],
    label: "Z",
    action: "zoom",
    value: 1,
    help: "magnify all pictures; also pinch, Ctrl + wheel",
    repeats: true,
  },
  { keys: ["Shift+Z"], label: "Shift Z", action: "zoom", value: -1, help: "magnify less", repeats: true },
  {
    keys: ["v"],
    label: "V",
    action: "size",
    value: 1,
    help: "higher pictures; also the handle below them",
    repeats: true,
  },
  { keys: ["Shift+V"], label: "Shift V", action: "size", value: -1, help: "lower pictures", repeats: true },
  { keys: ["f", "0"], label: "F or 0", action: "fit", help: "fit the picture, again: all pictures" },
  { keys: ["b"], label: "B", action: "bookmark", help: "bookmark this frame, again: not" },
  { keys: [";"], label: ";", action: "toBookmark", value: -1, help: "previous bookmark" },
  { keys: ["'"], label: "'", action: "toBookmark", value: 1, help: "next bookmark" },
  { keys: ["/", "Ctrl+K"], label: "/ or Ctrl K", action: "palette", help: "find a command" },
  { keys: ["s"], label: "S", action: "copyLink", help: "copy a link to this frame" },
  { keys: ["Shift+S"], label: "Shift S", action: "share", help: "save and share: pictures, tables, films, pages" },
  { keys: ["?"], label: "?", action: "help", help: "show or hide these keys" },
  { keys: ["Escape"], label: "Esc", action: "close", help: "close this" },
];

const BY_CHORD = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding])));

/** @type {Record<string, string>} Keys of a slider in the ARIA pattern, and those of the table that do the same. */
const ON_SLIDER = {
  ArrowUp: "ArrowRight",
  ArrowDown: "ArrowLeft",
  PageUp: "Shift+ArrowRight",
  PageDown: "Shift+ArrowLeft",
};

/** Signs of the table that German, French and other keyboards type with Alt, Option or AltGr (= Ctrl + Alt). */
const TYPED_WITH_ALT = ["[", "]", "\\"];

/**
 * The spelling of a key press in the table; null where the browser or Streamlit should have it.
 * @param {{key: string, code?: string, shiftKey: boolean, altKey: boolean, ctrlKey: boolean, metaKey: boolean}} event
 */
export function chord({ key, code = "", shiftKey, altKey, ctrlKey, metaKey }) {
  // The one exception: where people look for commands. Apple keyboards have Command for it.
  if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") return "Ctrl+K";
  const isTyped = altKey && !metaKey && TYPED_WITH_ALT.includes(key);
  if ((altKey || ctrlKey || metaKey) && !isTyped) return null;
  if (key === " ") return "Space";
  if (key.length === 1) {
    // Cyrillic, Greek, ...: no letter of the table can be typed there, so the place of the key counts.
    const place = /\p{Letter}/u.test(key) && !/\p{Script=Latin}/u.test(key) ? /^Key([A-Z])$/.exec(code) : null;
    if (place) return shiftKey ? `Shift+${place[1]}` : place[1].toLowerCase();
    const lower = key.toLowerCase();
    // Shift already shows in signs such as "?"; of a letter it has to be said. Caps Lock is not Shift.
    return shiftKey && lower !== key.toUpperCase() ? `Shift+${key.toUpperCase()}` : lower;
  }
  return shiftKey ? `Shift+${key}` : key;
}

/**
 * @param {Parameters<typeof chord>[0]} event
 * @param {boolean} [isOnSlider] the slider has the focus
 * @returns {Binding | null}
 */
export function bindingOf(event, isOnSlider = false) {
  const name = chord(event);
  if (name === null) return null;
  return BY_CHORD.get((isOnSlider && ON_SLIDER[name]) || name) ?? null;
}

/** Lines of the help: the table, with the digits as one line. @returns {{label: string, help: string}[]} */
export function helpLines() {
  return BINDINGS.filter(({ action, value }) => action !== "solo" || value === 0).map((binding) =>
    binding.action === "solo" ? { label: "1 – 9", help: "one picture alone, again: all of them" } : binding,
  );
}
