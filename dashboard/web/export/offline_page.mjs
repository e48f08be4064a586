// @ts-check
/**
 * Saves the view as one HTML file that opens from a disk, offline: it holds the player's own modules, its data, and the
 * coded images of a range of frames.
 *
 * A page from a disk may load nothing beside itself, and modules in data: addresses cannot name each other relatively.
 * So every module becomes a data: address in an import map, under a name of its own, and each `import` names that.
 * Packs of just these frames are written and stand in the page as base64, where offline_entry.mjs finds them.
 */

import { writePack } from "../frames/pack.mjs";
import { writeViewState } from "../view/view_state.mjs";

const ENTRY = "export/offline_entry.mjs";
const PLOTLY = "plotly.min.js";
/** What else the player loads by address (import.meta.url), which has none in a file. */
const ASSETS = /new URL\("([\w./-]+)", import\.meta\.url\)\.href/g;
const CSS_IMPORTS = /@import url\("([\w./-]+)"\);/g;
const IMPORTS = /(from\s*|import\s*\(\s*|import\s+)"(\.[\w./-]+\.mjs)"/g;
const THEME = [
  "--st-text-color",
  "--st-background-color",
  "--st-secondary-background-color",
  "--st-primary-color",
  "--st-base-radius",
];
/** Nothing from anywhere: even markup smuggled into a title could load nothing. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' data: blob:; style-src 'unsafe-inline' data:; " +
  "img-src data: blob:; connect-src data: blob:; base-uri 'none'; form-action 'none'";

/**
 * @typedef {import("../player/context.mjs").Context} Context
 * @typedef {{first: number, last: number, hasMaps: boolean}} Range frames, both included; hasMaps: energies too
 * @typedef {{imports: Record<string, string>, assets: Record<string, string>, plotly: string}} Code
 */

/**
 * The code in the file, and the file's size, without loading the frames.
 * @param {Context} context @param {Range} range
 */
export async function pageParts(context, { first, last, hasMaps }) {
  const tracks = tracksOf(context.data, hasMaps);
  const code = await codeParts(context.data.charts.length > 0);
  const weights = await Promise.all(tracks.map((track) => context.frames.weight(track, first, last, track.columns)));
  const frames = weights.reduce((sum, bytes) => sum + base64Length(bytes), 0);
  const text = new Blob([documentText(context, code, { first, last, hasMaps })]).size;
  return { code, bytes: text + frames };
}

/**
 * @param {Context} context
 * @param {Range & {signal: AbortSignal, onProgress: (done: number, count: number) => void}} options
 * @returns {Promise<Blob>}
 */
export async function makePage(context, { first, last, hasMaps, signal, onProgress }) {
  const tracks = tracksOf(context.data, hasMaps);
  const { code } = await pageParts(context, { first, last, hasMaps });
  const [before, after] = documentText(context, code, { first, last, hasMaps }).split(PACKS_PLACE);
  /** @type {(string | Blob)[]} */
  const parts = [before];
  const count = tracks.length * (last - first + 1);
  let done = 0;
  for (const [index, track] of tracks.entries()) {
    const images = [];
    let codec = "png";
    for (let frame = first; frame <= last; frame += 1) {
      const coded = await context.frames.coded(track, frame);
      signal.throwIfAborted();
      ({ codec } = coded);
      images.push(coded.bytes);
      onProgress(++done, count);
    }
    /** @type {Record<string, {dtype: string, shape: number[], bytes: Uint8Array}>} */
    const columns = {};
    for (const name of track.columns) columns[name] = await context.frames.codedColumn(track, name, first, last);
    const { width, height } = context.data;
    const pack = writePack({ codec, width, height, channels: track.domain.channels, images, columns });
    parts.push(`<script type="application/octet-stream" id="pack-${index}">`, await base64(pack), "</script>\n");
  }
  parts.push(after);
  return new Blob(parts, { type: "text/html" });
}

const PACKS_PLACE = "<!-- packs -->";

/**
 * Everything but the packs.
 * @param {Context} context @param {Code} code
 * @param {Range} range
 */
function documentText({ data, ui, position, playback, view, notes, stage }, code, { first, last, hasMaps }) {
  const { imports, assets, plotly } = code;
  const { theme, root } = ui;
  const style = THEME.map((name) => [name, theme.css(name)]).filter(([, value]) => value && !/[<>{};]/.test(value));
  const tracks = tracksOf(data, hasMaps);
  const packOf = (/** @type {{key: string}} */ own) => {
    const index = tracks.findIndex(({ key }) => key === own.key);
    return [{ url: `embedded:${index}`, start: first, n_frames: last - first + 1 }];
  };
  const start = {
    frame: Math.min(Math.max(position.wanted, first), last),
    speed: playback.speed,
    look: writeViewState(view.state),
  };
  const inside = {
    ...data,
    choices: [],
    menus: [],
    suggestion: "",
    passQuery: "", // who gets the file has not signed in
    panes: data.panes.map((pane) => ({ ...pane, isComplete: true, packs: packOf(pane) })),
    energies: hasMaps
      ? Object.fromEntries(
          Object.entries(data.energies ?? {}).map(([letter, own]) => [letter, { ...own, packs: packOf(own) }]),
        )
      : {},
    normals: {},
    alignments: { ...data.alignments, ...Object.fromEntries([...stage.clipFits].filter(([, fitted]) => fitted)) }, // of frames that the file may lack
    confidences: {},
    stabilities: {}, // those that are shown are among the panes
    firstReady: first,
    nReady: last + 1,
    start,
    command: { seq: 0, ...start },
    notes: [...notes],
    isFile: true,
  };
  const span = first === 0 && last === data.ptsSeconds.length - 1 ? "" : `, frames ${first} to ${last}`;
  const title = `${data.title}${span}`;
  const about = (data.about ?? []).join(" · ");
  return `<!doctype html>
<html lang="en" data-theme="${root.dataset.theme === "dark" ? "dark" : "light"}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
:root { ${style.map(([name, value]) => `${name}: ${escaped(value)};`).join(" ")} --st-font: system-ui, sans-serif; }
body { margin: 0; padding: 8px 16px; background: var(--st-background-color, #fff); color: var(--st-text-color, #23252a); font: 14px/20px var(--st-font); }
body > :is(h1, p) { margin: 4px; font-size: 13px; font-weight: 400; }
body > h1 { font-size: 15px; font-weight: 600; }
</style>
<script type="importmap">${inScript({ imports })}</script>
</head>
<body>
<h1>${escaped(title)}</h1>
<div id="player"></div>
<p>${escaped(about)}</p>
<noscript><p>This file needs JavaScript to show its frames and plots.</p></noscript>
<script type="application/json" id="data">${inScript(inside)}</script>
<script type="application/json" id="assets">${inScript(assets)}</script>
<script type="application/octet-stream" id="plotly">${plotly}</script>
${PACKS_PLACE}
<script type="module">import "crosscheck/${ENTRY}";</script>
</body>
</html>
`;
}

/** Pane and energy tracks, each once. @param {import("../player/context.mjs").Data} data @param {boolean} hasMaps */
function tracksOf(data, hasMaps) {
  /** @type {Map<string, Pick<import("../player/context.mjs").Pane, "key" | "packs" | "domain"> & {columns: string[]}>} */
  const found = new Map();
  for (const pane of data.panes) found.set(pane.key, { ...pane, columns: [] });
  if (hasMaps) {
    for (const own of Object.values(data.energies ?? {})) found.set(own.key, { ...own, columns: ["terms", "blocks"] });
  }
  return [...found.values()];
}

/** By whether there are plots. @type {Map<boolean, Promise<Code>>} */
const known = new Map();

/** The player's modules and files. @param {boolean} hasPlots */
function codeParts(hasPlots) {
  const before = known.get(hasPlots);
  if (before) return before;
  const made = collect(hasPlots);
  made.catch(() => known.delete(hasPlots));
  known.set(hasPlots, made);
  return made;
}

/** @param {boolean} hasPlots */
async function collect(hasPlots) {
  /** @type {Record<string, string>} */
  const imports = {};
  /** @type {Record<string, string>} */
  const assets = {};
  const waiting = [ENTRY];
  for (let name = waiting.pop(); name; name = waiting.pop()) {
    const address = `crosscheck/${name}`;
    if (address in imports) continue;
    imports[address] = ""; // so that a circle ends
    const source = await text(name);
    const named = namedIn(name, source);
    waiting.push(...named.modules);
    for (const asset of named.assets) {
      if (asset !== PLOTLY && !(asset in assets))
        assets[asset] = await dataUrl(new Blob([await style(asset)], { type: "text/css" }));
    }
    const own = source
      .replace(IMPORTS, (_, start, other) => `${start}"crosscheck/${fileBeside(name, other)}"`)
      .replace(ASSETS, (_, asset) => `globalThis.crosscheckAssets[${JSON.stringify(fileBeside(name, asset))}]`);
    imports[address] = await dataUrl(new Blob([own], { type: "text/javascript" }));
  }
  return { imports, assets, plotly: hasPlots ? await packedPlotly() : "" };
}

/** The files under /web/ that a module imports, also on demand, and that it loads by address. @param {string} name its own @param {string} source */
export function namedIn(name, source) {
  return {
    modules: [...source.matchAll(IMPORTS)].map(([, , other]) => fileBeside(name, other)),
    assets: [...source.matchAll(ASSETS)].map(([, asset]) => fileBeside(name, asset)),
  };
}

/** plotly.js weighs 4.7 MB, packed a third of that. */
async function packedPlotly() {
  const packed = new Blob([await text(PLOTLY)]).stream().pipeThrough(new CompressionStream("gzip"));
  return base64(new Uint8Array(await new Response(packed).arrayBuffer()));
}

/** A style sheet with those that it imports in their place. @param {string} name @returns {Promise<string>} */
async function style(name) {
  const source = await text(name);
  const others = await Promise.all(
    [...source.matchAll(CSS_IMPORTS)].map(([, other]) => style(fileBeside(name, other))),
  );
  return source.replace(CSS_IMPORTS, () => others.shift() ?? "");
}

/** The file under /web/ that `name` calls `relative`. @param {string} name @param {string} relative */
function fileBeside(name, relative) {
  return new URL(relative, `https://web/${name}`).pathname.slice(1);
}

/** @param {string} name path under /web/ */
async function text(name) {
  const response = await fetch(new URL(`../${name}`, import.meta.url));
  if (!response.ok) throw new Error(`${name} cannot be loaded`);
  return response.text();
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** @param {Uint8Array} bytes */
async function base64(bytes) {
  const url = await dataUrl(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)]));
  return url.slice(url.indexOf(",") + 1);
}

/** @param {number} bytes */
function base64Length(bytes) {
  return 4 * Math.ceil(bytes / 3);
}

/** @param {string} text */
export function escaped(text) {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** JSON that no text in it can end: "</script>" and "<!--" need their first letter. @param {unknown} value */
export function inScript(value) {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
