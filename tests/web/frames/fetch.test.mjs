import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchRange, reasonOf, UNREACHABLE } from "../../../dashboard/web/frames/fetch.mjs";

/** @param {number} status @param {string} text */
async function reasonFor(status, text) {
  globalThis.fetch = async () => new Response(text, { status });
  return fetchRange("https://here/pack", 0, 8).then(() => "", reasonOf);
}

test("what a proxy answers for a server that starts is tried again; what the server itself refuses is quoted", async () => {
  for (const status of [429, 502, 503, 504])
    assert.equal(await reasonFor(status, "<html>Bad gateway</html>"), UNREACHABLE);
  assert.equal(await reasonFor(410, "the pack is damaged"), "the pack is damaged");
  assert.equal(await reasonFor(500, "<html>"), "the server answered 500");
  assert.equal(await reasonFor(206, "12345678"), "");
});
