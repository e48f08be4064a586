import assert from "node:assert/strict";
import { test } from "node:test";
import { clipCamera, orbited, projection } from "../../../dashboard/web/space/camera.mjs";
import { pixelAt, placeOf } from "../../../dashboard/web/space/picking.mjs";
import { lensOf } from "../../../dashboard/web/surfaces/geometry.mjs";
import { DEPTH } from "../fixtures/depth.mjs";

const LENS = lensOf({ width: 64, height: 64 }, 70);
/** A wall with a nearer box in its middle. */
const CODES = Float32Array.from({ length: 64 * 64 }, (_, i) => {
  const [x, y] = [i % 64, Math.floor(i / 64)];
  return x >= 24 && x < 40 && y >= 24 && y < 40 ? 120 : 170;
});

test("each pixel is found where it is seen, from the clip's camera and from elsewhere", () => {
  for (const camera of [clipCamera(2), orbited(clipCamera(2), 12, -8)]) {
    const seen = { codes: CODES, domain: DEPTH, lens: LENS, camera: projection(camera, LENS, 2) };
    for (const [x, y] of [
      [30, 30],
      [8, 50],
    ]) {
      const place = placeOf(seen, x + 0.5, y + 0.5);
      assert.deepEqual(pixelAt(seen, place.u, place.v), [x, y]);
    }
  }
});

test("a pixel of 16 bits, whose code is no whole number of 8, is found where it is seen", () => {
  const domain = { ...DEPTH, bits: 16 };
  const camera = projection(orbited(clipCamera(2), 12, -8), LENS, 2);
  const seen = { codes: CODES.map((code) => code + 100 / 257), domain, lens: LENS, camera };
  const place = placeOf(seen, 8.5, 50.5);
  assert.deepEqual(pixelAt(seen, place.u, place.v), [8, 50]);
});

test("what is hidden is not picked", () => {
  const isHidden = (/** @type {number} */ yaw) => {
    const seen = {
      codes: CODES,
      domain: DEPTH,
      lens: LENS,
      camera: projection(orbited(clipCamera(2), yaw, 0), LENS, 2),
    };
    return Array.from({ length: 23 }, (_, i) => 41 + i).some((x) => {
      const place = placeOf(seen, x + 0.5, 32.5); // a pixel of the wall, right of the box
      const found = pixelAt(seen, place.u, place.v);
      return found !== null && found[0] >= 24 && found[0] < 40;
    });
  };
  assert.deepEqual([0, 30, -30].map(isHidden), [false, true, false]);
});

test("nothing is picked beside the surface, nor an unknown pixel", () => {
  const camera = projection(clipCamera(2), LENS, 2);
  const unknown = { codes: CODES.map(() => -1), domain: DEPTH, lens: LENS, camera };
  assert.equal(pixelAt(unknown, 0.5, 0.5), null);
  assert.equal(placeOf(unknown, 3, 3), null);
  assert.equal(pixelAt({ ...unknown, codes: CODES }, 1.5, 0.5), null);
});
