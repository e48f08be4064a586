import assert from "node:assert/strict";
import { test } from "node:test";
import { physicalValue } from "../../../dashboard/web/drawing/colour.mjs";
import { relation } from "../../../dashboard/web/tools/measure.mjs";
import { DEPTH } from "../fixtures/depth.mjs";

const SIZE = { width: 256, height: 256 };
const NORMAL = { name: "normal", channels: 3, meaning: "direction", lo: -1, hi: 1, scale: "linear", unit: "" };
const CENTRE = { x: 127.5, y: 127.5 };

test("along the camera's axis the distance is the difference of the depths, and from edge to edge it follows the field of view", () => {
  const metres = (/** @type {string} */ text) => Number(/distance ([\d.]+)/.exec(text)?.[1]);
  const [depth, behind] = [100, 200].map((code) => physicalValue(DEPTH, code / 255));
  const along = relation(DEPTH, 100, 200, CENTRE, CENTRE, SIZE);
  assert.equal(metres(along), Number((behind - depth).toFixed(2)));
  const across = relation(DEPTH, 100, 100, { x: -0.5, y: 127.5 }, { x: 255.5, y: 127.5 }, SIZE, 60);
  assert.equal(metres(across), Number((2 * depth * Math.tan(Math.PI / 6)).toFixed(2)));
});

test("opposite normals are 180° apart, the same ones 0°, and grey has no direction", () => {
  const [right, left, none] = [
    255 | (128 << 8) | (128 << 16),
    0 | (128 << 8) | (128 << 16),
    128 | (128 << 8) | (128 << 16),
  ];
  const angle = (a, b) => relation(NORMAL, a, b, CENTRE, CENTRE, SIZE);
  assert.match(angle(right, left), /179\.\d°$|180(\.0)?°$/);
  assert.match(angle(right, right), / < 0\.1°$/);
  assert.equal(angle(right, none), "");
});

test("a depth without metres gives no distance", () => {
  const text = relation({ ...DEPTH, unit: "" }, 10, 200, CENTRE, CENTRE, SIZE);
  assert.match(text, /ratio/);
  assert.doesNotMatch(text, / m\b/);
  assert.match(
    relation(DEPTH, 10, 200, CENTRE, CENTRE, SIZE),
    /distance \d+\.\d\d\u00a0m \(at a field of view of 60°\)/,
  );
  assert.match(relation(DEPTH, 10, 200, CENTRE, CENTRE, SIZE, 68), /field of view of 68°/);
  assert.equal(relation({ ...DEPTH, name: "reshading" }, 10, 200, CENTRE, CENTRE, SIZE), "");
});
