import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal, statedSize } from "../../../dashboard/web/upload/picture_size.mjs";

/** How files that OpenCV wrote begin: 7 x 5 pixels, and 700 x 5 for WebP. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAKklEQQ==";
const JPEG_TABLES =
  "2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/";
const JPEG = `/9j/4AAQSkZJRgABAQAAAQABAAD/${JPEG_TABLES}wAARCAAFAAcDASIA`;
const PROGRESSIVE = `/9j/4AAQSkZJRgABAQAAAQABAAD/${JPEG_TABLES}wgARCAAFAAcDASIA`;
const WEBP = {
  lossy: "UklGRkgAAABXRUJQVlA4IDwAAAAQBQCdASq8AgUAPzmcy16vKyklIA==",
  lossless: "UklGRiwAAABXRUJQVlA4TCAAAAAvuwIBAA8wCZMwCfMfeFDTtgFzBQ==",
  "with alpha": "UklGRnIAAABXRUJQVlA4WAoAAAAQAAAAuwIABAAAQUxQSBAAAAABBw==",
};

/** @param {string} text @returns {ArrayBuffer} */
function bytes(text) {
  const all = Buffer.from(text, "base64");
  return all.buffer.slice(all.byteOffset, all.byteOffset + all.length);
}

test("the headers of PNG, JPEG and WebP state their size", () => {
  for (const text of [PNG, JPEG, PROGRESSIVE]) assert.deepEqual(statedSize(bytes(text)), { width: 7, height: 5 });
  for (const [name, text] of Object.entries(WEBP))
    assert.deepEqual(statedSize(bytes(text)), { width: 700, height: 5 }, name);
});

test("a preview within a JPEG's first segment is not taken for the picture", () => {
  const [picture, preview] = [Buffer.from(JPEG, "base64"), Buffer.from(PROGRESSIVE, "base64")];
  preview.writeUInt16BE(99, preview.length - 8);
  const segment = Buffer.from([0xff, 0xff, 0xe1, 0, 0]);
  segment.writeUInt16BE(preview.length + 2, 3);
  const whole = Buffer.concat([picture.subarray(0, 2), segment, preview, picture.subarray(2)]);
  assert.deepEqual(statedSize(new Uint8Array(whole).buffer), { width: 7, height: 5 });
});

test("what is cut, damaged or of another kind states no size", () => {
  for (const text of [PNG, JPEG, ...Object.values(WEBP)])
    for (let n = 0; n < 20; n++) assert.equal(statedSize(bytes(text).slice(0, n)), null);
  const zero = Buffer.from(JPEG, "base64");
  zero.writeUInt16BE(0, 4); // a segment that would be read again for ever
  assert.equal(statedSize(new Uint8Array(zero).buffer), null);
  assert.equal(statedSize(new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg'>").buffer), null);
});

test("a picture over the limit is refused with its size, one at the limit is not", () => {
  const limit = 40e6;
  assert.equal(
    refusal({ width: 8000, height: 5001 }, limit),
    "The picture has 8000 × 5001 pixels (40.01 megapixels); the limit is 40 megapixels. Next: scale it down first.",
  );
  assert.equal(refusal({ width: 8000, height: 5000 }, limit), "");
  assert.equal(refusal(null, limit), "");
});
