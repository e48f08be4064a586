// @ts-check
/** The key table, from which the key handler, the help and the palette are made, and the key handler. */

import { isDialogOpen } from "../ui/dialog.mjs";

/**
 * @typedef {"Play" | "Find" | "Look closer" | "Compare" | "Space" | "Plots" | "Save" | "Page"} Group
 * @typedef {{keys: string[], label: string, action: string, value?: number, help: string, group: Group, words?: string,
 *   repeats?: boolean, release?: string}} Binding
 *   `keys`: as spelled by `chord`; `action`, `value`: what the player runs; `words`: what else people call it, for the
 *   palette; `repeats`: also while the key is held; `release`: the action that runs when the key is released.
 */

/** @type {Binding[]} Streamlit uses r and c, Tab moves the focus, and the browser has Alt and Ctrl (but see `chord`). */
export const BINDINGS = [
  ...inGroup("Play", [
    { keys: ["Space"], label: "Space", action: "toggle", help: "play / pause", words: "stop start run" },
    { keys: ["ArrowLeft", ","], label: "← or ,", action: "step", value: -1, help: "previous frame", repeats: true },
    { keys: ["ArrowRight", "."], label: "→ or .", action: "step", value: 1, help: "next frame", repeats: true },
    { keys: ["Shift+ArrowLeft"], label: "Shift ←", action: "step", value: -10, help: "10 frames back", repeats: true },
    {
      keys: ["Shift+ArrowRight"],
      label: "Shift →",
      action: "step",
      value: 10,
      help: "10 frames forward",
      repeats: true,
    },
    { keys: ["Home"], label: "Home", action: "first", help: "first frame", words: "start beginning" },
    { keys: ["End"], label: "End", action: "last", help: "last frame" },
    { keys: ["j"], label: "J", action: "play", value: -1, help: "play backwards", words: "reverse" },
    { keys: ["k"], label: "K", action: "pause", help: "pause", words: "stop" },
    { keys: ["l"], label: "L", action: "play", value: 1, help: "play forwards" },
    { keys: ["-"], label: "−", action: "speed", value: -1, help: "slower", words: "speed rate" },
    { keys: ["+", "="], label: "+", action: "speed", value: 1, help: "faster", words: "speed rate" },
    { keys: ["["], label: "[", action: "loopIn", help: "start the loop at this frame", words: "repeat range" },
    { keys: ["]"], label: "]", action: "loopOut", help: "end the loop at this frame", words: "repeat range" },
    {
      keys: ["o"],
      label: "O",
      action: "loopToggle",
      help: "loop around this frame, or over the whole clip",
      words: "repeat",
    },
    { keys: ["\\"], label: "\\", action: "loopClear", help: "loop over the whole clip", words: "clear repeat" },
  ]),
  ...inGroup("Find", [
    {
      keys: ["x"],
      label: "X",
      action: "worst",
      help: "worst frame",
      words: "highest point of the first plot maximum energy",
    },
    { keys: ["n"], label: "N", action: "peak", value: 1, help: "next peak of the first plot", words: "energy" },
    { keys: ["Shift+N"], label: "Shift N", action: "peak", value: -1, help: "previous peak of the first plot" },
    {
      keys: ["g"],
      label: "G",
      action: "largestGap",
      help: "largest gap between A and the other configuration",
      words: "differ most",
    },
    {
      keys: ["b"],
      label: "B",
      action: "bookmark",
      help: "add or remove a bookmark",
      words: "bookmarks mark notes flag",
    },
    { keys: [";"], label: ";", action: "toBookmark", value: -1, help: "previous bookmark" },
    { keys: ["'"], label: "'", action: "toBookmark", value: 1, help: "next bookmark" },
  ]),
  ...inGroup("Compare", [
    {
      keys: ["w"],
      label: "W",
      action: "wipe",
      help: "wipe: two pictures divided by an edge",
      words: "split slider curtain",
    },
    {
      keys: ["Shift+W"],
      label: "Shift W",
      action: "turnWipe",
      help: "turn the edge of the wipe",
      words: "rotate split",
    },
    {
      keys: ["d"],
      label: "D",
      action: "difference",
      help: "show the difference to a reference",
      words: "error subtract truth",
    },
    {
      keys: ["e"],
      label: "E",
      action: "energy",
      help: "overlay the energy on the pictures",
      words: "heatmap heat map opacity threshold",
    },
    {
      keys: ["q"],
      label: "hold Q",
      action: "flicker",
      release: "flickerEnd",
      help: "flicker: alternate between A and B",
      words: "blink toggle",
    },
    ...Array.from({ length: 9 }, (_, index) => ({
      keys: [String(index + 1)],
      label: String(index + 1),
      action: "solo",
      value: index,
      help: index === 0 ? "show only the first pane (press again for all)" : `show only pane ${index + 1}`,
    })),
  ]),
  ...inGroup("Look closer", [
    {
      keys: ["z"],
      label: "Z",
      action: "zoom",
      value: 1,
      help: "zoom in (also pinch or Ctrl + wheel)",
      words: "magnify enlarge",
      repeats: true,
    },
    {
      keys: ["Shift+Z"],
      label: "Shift Z",
      action: "zoom",
      value: -1,
      help: "zoom out",
      words: "shrink",
      repeats: true,
    },
    {
      keys: ["f", "0"],
      label: "F or 0",
      action: "fit",
      help: "fit the pictures (press again to show all panes)",
      words: "zoom reset 100 %",
    },
    {
      keys: ["p"],
      label: "P",
      action: "probe",
      help: "probe: read values at a pixel (arrow keys or a click move it)",
      words: "crosshair pipette numbers pixels",
    },
    {
      keys: ["m"],
      label: "M",
      action: "region",
      help: "energy of a region: draw a box (also Shift + drag; a pixel: Shift + click)",
      words: "area rectangle select regions",
    },
    {
      keys: ["Shift+M"],
      label: "Shift M",
      action: "regionClear",
      help: "return to the energy of whole frames",
      words: "clear region",
    },
    {
      keys: ["v"],
      label: "V",
      action: "size",
      value: 1,
      help: "make the pictures taller (also by the handle below them)",
      words: "larger bigger height size",
      repeats: true,
    },
    {
      keys: ["Shift+V"],
      label: "Shift V",
      action: "size",
      value: -1,
      help: "make the pictures shorter",
      words: "smaller height size",
      repeats: true,
    },
    {
      keys: ["Shift+F"],
      label: "Shift F",
      action: "fullscreen",
      help: "fill the screen with the player",
      words: "fullscreen full screen",
    },
  ]),
  ...inGroup("Space", [
    {
      keys: ["h"],
      label: "H",
      action: "spaceCamera",
      help: "move the camera by keys: arrows turn it, with Shift they move it, + and − go nearer and farther",
      words: "orbit pan dolly 3d",
    },
    { keys: ["i"], label: "I", action: "spaceColour", help: "colour of the surface: image, map, shading", words: "3d" },
    { keys: ["y"], label: "Y", action: "spaceSurface", help: "surface: torn at edges, points, stretched", words: "3d" },
    {
      keys: ["Shift+H"],
      label: "Shift H",
      action: "filmToggle",
      help: "Ken Burns film: move the camera along a path, or by hand again",
      words: "3d video animation camera path",
    },
    { keys: ["Shift+J"], label: "Shift J", action: "filmPlay", help: "play / pause the Ken Burns film", words: "3d" },
  ]),
  ...inGroup("Plots", [
    {
      keys: ["t"],
      label: "T",
      action: "zoomTime",
      value: 1,
      help: "show fewer frames in the plots",
      words: "zoom time axis",
    },
    {
      keys: ["Shift+T"],
      label: "Shift T",
      action: "zoomTime",
      value: -1,
      help: "show more frames in the plots",
      words: "zoom time axis",
    },
  ]),
  ...inGroup("Save", [
    { keys: ["s"], label: "S", action: "copyLink", help: "copy a link to this frame", words: "share address url" },
    {
      keys: ["Shift+S"],
      label: "Shift S",
      action: "share",
      help: "save and share pictures, tables, values, videos and pages",
      words: "export download png csv parquet webm html offline values npy npz exr depth",
    },
  ]),
  ...inGroup("Page", [
    { keys: ["/", "Ctrl+K"], label: "/ or Ctrl K", action: "palette", help: "find a command", words: "search" },
    {
      keys: ["a"],
      label: "A",
      action: "addVideo",
      help: "add a video, where this server allows it",
      words: "upload address youtube compute ask request new clip",
    },
    { keys: ["u"], label: "U", action: "undo", help: "undo what the message says", words: "restore" },
    { keys: ["?"], label: "?", action: "help", help: "help: what this is, keys and gestures", words: "what about" },
    { keys: ["Escape"], label: "Esc", action: "close", help: "close a panel or message" },
  ]),
];

/** @param {Group} group @param {Omit<Binding, "group">[]} bindings @returns {Binding[]} */
function inGroup(group, bindings) {
  return bindings.map((binding) => ({ ...binding, group }));
}

const BY_CHORD = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding])));

/** Keys of a slider in the ARIA pattern, and the keys of the table that do the same. @type {Record<string, string>} */
const ON_SLIDER = {
  ArrowUp: "ArrowRight",
  ArrowDown: "ArrowLeft",
  PageUp: "Shift+ArrowRight",
  PageDown: "Shift+ArrowLeft",
};

/** Actions that a picture, a clip of one frame, has no use for. */
export const NEEDS_TIME = new Set([
  ...BINDINGS.filter(({ group }) => group === "Play").map(({ action }) => action),
  ...["worst", "peak", "largestGap", "toBookmark", "zoomTime"],
]);

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

/** Where typing goes: fields, and menus, which find an option by its letters. */
const TYPED_INTO =
  "input:not([type=checkbox], [type=radio], [type=button], [type=range]), select, textarea, [contenteditable]:not([contenteditable=false]), " +
  "[role=textbox], [role=searchbox], [role=combobox], [role=listbox], [role=menu], [role=dialog], [role=alertdialog], dialog";
/** What Space and Enter press. */
const PRESSED =
  "button, summary, a[href], input, [role=button], [role=checkbox], [role=switch], [role=radio], [role=tab], [role=option]";
/** What the arrow keys, Home and End move or choose. */
const MOVED = "input, [role=slider], [role=radio], [role=tab], [role=spinbutton], [role=separator]";
const MOVES = /^(Shift\+)?(Arrow.*|Home|End|Page.*)$/;

/**
 * Whether a key press is for the player, by the elements from the one that has the focus outwards, shadow trees included: a
 * field, menu or dialog keeps all keys, a button Space and Enter, a slider of its own the arrows.
 * @param {string} name of the chord @param {{matches: (selector: string) => boolean}[]} path
 * @param {object | null} slider the scrubber, whose arrows are the player's
 */
export function isForPlayer(name, path, slider) {
  const isIn = (/** @type {string} */ selector) => path.some((one) => one.matches(selector));
  if (isIn(TYPED_INTO)) return false;
  if ((name === "Space" || name === "Enter") && isIn(PRESSED)) return false;
  return !(MOVES.test(name) && path[0] !== slider && isIn(MOVED));
}

/** Players on the page; keys are for the one that came last. @type {object[]} */
const players = [];

/**
 * Run the actions of keys, wherever on the page the focus is, but in fields, menus and dialogs.
 * @param {import("../controls/shell.mjs").Shell} ui @param {import("./commands.mjs").Commands} commands
 * @param {{slider: HTMLElement | null, signal: AbortSignal}} options slider: the scrubber
 */
export function listenToKeys(ui, commands, { slider, signal }) {
  const { root } = ui;
  players.push(root);
  signal.addEventListener("abort", () => players.splice(players.indexOf(root), 1), { once: true });
  const isCurrent = () => players.at(-1) === root && !isDialogOpen();
  const pathOf = (/** @type {Event} */ event) =>
    /** @type {Element[]} */ (event.composedPath().filter((one) => one instanceof Element));
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const name = chord(event);
    if (name === null || event.defaultPrevented || !isCurrent()) return;
    const path = pathOf(event);
    const binding = bindingOf(event, path[0] === slider);
    if (!binding || !commands.has(binding.action) || !isForPlayer(name, path, slider)) return;
    if (binding.action === "close" && !ui.hasMessage) return; // Escape is the page's
    event.preventDefault();
    if (event.repeat && !binding.repeats) return;
    commands.run(binding.action, binding.value);
  };
  // The end of an action that lasts while its key is held.
  const onKeyUp = (/** @type {KeyboardEvent} */ { key, code }) => {
    const name = chord({ key, code, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false }) ?? "";
    const binding = BINDINGS.find(({ release, keys }) => release && keys.includes(name));
    if (binding?.release && isCurrent()) commands.run(binding.release);
  };
  document.addEventListener("keydown", onKey, { signal });
  document.addEventListener("keyup", onKeyUp, { signal });
  // What is typed into a field of the player is not for Streamlit, whose C clears its caches.
  root.addEventListener("keydown", (event) => pathOf(event)[0]?.matches(TYPED_INTO) && event.stopPropagation(), {
    signal,
  });
  leaveMenus(signal);
}

/**
 * A menu or switch that was used by pointer lets go of the focus, so that the next key is the player's; one that is worked by
 * keys keeps it.
 * @param {AbortSignal} signal
 */
function leaveMenus(signal) {
  let isByPointer = false;
  const options = { signal, capture: true };
  document.addEventListener("pointerdown", () => (isByPointer = true), options);
  document.addEventListener("keydown", () => (isByPointer = false), options);
  const leave = () => {
    let focused = document.activeElement;
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    const isMenu = focused?.matches("select, [role=combobox], [role=radio]");
    if (isByPointer && isMenu) /** @type {HTMLElement} */ (focused).blur();
  };
  const onChange = (/** @type {Event} */ event) => event.composedPath()[0] instanceof HTMLSelectElement && leave();
  const onOption = (/** @type {Event} */ event) => {
    const isChoice = (/** @type {EventTarget} */ one) =>
      one instanceof Element && one.matches("[role=option], [role=radio]");
    if (event.composedPath().some(isChoice) && !isDialogOpen()) setTimeout(leave); // once the menu has taken the choice
  };
  document.addEventListener("change", onChange, options);
  document.addEventListener("click", onOption, options);
}
