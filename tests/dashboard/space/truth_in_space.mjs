// Fits planes to boxes of a depth picture, with the code that fills the buffers of the GPU. Reads a request as JSON from the
// standard input: {codes: base64 of one byte a pixel, width, height, domain, degrees, boxes}; writes the planes.
import { readFileSync } from "node:fs";
import { fillCodes, halfStep, lensOf, planeOf, pointsIn } from "../../../dashboard/web/surfaces/geometry.mjs";

const { codes, width, height, domain, degrees, boxes } = JSON.parse(readFileSync(0, "utf-8"));
const bytes = Buffer.from(codes, "base64");
const rgba = new Uint8ClampedArray(4 * bytes.length);
for (const [i, code] of bytes.entries()) rgba.fill(code, 4 * i, 4 * i + 3);
const floats = fillCodes(rgba, domain, new Float32Array(bytes.length));
const lens = lensOf({ width, height }, degrees);
const planes = boxes.map((box) => {
  const points = pointsIn(floats, domain, lens, box);
  const plane = planeOf(points);
  return { ...plane, step: 2 * halfStep(domain, plane.centre[2]) };
});
console.log(JSON.stringify(planes));
