import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contrast, distanceTo, EYES } from "../fixtures/oklab.mjs";

const css = readFileSync(new URL("../../../dashboard/web/ui/player.css", import.meta.url), "utf8");
const rgb = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
const all = (name) => [...css.matchAll(new RegExp(`${name}: (#[0-9a-f]{6});`, "g"))].map(([, hex]) => rgb(hex));
/** Distance in OKLab, times 100; two samples side by side are told apart from about 2 on, thin lines need several times that. */
const LEAST_DISTANCE = { hues: 10, shades: 9 };

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

test("no two hues look alike, and a second shade differs from the first, to eyes of every kind", () => {
  for (const { hues, shades } of THEMES) {
    for (const eyes of EYES) {
      for (const [i, hue] of hues.entries()) {
        for (const other of hues.slice(i + 1))
          assert.ok(distanceTo(eyes, hue, other) > LEAST_DISTANCE.hues, `${hue} and ${other} to ${eyes} eyes`);
        assert.ok(
          distanceTo(eyes, hue, shades[i]) > LEAST_DISTANCE.shades,
          `${hue} and its shade ${shades[i]} to ${eyes} eyes`,
        );
      }
    }
  }
});

test("blue and green are one colour to tritan eyes, and red and green to deutan ones, which the test knows", () => {
  const [blue, green, moss, brown] = ["#62b8f0", "#3fc79d", "#6b7a00", "#a35c00"].map(rgb);
  assert.ok(distanceTo("tritan", blue, green) < 5 && distanceTo("none", blue, green) > 10);
  assert.ok(distanceTo("deutan", moss, brown) < distanceTo("none", moss, brown) / 2);
});
