import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "node:test";
import { escaped, inScript, namedIn } from "../../../dashboard/web/export/offline_page.mjs";

const WEB = join(import.meta.dirname, "../../../dashboard/web");
const MODULES = readdirSync(WEB, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".mjs"));
const sourceOf = (name) => readFileSync(join(WEB, name), "utf8");
/** Without comments, as the formatter lays out code: no string of the player contains a comment's sign before a space. */
const codeOf = (source) => source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/ .*$/gm, "");

test("the modules of an exported page are those that the code imports, and every one of them is a file", () => {
  assert.ok(MODULES.length > 50);
  for (const name of MODULES) {
    const source = sourceOf(name);
    const { modules } = namedIn(name, source);
    for (const other of modules) assert.ok(MODULES.includes(other), `${name} names ${other}`);
    const code = codeOf(source);
    const statements = code.match(/^(?:import|export)\b[^;=(]*?"[^"]+";$|\bimport\(\s*"[^"]+"\s*\)/gm) ?? [];
    const imported = statements.map((text) => posix.join(posix.dirname(name), /"([^"]+)"/.exec(text)?.[1] ?? text));
    assert.deepEqual(namedIn(name, code).modules, imported, name);
  }
});

test("every asset that a module loads by address is a file, and exported pages find it", () => {
  for (const name of MODULES) {
    const { assets } = namedIn(name, sourceOf(name));
    for (const asset of assets)
      assert.ok(asset === "plotly.min.js" || existsSync(join(WEB, asset)), `${name} names ${asset}`);
    // offline_page.mjs itself reads modules from the server, where it runs.
    const uses = codeOf(sourceOf(name)).match(/import\.meta\.url/g) ?? [];
    if (name !== "export/offline_page.mjs") assert.equal(assets.length, uses.length, name);
  }
});

test("no text can end the markup or the script in which an exported page holds it", () => {
  const text = `</script><!--<img src=x onerror="a('b')">&`;
  assert.doesNotMatch(escaped(text), /[<>"']|&(?!#\d+;)/);
  assert.equal(escaped("a & <b>"), "a &#38; &#60;b&#62;");
  const written = inScript({ [text]: text });
  assert.doesNotMatch(written, /</);
  assert.deepEqual(JSON.parse(written), { [text]: text });
});
