import assert from "node:assert/strict";
import { test } from "node:test";
import { columnRange, headerEnd, parseHeader, readColumn, writePack } from "../../../dashboard/web/frames/pack.mjs";
import { packBytes } from "../fixtures/pack_server.mjs";

test("a header gives the byte range of every image", () => {
  const bytes = packBytes({ codec: "png", width: 2, height: 1, channels: 3, n: 3, sizes: [5, 7, 2], columns: {} });
  const end = bytes.length;
  assert.deepEqual(headerEnd(bytes), end);
  assert.deepEqual(parseHeader(bytes).offsets, [end, end + 5, end + 12, end + 14]);
});

test("a column decodes to the numbers in its bytes, half floats included", () => {
  const columns = { a: { dtype: "<f2", shape: [1, 6], offset: 9 }, b: { dtype: "<f8", shape: [1], offset: 21 } };
  const header = { codec: "png", width: 1, height: 1, channels: 1, offsets: [100, 109], columns };
  const { start, end } = columnRange(header, "a");
  assert.deepEqual([start, end], [109, 121]);
  const halves = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7bff, 0x0000, 0x3555]);
  const values = readColumn(new Uint8Array(halves.buffer), columnRange(header, "a"));
  assert.deepEqual([...values], [1, -2, 2 ** -24, 65504, 0, 0.333251953125]);
  const whole = new Uint8Array(new Float64Array([-0.1]).buffer);
  assert.deepEqual([...readColumn(whole, columnRange(header, "b"))], [-0.1]);
});

test("a damaged column is rejected with a reason", () => {
  const good = { dtype: "<f4", shape: [1, 2], offset: 9 };
  const header = (column) => ({
    codec: "png",
    width: 1,
    height: 1,
    channels: 1,
    offsets: [0, 9],
    columns: { c: column },
  });
  columnRange(header(good), "c");
  assert.throws(() => columnRange(header(good), "toString"), /no column/);
  assert.throws(() => columnRange({ ...header(good), columns: undefined }, "c"), /no column/);
  for (const wrong of [
    { dtype: "<i4" },
    { shape: [2, 2] },
    { shape: [1, -2] },
    { shape: 3 },
    { offset: 8 },
    { shape: [1, 2e9] },
  ]) {
    assert.throws(() => columnRange(header({ ...good, ...wrong }), "c"), /damaged/);
  }
  assert.throws(() => columnRange(header(null), "c"), /damaged/);
  assert.throws(() => readColumn(new Uint8Array(7), columnRange(header(good), "c")), /less data than/);
});

test("a file that is not a pack is rejected with a reason", () => {
  assert.throws(() => headerEnd(new TextEncoder().encode("GIF89a, surely")), /not a pack/);
  assert.throws(() => headerEnd(new Uint8Array(3)), /not a pack/);
  const huge = new Uint8Array(12);
  huge.set(new TextEncoder().encode("XCPACK01"));
  huge.fill(255, 8);
  assert.throws(() => headerEnd(huge), /damaged/);
  huge.set([4, 0, 0, 0], 8);
  assert.throws(() => parseHeader(Uint8Array.from([...huge, 123, 123, 123, 123])), /damaged/);
});

test("previews are where the header says, and invalid ones are ignored", () => {
  const header = (previews) => {
    const bytes = packBytes({ codec: "png", width: 2, height: 2, channels: 3, sizes: [5, 7], columns: {}, previews });
    return [parseHeader(bytes), bytes.length];
  };
  const [found, end] = header({ codec: "jpeg", sizes: [2, 3], offset: 20 });
  assert.deepEqual(found.previews, { codec: "jpeg", offsets: [end + 20, end + 22, end + 25] });
  const good = { codec: "jpeg", sizes: [2, 3], offset: 20 };
  for (const bad of [
    { codec: "gif" },
    { sizes: [2] },
    { sizes: [2, 0] },
    { sizes: null },
    { offset: 11 },
    { offset: 20.5 },
  ]) {
    assert.deepEqual(header({ ...good, ...bad })[0].previews, null);
  }
  assert.deepEqual(
    [header(undefined)[0].previews, header(null)[0].previews, header([])[0].previews],
    [null, null, null],
  );
});

test("a written pack reads back unchanged", () => {
  const images = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
  const columns = { terms: { dtype: "<f4", shape: [2, 1], bytes: new Uint8Array(new Float32Array([0.5, 2]).buffer) } };
  const bytes = writePack({ codec: "png", width: 8, height: 4, channels: 1, images, columns });
  const header = parseHeader(bytes);
  const column = columnRange(header, "terms");
  const [start, , end] = header.offsets;
  assert.equal(header.width, 8);
  assert.deepEqual(
    header.offsets.map((at) => at - start),
    [0, 3, 4],
  );
  assert.deepEqual([...bytes.subarray(start, end)], [1, 2, 3, 4]);
  assert.deepEqual([...readColumn(bytes.subarray(column.start, column.end), column)], [0.5, 2]);
});
