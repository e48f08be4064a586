// @ts-check
/** Opens a page made by offline_page.mjs: unpacks what stands in it, then mounts the player of the Compare page. */

import { embedded } from "../frames/fetch.mjs";
import { mount } from "../player/compare_page.mjs";

const partOf = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? "";

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function fromBase64(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** The address of plotly.js, which stands packed in the page. */
async function unpackPlotly() {
  const packed = partOf("plotly");
  if (!packed) return "";
  const stream = new Blob([fromBase64(packed)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
}

async function open() {
  const data = JSON.parse(partOf("data"));
  for (const script of document.querySelectorAll("script[id^=pack-]")) {
    embedded.set(script.id.replace("pack-", "embedded:"), fromBase64(script.textContent ?? ""));
    script.remove(); // once in memory is enough
  }
  const assets = { ...JSON.parse(partOf("assets")), "plotly.min.js": await unpackPlotly() };
  Object.assign(globalThis, { crosscheckAssets: assets });
  const host = /** @type {HTMLElement} */ (document.getElementById("player"));
  mount({ data, parentElement: host.attachShadow({ mode: "open" }), setStateValue: () => {} });
}

open();
