import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contrast, oklab } from "../fixtures/oklab.mjs";

const css = readFileSync(new URL("../../../dashboard/web/ui/player.css", import.meta.url), "utf8");
const rgb = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
const all = (name) => [...css.matchAll(new RegExp(`${name}: (#[0-9a-f]{6});`, "g"))].map(([, hex]) => rgb(hex));
const distance = (a, b) => 100 * Math.hypot(...oklab(a).map((one, i) => one - oklab(b)[i]));

/** Light, then dark: the pages' backgrounds (.streamlit/config.toml), letters on badges, hues and their second shades. */
const THEMES = [0, 1].map((theme) => ({
  page: rgb(["#fcfcfb", "#15171b"][theme]),
  letters: all("--xc-on-own")[theme],
  hues: Array.from({ length: 8 }, (_, hue) => all(`--xc-hue-${hue}`)[theme]),
  shades: Array.from({ length: 8 }, (_, hue) => all(`--xc-hue-${hue}-b`)[theme]),
}));

test("every hue stands out from the page as a thin line, and the letter on its badge is legible", () => {
  for (const { page, letters, hues, shades } of THEMES) {
    for (const colour of [...hues, ...shades]) {
      assert.ok(contrast(colour, page) >= 3 && contrast(colour, letters) >= 4.5, String(colour));
    }
  }
});

test("no two hues look alike, and a second shade differs from the first", () => {
  for (const { hues, shades } of THEMES) {
    for (const [i, hue] of hues.entries()) {
      for (const other of hues.slice(i + 1)) assert.ok(distance(hue, other) > 9, `${hue} and ${other}`);
      assert.ok(distance(hue, shades[i]) > 9, `${hue} and ${shades[i]}`);
    }
  }
});
