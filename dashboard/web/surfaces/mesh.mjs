// @ts-check
/** A depth picture as a mesh for other programs: y up and the camera looking along -z, as glTF has it. Pure. */

import { depthOf, isTorn, pointOf, strideOf, tearing } from "./geometry.mjs";

/**
 * @typedef {import("./geometry.mjs").Domain} Domain
 * @typedef {import("./geometry.mjs").Lens} Lens
 * @typedef {import("../view/space_view_state.mjs").SpaceViewState["surface"]} SurfaceKind
 * @typedef {{positions: Float32Array<ArrayBuffer>, pixels: Uint32Array<ArrayBuffer>, indices: Uint32Array<ArrayBuffer>}} Mesh
 *   positions: x right, y up, z towards the camera, three a vertex; pixels: index of each vertex's pixel; indices: three a
 *   triangle, counter-clockwise as the camera sees them, none where points are shown
 */

/**
 * What the page draws: the same vertices, without those that no triangle uses, and the same triangles.
 * @param {Float32Array} codes from `fillCodes` @param {Domain} domain @param {Lens} lens @param {SurfaceKind} surface
 * @returns {Mesh}
 */
export function meshOf(codes, domain, lens, { name, tolerance }) {
  const { width, height } = lens;
  const stride = strideOf(lens);
  const depthAt = (/** @type {number} */ x, /** @type {number} */ y) => depthOf(domain, codes[y * width + x]);
  const limits = name === "tear" ? tearing(domain, tolerance) : { ratio: Infinity, offset: 0 };
  /** @type {number[]} pixels of the corners, three a triangle */
  const corners = [];
  /** @type {number[]} */
  const shown = [];
  for (let y = 0; y < height; y += stride) {
    for (let x = 0; x < width; x += stride) {
      const at = y * width + x;
      const [here, right, below] = [depthAt(x, y), depthAt(x + stride, y), depthAt(x, y + stride)];
      if (name === "points") {
        if (Number.isFinite(here)) shown.push(at);
        continue;
      }
      if (x + stride >= width || y + stride >= height) continue;
      const across = depthAt(x + stride, y + stride);
      const down = stride * width;
      if (!isTorn(here, right, below, limits)) corners.push(at, at + down, at + stride);
      if (!isTorn(across, right, below, limits)) corners.push(at + stride, at + down, at + down + stride);
    }
  }
  const pixels = Uint32Array.from(name === "points" ? shown : [...new Set(corners)].sort((a, b) => a - b));
  const places = new Map([...pixels].map((pixel, i) => [pixel, i]));
  const positions = new Float32Array(3 * pixels.length);
  pixels.forEach((pixel, i) => {
    const [x, y, z] = pointOf(lens, pixel % width, Math.floor(pixel / width), depthOf(domain, codes[pixel]));
    positions.set([x, -y, -z], 3 * i);
  });
  return { positions, pixels, indices: Uint32Array.from(corners, (pixel) => places.get(pixel) ?? 0) };
}

/**
 * A mesh as PLY, binary: x, y, z, red, green, blue and, where there is one, the energy as a property of each vertex.
 * @param {Mesh} mesh @param {Uint8ClampedArray} rgba colours of all pixels
 * @param {{comments: string[], energy: ((pixel: number) => number) | null}} more comments: what the file is, one line each
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function plyOf({ positions, pixels, indices }, rgba, { comments, energy }) {
  const nFaces = indices.length / 3;
  const lines = [
    "ply",
    "format binary_little_endian 1.0",
    ...comments.map((text) => `comment ${text.replace(/[^\x20-\x7e]+/g, " ")}`),
    `element vertex ${pixels.length}`,
    ...["x", "y", "z"].map((name) => `property float ${name}`),
    ...["red", "green", "blue"].map((name) => `property uchar ${name}`),
    ...(energy ? ["property float energy"] : []),
    ...(nFaces ? [`element face ${nFaces}`, "property list uchar int vertex_indices"] : []),
    "end_header\n",
  ];
  const header = new TextEncoder().encode(lines.join("\n"));
  const vertexBytes = 15 + (energy ? 4 : 0);
  const data = new Uint8Array(header.length + vertexBytes * pixels.length + 13 * nFaces);
  data.set(header);
  const view = new DataView(data.buffer);
  let at = header.length;
  pixels.forEach((pixel, i) => {
    for (let c = 0; c < 3; c += 1) view.setFloat32(at + 4 * c, positions[3 * i + c], true);
    for (let c = 0; c < 3; c += 1) data[at + 12 + c] = rgba[4 * pixel + c];
    if (energy) view.setFloat32(at + 15, energy(pixel), true);
    at += vertexBytes;
  });
  for (let i = 0; i < indices.length; i += 3, at += 13) {
    data[at] = 3;
    for (let c = 0; c < 3; c += 1) view.setInt32(at + 1 + 4 * c, indices[i + c], true);
  }
  return data;
}

const FLOAT = 5126;
const UNSIGNED_INT = 5125;

/**
 * A mesh as GLB (glTF 2.0, binary) with its picture as texture, unlit.
 * @param {Mesh} mesh @param {Lens} lens @param {Uint8Array} png the picture @param {string} name
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function glbOf({ positions, pixels, indices }, { width, height }, png, name) {
  const places = new Float32Array(2 * pixels.length);
  pixels.forEach((pixel, i) => {
    places.set([((pixel % width) + 0.5) / width, (Math.floor(pixel / width) + 0.5) / height], 2 * i);
  });
  const ends = (/** @type {(a: number, b: number) => number} */ choose, /** @type {number} */ from) =>
    [0, 1, 2].map((c) => {
      let found = from;
      for (let i = c; i < positions.length; i += 3) found = choose(found, positions[i]);
      return found;
    });
  const hasFaces = indices.length > 0;
  const parts = [positions, places, ...(hasFaces ? [indices] : []), png].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  let end = 0;
  const bufferViews = parts.map(({ length }) => {
    const view = { buffer: 0, byteOffset: end, byteLength: length };
    end += padded(length);
    return view;
  });
  const accessors = [
    {
      bufferView: 0,
      componentType: FLOAT,
      count: pixels.length,
      type: "VEC3",
      min: ends(Math.min, Infinity),
      max: ends(Math.max, -Infinity),
    },
    { bufferView: 1, componentType: FLOAT, count: pixels.length, type: "VEC2" },
    ...(hasFaces ? [{ bufferView: 2, componentType: UNSIGNED_INT, count: indices.length, type: "SCALAR" }] : []),
  ];
  const primitive = { attributes: { POSITION: 0, TEXCOORD_0: 1 }, material: 0, mode: hasFaces ? 4 : 0 };
  const json = {
    asset: { version: "2.0", generator: "Crosscheck" },
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ mesh: 0, name }],
    meshes: [{ name, primitives: [hasFaces ? { ...primitive, indices: 2 } : primitive] }],
    materials: [
      {
        pbrMetallicRoughness: { baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 1 },
        doubleSided: true,
        extensions: { KHR_materials_unlit: {} },
      },
    ],
    extensionsUsed: ["KHR_materials_unlit"],
    textures: [{ source: 0, sampler: 0 }],
    samplers: [{ magFilter: 9729, minFilter: 9729, wrapS: 33071, wrapT: 33071 }],
    images: [{ bufferView: parts.length - 1, mimeType: "image/png" }],
    accessors,
    bufferViews,
    buffers: [{ byteLength: end }],
  };
  const text = new TextEncoder().encode(JSON.stringify(json));
  const total = 12 + 8 + padded(text.length) + 8 + end;
  const data = new Uint8Array(total);
  const view = new DataView(data.buffer);
  const words = [0x46546c67, 2, total, padded(text.length), 0x4e4f534a];
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true);
  data.fill(0x20, 20, 20 + padded(text.length));
  data.set(text, 20);
  const start = 20 + padded(text.length);
  view.setUint32(start, end, true);
  view.setUint32(start + 4, 0x004e4942, true);
  for (const [i, part] of parts.entries()) data.set(part, start + 8 + bufferViews[i].byteOffset);
  return data;
}

/** Chunks of GLB begin at multiples of four bytes. @param {number} length */
function padded(length) {
  return 4 * Math.ceil(length / 4);
}
