// @ts-check
/** The key table, from which both the key handler and the help are made, and the key handler. */

/**
 * @typedef {{keys: string[], label: string, action: string, value?: number, help: string, repeats?: boolean,
 *   release?: string}} Binding
 *   `keys`: as spelled by `chord`; `action`, `value`: what the player runs; `repeats`: also while the key is held;
 *   `release`: the action that runs when the key is released.
 */

/** @type {Binding[]} Streamlit uses r and c, Tab moves the focus, and the browser has Alt and Ctrl (but see `chord`). */
export const BINDINGS = [
  { keys: ["Space"], label: "Space", action: "toggle", help: "play / pause" },
  { keys: ["ArrowLeft", ","], label: "← or ,", action: "step", value: -1, help: "previous frame", repeats: true },
  { keys: ["ArrowRight", "."], label: "→ or .", action: "step", value: 1, help: "next frame", repeats: true },
  { keys: ["Shift+ArrowLeft"], label: "Shift ←", action: "step", value: -10, help: "10 frames back", repeats: true },
  { keys: ["Shift+ArrowRight"], label: "Shift →", action: "step", value: 10, help: "10 frames forward", repeats: true },
  { keys: ["Home"], label: "Home", action: "first", help: "first frame" },
  { keys: ["End"], label: "End", action: "last", help: "last frame" },
  { keys: ["j"], label: "J", action: "play", value: -1, help: "play backwards" },
  { keys: ["k"], label: "K", action: "pause", help: "pause" },
  { keys: ["l"], label: "L", action: "play", value: 1, help: "play forwards" },
  { keys: ["-"], label: "−", action: "speed", value: -1, help: "slower" },
  { keys: ["+", "="], label: "+", action: "speed", value: 1, help: "faster" },
  { keys: ["["], label: "[", action: "loopIn", help: "start the loop at this frame" },
  { keys: ["]"], label: "]", action: "loopOut", help: "end the loop at this frame" },
  { keys: ["\\"], label: "\\", action: "loopClear", help: "loop over the whole clip" },
  { keys: ["n"], label: "N", action: "peak", value: 1, help: "next peak of the first plot" },
  { keys: ["Shift+N"], label: "Shift N", action: "peak", value: -1, help: "previous peak of the first plot" },
  { keys: ["x"], label: "X", action: "worst", help: "highest point of the first plot" },
  { keys: ["g"], label: "G", action: "largestGap", help: "largest gap between A and the other configuration" },
  {
    keys: ["m"],
    label: "M",
    action: "region",
    help: "energy of a region: draw a box (also Shift + drag; a pixel: Shift + click)",
  },
  { keys: ["Shift+M"], label: "Shift M", action: "regionClear", help: "return to the energy of whole frames" },
  { keys: ["t"], label: "T", action: "zoomTime", value: 1, help: "show fewer frames in the plots" },
  { keys: ["Shift+T"], label: "Shift T", action: "zoomTime", value: -1, help: "show more frames in the plots" },
  ...Array.from({ length: 9 }, (_, index) => ({
    keys: [String(index + 1)],
    label: String(index + 1),
    action: "solo",
    value: index,
    help: index === 0 ? "show only the first pane (press again for all)" : `show only pane ${index + 1}`,
  })),
  { keys: ["w"], label: "W", action: "wipe", help: "wipe: two pictures divided by an edge" },
  { keys: ["Shift+W"], label: "Shift W", action: "turnWipe", help: "turn the edge of the wipe" },
  { keys: ["d"], label: "D", action: "difference", help: "show the difference to a reference" },
  { keys: ["e"], label: "E", action: "energy", help: "overlay the energy on the pictures" },
  { keys: ["p"], label: "P", action: "probe", help: "read values at a pixel (arrow keys move the crosshair)" },
  { keys: ["q"], label: "hold Q", action: "flicker", release: "flickerEnd", help: "alternate between A and B" },
  {
    keys: ["z"],
    label: "Z",
    action: "zoom",
    value: 1,
    help: "zoom in (also pinch or Ctrl + wheel)",
    repeats: true,
  },
  { keys: ["Shift+Z"], label: "Shift Z", action: "zoom", value: -1, help: "zoom out", repeats: true },
  {
    keys: ["v"],
    label: "V",
    action: "size",
    value: 1,
    help: "make the pictures taller (also by the handle below them)",
    repeats: true,
  },
  { keys: ["Shift+V"], label: "Shift V", action: "size", value: -1, help: "make the pictures shorter", repeats: true },
  { keys: ["f", "0"], label: "F or 0", action: "fit", help: "fit the pictures (press again to show all panes)" },
  { keys: ["b"], label: "B", action: "bookmark", help: "add or remove a bookmark" },
  { keys: [";"], label: ";", action: "toBookmark", value: -1, help: "previous bookmark" },
  { keys: ["'"], label: "'", action: "toBookmark", value: 1, help: "next bookmark" },
  { keys: ["/", "Ctrl+K"], label: "/ or Ctrl K", action: "palette", help: "find a command" },
  { keys: ["s"], label: "S", action: "copyLink", help: "copy a link to this frame" },
  { keys: ["Shift+S"], label: "Shift S", action: "share", help: "save and share pictures, tables, videos and pages" },
  { keys: ["?"], label: "?", action: "help", help: "show or hide these keys" },
  { keys: ["Escape"], label: "Esc", action: "close", help: "close this" },
];

const BY_CHORD = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding])));

/** Keys of a slider in the ARIA pattern, and the keys of the table that do the same. @type {Record<string, string>} */
const ON_SLIDER = {
  ArrowUp: "ArrowRight",
  ArrowDown: "ArrowLeft",
  PageUp: "Shift+ArrowRight",
  PageDown: "Shift+ArrowLeft",
};

/** Characters of the table that German, French and other keyboards type with Alt, Option or AltGr (= Ctrl + Alt). */
const TYPED_WITH_ALT = ["[", "]", "\\"];

/**
 * The spelling of a key press in the table; null where the browser or Streamlit should have it.
 * @param {{key: string, code?: string, shiftKey: boolean, altKey: boolean, ctrlKey: boolean, metaKey: boolean}} event
 */
export function chord({ key, code = "", shiftKey, altKey, ctrlKey, metaKey }) {
  // The one exception: people expect a command palette there. Apple keyboards use Command for it.
  if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") return "Ctrl+K";
  const isTyped = altKey && !metaKey && TYPED_WITH_ALT.includes(key);
  if ((altKey || ctrlKey || metaKey) && !isTyped) return null;
  if (key === " ") return "Space";
  if (key.length === 1) {
    // Cyrillic, Greek, ...: no letter of the table can be typed there, so the place of the key counts.
    const place = /\p{Letter}/u.test(key) && !/\p{Script=Latin}/u.test(key) ? /^Key([A-Z])$/.exec(code) : null;
    if (place) return shiftKey ? `Shift+${place[1]}` : place[1].toLowerCase();
    const lower = key.toLowerCase();
    // Shift already shows in characters such as "?", but not in a letter. Caps Lock is not Shift.
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

/**
 * Run the actions of keys while the player has the focus.
 * @param {import("./shell.mjs").Shell} ui @param {import("./commands.mjs").Commands} commands
 * @param {{slider: HTMLElement | null, signal: AbortSignal}} options slider: the scrubber
 */
export function listenToKeys({ root, help }, commands, { slider, signal }) {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    const isPress = event.key === " " || event.key === "Enter";
    // What is typed into a field is neither for the player nor for Streamlit, whose C clears its caches.
    if (target.closest("input, select, textarea")) return event.stopPropagation();
    if (isPress && target.closest("button")) return;
    const binding = bindingOf(event, target === slider);
    if (!binding || !commands.has(binding.action) || (binding.action === "close" && help.hidden)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !binding.repeats) return;
    commands.run(binding.action, binding.value);
  };
  // The end of an action that lasts while its key is held.
  const onKeyUp = (/** @type {KeyboardEvent} */ { key, code }) => {
    const name = chord({ key, code, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false }) ?? "";
    const binding = BINDINGS.find(({ release, keys }) => release && keys.includes(name));
    if (binding?.release) commands.run(binding.release);
  };
  root.addEventListener("keydown", onKey, { signal });
  root.addEventListener("keyup", onKeyUp, { signal });
}

/** Lines of the help: the table, with the digits as one line. @returns {{label: string, help: string}[]} */
export function helpLines() {
  return BINDINGS.filter(({ action, value }) => action !== "solo" || value === 0).map((binding) =>
    binding.action === "solo" ? { label: "1 – 9", help: "show only one pane (press again for all)" } : binding,
  );
}
