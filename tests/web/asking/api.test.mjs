import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, Refusal } from "../../../dashboard/web/asking/api.mjs";

const PART_BYTES = 1000;

/** A server that keeps what it receives, and breaks off where `breaks` says so: after how many bytes of which part. */
function server(breaks = {}) {
  const kept = [];
  const calls = [];
  let nParts = 0;
  const send = async (url, { method, body, headers, signal }) => {
    calls.push(`${method} ${url.pathname}${url.search}`);
    assert.equal(headers["X-Crosscheck-Ticket"], "t");
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    const answer = (status, json) => new Response(JSON.stringify(json), { status });
    if (method === "POST") return answer(201, { id: "u" });
    if (method === "DELETE") return new Response(null, { status: 204 });
    const at = Number(url.searchParams.get("at"));
    if (at !== kept.length) return answer(409, { received: kept.length });
    const bytes = new Uint8Array(await body.arrayBuffer());
    const cut = breaks[nParts++];
    kept.push(...bytes.subarray(0, cut));
    if (cut !== undefined) throw new TypeError("network error");
    return answer(200, { received: kept.length, upload: kept.length === server.total ? "digest" : null });
  };
  return { send, kept, calls };
}

const upload = (own, file, options = {}) => {
  server.total = file.size;
  const api = new Api("t", "http://page/base/", own.send);
  api.partBytes = PART_BYTES;
  const signal = options.signal ?? new AbortController().signal;
  return api.upload(file, { signal, progress: () => {}, wait: async () => {}, ...options });
};

const file = () => new Blob([new Uint8Array(2 * PART_BYTES + 7).map((_, i) => i % 251)]);

test("a file is sent in parts, and its progress is what the server has", async () => {
  const own = server();
  const told = [];
  assert.equal(await upload(own, file(), { progress: (n) => told.push(n) }), "digest");
  assert.deepEqual(told, [PART_BYTES, 2 * PART_BYTES]);
  assert.equal(own.calls[0], "POST /base/asking/uploads");
  assert.deepEqual(Buffer.from(own.kept), Buffer.from(await file().arrayBuffer()));
});

test("where the line breaks, the upload goes on at the byte that the server has", async () => {
  const own = server({ 0: 300, 1: 0, 2: 99 });
  assert.equal(await upload(own, file()), "digest");
  assert.deepEqual(Buffer.from(own.kept), Buffer.from(await file().arrayBuffer()));
});

test("a line that stays broken ends the upload with a next step", async () => {
  const own = server(Object.fromEntries([...Array(20).keys()].map((i) => [i, 0])));
  await assert.rejects(upload(own, file()), (error) => error instanceof Refusal && /connection/.test(error.nextStep));
});

test("an upload that is cancelled is given up on the server too", async () => {
  const own = server();
  const stop = new AbortController();
  await assert.rejects(upload(own, file(), { signal: stop.signal, progress: () => stop.abort() }), {
    name: "AbortError",
  });
  assert.equal(own.calls.at(-1), "DELETE /base/asking/uploads/u");
});

test("what the server refuses comes with its next step, and what it cannot say with one too", async () => {
  const answers = [
    new Response('{"found": "too large", "next_step": "cut it"}', { status: 422 }),
    new Response("<html>", { status: 502 }),
  ];
  const api = new Api("t", "http://page/", async () => answers.shift());
  await assert.rejects(api.call("POST", "requests", { json: {} }), { text: "Too large. Next: cut it." });
  await assert.rejects(api.call("GET", "requests"), { text: "The server answered 502. Next: try again later." });
});
