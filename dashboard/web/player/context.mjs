// @ts-check
/**
 * What a part of the player sees: the data that Python sends, and the context through which the part reads and acts.
 *
 * A part never assigns a member of the context. It acts by the functions here, and is notified of changes by the functions
 * that it returns itself (`Part`).
 */

/** Letters of configurations, in order; the default where the data names none. */
export const LETTERS = "ABCDEFGH";

/**
 * @typedef {import("../drawing/colour.mjs").Domain & {title?: string}} Domain a Domain record, as in the manifests
 * @typedef {import("../frames/frame_loader.mjs").Pack} Pack
 * @typedef {import("../frames/frame_loader.mjs").Picture} Picture
 * @typedef {import("../view/view_state.mjs").ViewState} ViewState
 * @typedef {import("../plots/curves.mjs").SentChart} Chart
 * @typedef {"input" | "truth" | "prediction" | "readout" | "energy" | "difference" | "stability" | "confidence"} Role
 * @typedef {{id: string, letter: string, role: Role, title: string, detail: string, heading?: string, row: number,
 *   column: number, key: string, isComplete: boolean, domain: Domain, packs: Pack[]}} Pane letter: of its configuration, "":
 *   none; heading: the title without what the detail says
 * @typedef {{key: string, method: string, domain: Domain, packs: Pack[], paths: string[], mu: number[],
 *   sigma: number[], weights: number[], paperWeights: number[]}} Energy an energy track; method: `zoo/method`; paths, mu,
 *   sigma: of its terms; weights: of the energy as shown, paperWeights: of the plain mean
 * @typedef {{open: string, title: string, heading: string, detail: string, key: string, isComplete: boolean, domain: Domain,
 *   packs: Pack[]}} Choice a stored prediction that a pane could show instead; open: `zoo/method/path`
 * @typedef {{frame: number, speed: number, look?: Record<string, string>}} Place look: the view state as a link spells it
 * @typedef {{clip: string, title: string, width: number, height: number, ptsSeconds: number[], nReady: number,
 *   panes: Pane[], charts: Chart[], speeds: number[], passQuery?: string, letters?: string, scale?: "standardised" | "raw",
 *   about?: string[], firstReady?: number, isFile?: boolean, notes?: [number, string][],
 *   energies?: Record<string, Energy>, stabilities?: Record<string, Pick<Pane, "key" | "domain" | "packs">>, confidences?: Record<string, Pick<Pane, "key" | "domain" | "packs">>, normals?: Record<string, Pick<Pane, "key" | "domain" | "packs">>, titles?: Record<string, string>, start: Place, command: Place & {seq: number}, choices?: Choice[],
 *   menus?: Menu[], believed?: import("../panels/believe.mjs").Believed | null, suggestion?: string, alignments?: Record<string, import("../drawing/alignment.mjs").Alignment>, alignBy?: import("../drawing/alignment.mjs").Kind, canAsk?: boolean, fieldOfView?: number | null, styles?: Record<string, import("../ui/theme.mjs").Style>}} Data
 *   styles: by letter; believed: which confidence orders frames by their error; suggestion: what to offer first for one more pane; alignments: fits of the whole clip that are known, and in a page exported to a file all of them; alignBy: how depths are aligned without a choice; canAsk: whether a video can be added; fieldOfView: of the shorter side, degrees, where the clip states it; scale: of energies; energies: by letter; stabilities: by letter, the pictures of the change over time; confidences: by letter, those of a confidence; normals: by id of a pane of depth; titles: by domain; about: author and licence of the clip; firstReady, isFile,
 *   notes: of a page exported to a file, its first frame, that it is one, and its bookmarks
 */

/**
 * @typedef {{name: string, label: string, value: string, options: [string, string][]}} Menu a menu of the page: its name in
 *   the link, what it is called, the value chosen, and the value and label of each option; choosing one is the request
 *   {choose: name, value}
 * @typedef {{help: string, label?: string, words?: string, state?: string, run: () => void}} Command an entry of the palette;
 *   label: its key; words: what else it is called; state: of what it switches
 * @typedef {{root: HTMLElement, thumb: HTMLElement}} Timeline the scrubber, and the element on it that stays in front
 * @typedef {{
 *   element?: HTMLElement,
 *   buttons?: HTMLElement[],
 *   timeline?: Timeline,
 *   onTimeline?: HTMLElement,
 *   underTimeline?: HTMLElement,
 *   actions?: Record<string, (...given: any[]) => void>,
 *   commands?: () => Command[],
 *   notes?: () => ReadonlyMap<number, string>,
 *   update?: (data: Data, isNewClip: boolean) => void,
 *   view?: (state: ViewState, before: ViewState) => void,
 *   paint?: (frame: number, pictures: (Picture | null)[]) => void,
 *   scrub?: () => void,
 *   playback?: () => void,
 *   loaded?: () => void,
 *   mark?: (frames: number[]) => void,
 *   fit?: () => void,
 *   restyle?: () => void,
 *   destroy?: () => void,
 * }} Part one module's share of the player. `element` stands under the plots, `buttons` at the right of the toolbar;
 *   `onTimeline` and `underTimeline` need a part with a `timeline`. `actions` run by key, `commands` from the palette
 *   alone; an action takes what its caller gives, so its arguments are `any`. The other functions are called when there
 *   is new data, another view state, a frame in the canvas (in the same animation frame), a pointer that drags through
 *   frames, a start or end of play or another rate, more or fewer frames in memory, other marked frames, another size,
 *   another theme, and at the end.
 */

/**
 * @typedef {{
 *   readonly data: Data,
 *   readonly letters: string,
 *   readonly notes: ReadonlyMap<number, string>,
 *   readonly overlayTracks: (Energy & {letter: string})[],
 *   readonly normalTracks: (Pick<Pane, "key" | "domain" | "packs"> & {pane: string})[],
 *   readonly isDestroyed: boolean,
 *   readonly signal: AbortSignal,
 *   readonly timers: import("../ui/timers.mjs").Timers,
 *   readonly clip: Pick<import("./clip.mjs").Clip, "nFrames" | "nReady" | "firstReady" | "lastReady" | "range" | "searched">,
 *   readonly position: Readonly<Pick<import("./position.mjs").Position, "wanted" | "painted" | "inCanvas" | "pictures" |
 *     "isExact" | "isScrubbing" | "lastPaintMs" | "jump" | "scrub" | "settle" | "repaint" | "setExactOnly">>,
 *   readonly playback: Readonly<Pick<import("./playback.mjs").Playback, "isPlaying" | "speed" | "rateText" | "play" |
 *     "pause" | "setSpeed" | "setMarked">>,
 *   readonly view: Readonly<Pick<import("../view/view.mjs").View, "state" | "change" | "adopt" | "setLoop">>,
 *   readonly frames: Readonly<Pick<import("../frames/frame_loader.mjs").FrameLoader, "isExactOnly" | "loadExact" |
 *     "inMemory" | "loadSingle" | "loadedSpans" | "stills" | "coded" | "column" | "codedColumn" | "weight">>,
 *   readonly series: import("../plots/curves.mjs").Curves,
 *   readonly charts: Readonly<Pick<import("../plots/charts.mjs").Charts, "compared" | "visible" |
 *     "gapCurve" | "hover" | "setExtras" | "drawn" | "plotly" | "plotPx" | "xRange" | "frame">>,
 *   readonly stage: Readonly<Pick<import("../drawing/stage.mjs").Stage, "root" | "over" | "panes" | "elements" | "plans" |
 *     "layout" | "pair" | "ratio" | "size" | "isFlicked" | "setFlicked" | "partnerOf" | "at" | "toCss" | "paintOn">>
 *     & Pick<import("../drawing/stage.mjs").Stage, "painter" | "aligner" | "clipFits">,
 *   readonly ui: Readonly<Pick<import("../controls/shell.mjs").Shell, "root" | "toolbar" | "theme" | "announce" |
 *     "dismiss" | "focus">>,
 *   readonly commands: import("../commands/commands.mjs").Commands,
 *   readonly request: (wanted: Record<string, string>) => void,
 * }} Context
 *   data: read it once `update` has been called. overlayTracks: energies drawn over the pictures, whose pictures follow
 *   those of the panes; normalTracks: normals that surfaces are shaded by, whose pictures follow those. request: send Python a request, such as {open: "zoo/method/path"}
 */

/**
 * The data with absolute addresses of packs.
 * @param {Data} data
 * @returns {Data}
 */
export function completed(data) {
  const whole = (/** @type {{packs: Pack[]}} */ { packs }) => ({
    packs: packs.map((pack) => ({ ...pack, url: new URL(pack.url, document.baseURI).href })),
  });
  const panes = data.panes.map((pane) => ({ ...pane, ...whole(pane) }));
  const byLetter = (/** @type {Record<string, any> | undefined} */ tracks) =>
    Object.fromEntries(Object.entries(tracks ?? {}).map(([letter, track]) => [letter, { ...track, ...whole(track) }]));
  const choices = (data.choices ?? []).map((choice) => ({ ...choice, ...whole(choice) }));
  return {
    ...data,
    panes,
    energies: byLetter(data.energies),
    stabilities: byLetter(data.stabilities),
    confidences: byLetter(data.confidences),
    normals: byLetter(data.normals),
    choices,
  };
}

/** What a pane belongs to: its configuration, else "truth" or "input". @param {Pick<Pane, "letter" | "role">} pane */
export function sourceOf({ letter, role }) {
  return letter || role;
}
