import assert from "node:assert/strict";
import { test } from "node:test";
import { depthOf, lensOf, pointOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { glbOf, meshOf, plyOf } from "../../../dashboard/web/surfaces/mesh.mjs";
import { DEPTH } from "../fixtures/depth.mjs";

const SIZE = { width: 6, height: 4 };
const LENS = lensOf(SIZE, 60);
const TEAR = { name: "tear", tolerance: 0.04 };
/** Left half near, right half far. */
const CODES = Float32Array.from({ length: 24 }, (_, i) => (i % 6 < 3 ? 100 : 180));
const RGBA = Uint8ClampedArray.from({ length: 96 }, (_, i) => (i % 4 === 3 ? 255 : i));

/** A reader of its own: the header's counts, then the records that it states. @param {Uint8Array} data */
function readPly(data) {
  const text = new TextDecoder("latin1").decode(data);
  const end = text.indexOf("end_header\n") + 11;
  const lines = text.slice(0, end).split("\n");
  assert.deepEqual(lines.slice(0, 2), ["ply", "format binary_little_endian 1.0"]);
  const count = (/** @type {string} */ name) =>
    Number(lines.find((line) => line.startsWith(`element ${name} `))?.split(" ")[2] ?? 0);
  const hasEnergy = lines.includes("property float energy");
  const view = new DataView(data.buffer, data.byteOffset);
  let at = end;
  const vertices = Array.from({ length: count("vertex") }, () => {
    const place = [0, 4, 8].map((by) => view.getFloat32(at + by, true));
    const colour = [12, 13, 14].map((by) => view.getUint8(at + by));
    const energy = hasEnergy ? view.getFloat32(at + 15, true) : null;
    at += hasEnergy ? 19 : 15;
    return { place, colour, energy };
  });
  const faces = Array.from({ length: count("face") }, () => {
    assert.equal(view.getUint8(at), 3);
    const corners = [1, 5, 9].map((by) => view.getInt32(at + by, true));
    at += 13;
    return corners;
  });
  assert.equal(at, data.length);
  return { vertices, faces, comments: lines.filter((line) => line.startsWith("comment ")) };
}

/** The two chunks of a GLB. @param {Uint8Array} data */
function readGlb(data) {
  const view = new DataView(data.buffer, data.byteOffset);
  assert.deepEqual(
    [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)],
    [0x46546c67, 2, data.length],
  );
  const length = view.getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(data.subarray(20, 20 + length)));
  assert.equal(view.getUint32(20 + length, true), json.buffers[0].byteLength);
  const binary = data.slice(28 + length);
  assert.equal(binary.length, json.buffers[0].byteLength);
  const part = (/** @type {number} */ i) => {
    const { byteOffset, byteLength } = json.bufferViews[i];
    return binary.slice(byteOffset, byteOffset + byteLength);
  };
  return { json, part };
}

test("a torn mesh has no triangle over the jump, a stretched one has them all, and points have none", () => {
  const torn = meshOf(CODES, DEPTH, LENS, TEAR);
  assert.equal(torn.indices.length / 3, 2 * 3 * 4);
  for (let i = 0; i < torn.indices.length; i += 3) {
    const sides = [0, 1, 2].map((c) => torn.pixels[torn.indices[i + c]] % 6 < 3);
    assert.equal(new Set(sides).size, 1);
  }
  assert.equal(meshOf(CODES, DEPTH, LENS, { ...TEAR, name: "stretch" }).indices.length / 3, 2 * 3 * 5);
  const points = meshOf(CODES, DEPTH, LENS, { ...TEAR, name: "points" });
  assert.deepEqual([points.indices.length, points.pixels.length], [0, 24]);
});

test("unknown pixels are in no surface, stretched or not, and all unknown is an empty mesh", () => {
  const holed = CODES.map((code, i) => (i === 7 ? -1 : code));
  for (const name of ["tear", "stretch", "points"])
    assert.ok(!meshOf(holed, DEPTH, LENS, { ...TEAR, name }).pixels.includes(7), name);
  assert.equal(
    meshOf(
      CODES.map(() => -1),
      DEPTH,
      LENS,
      TEAR,
    ).pixels.length,
    0,
  );
  const one = meshOf(Float32Array.of(9), DEPTH, lensOf({ width: 1, height: 1 }, 60), TEAR);
  assert.equal(one.pixels.length, 0);
});

test("triangles face the camera", () => {
  const { positions: p, indices } = meshOf(CODES, DEPTH, LENS, TEAR);
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [0, 1, 2].map((k) => [...p.slice(3 * indices[i + k], 3 * indices[i + k] + 3)]);
    const [u, v] = [b, c].map((end) => end.map((value, k) => value - a[k]));
    const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    assert.ok(normal[0] * a[0] + normal[1] * a[1] + normal[2] * a[2] < 0);
  }
});

test("a PLY read back has the places in metres, y up, the colours and the energy", () => {
  const mesh = meshOf(CODES, DEPTH, LENS, TEAR);
  const data = plyOf(mesh, RGBA, { comments: ["a\nclip é"], energy: (pixel) => pixel / 2 });
  const { vertices, faces, comments } = readPly(data);
  assert.deepEqual(comments, ["comment a clip  "]);
  assert.deepEqual([vertices.length, faces.length], [24, 24]);
  vertices.forEach(({ place, colour, energy }, i) => {
    const pixel = mesh.pixels[i];
    const [x, y, z] = pointOf(LENS, pixel % 6, Math.floor(pixel / 6), depthOf(DEPTH, CODES[pixel]));
    for (const [c, value] of [x, -y, -z].entries()) assert.ok(Math.abs(place[c] - value) < 1e-5);
    assert.deepEqual(colour, [...RGBA.slice(4 * pixel, 4 * pixel + 3)]);
    assert.equal(energy, pixel / 2);
  });
  assert.ok(vertices[0].place[1] > vertices[23].place[1], "the top of the picture is up");
  assert.ok(faces.flat().every((at) => at >= 0 && at < 24));
  const points = readPly(
    plyOf(meshOf(CODES, DEPTH, LENS, { ...TEAR, name: "points" }), RGBA, { comments: [], energy: null }),
  );
  assert.deepEqual([points.vertices.length, points.faces.length, points.vertices[0].energy], [24, 0, null]);
});

test("a GLB read back has the same mesh, its bounds, its picture and where each vertex has its colour", () => {
  const mesh = meshOf(CODES, DEPTH, LENS, TEAR);
  const png = Uint8Array.of(137, 80, 78, 71, 1);
  const { json, part } = readGlb(glbOf(mesh, LENS, png, "a clip"));
  assert.deepEqual([...new Float32Array(part(0).buffer)], [...mesh.positions]);
  assert.deepEqual([...new Uint32Array(part(2).buffer)], [...mesh.indices]);
  assert.deepEqual([...part(3)], [...png]);
  const [low, high] = [json.accessors[0].min, json.accessors[0].max];
  assert.ok(low[2] < high[2] && high[2] < 0, "the surface lies before the camera, which looks along -z");
  assert.ok(Math.abs(-high[2] - depthOf(DEPTH, 100)) < 1e-5 && Math.abs(-low[2] - depthOf(DEPTH, 180)) < 1e-5);
  const places = new Float32Array(part(1).buffer);
  assert.ok(Math.abs(places[0] - 0.5 / 6) < 1e-6 && Math.abs(places[1] - 0.5 / 4) < 1e-6);
  assert.ok(json.bufferViews.every((/** @type {any} */ view) => view.byteOffset % 4 === 0));
});
