// Saves the surface of a small room as PLY and GLB, with the code of the page. Reads {folder, png: base64, codes, width, height,
// domain, degrees} as JSON from the standard input.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lensOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { glbOf, meshOf, plyOf } from "../../../dashboard/web/surfaces/mesh.mjs";

const { folder, png, codes, width, height, domain, degrees } = JSON.parse(readFileSync(0, "utf-8"));
const lens = lensOf({ width, height }, degrees);
const mesh = meshOf(Float32Array.from(codes), domain, lens, { name: "tear", tolerance: 0.04 });
const rgba = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => i % 251);
writeFileSync(join(folder, "room.ply"), plyOf(mesh, rgba, { comments: ["metres"], energy: (pixel) => pixel / 8 }));
writeFileSync(join(folder, "room.glb"), glbOf(mesh, lens, Buffer.from(png, "base64"), "a room"));
