// @ts-check
/** Width and height as the header of a PNG, JPEG or WebP states them, without decoding it. */

/** Bytes to read of a file: its header and, before it, what cameras write: previews and profiles. */
export const HEADER_BYTES = 1 << 18;

/** @typedef {{width: number, height: number}} Size */

/** Null where the header states none, or is of another kind. @param {ArrayBuffer} start the first bytes of a file @returns {Size | null} */
export function statedSize(start) {
  const view = new DataView(start);
  try {
    if (view.getUint32(0) === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) };
    if (view.getUint16(0) === 0xffd8) return ofJpeg(view);
    if (text(view, 0) === "RIFF" && text(view, 8) === "WEBP") return ofWebp(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the header is cut, or longer than what was read
  }
  return null;
}

/** Why a picture is not uploaded; empty if it may be, or if its size is not known. @param {Size | null} size @param {number} maxPixels */
export function refusal(size, maxPixels) {
  if (!size || size.width * size.height <= maxPixels) return "";
  const megapixels = (size.width * size.height) / 1e6;
  const shown = (Math.ceil(megapixels * 100) / 100).toFixed(megapixels < 100 ? 2 : 0);
  return `The picture has ${size.width} × ${size.height} pixels (${shown} megapixels); the limit is ${maxPixels / 1e6} megapixels. Next: scale it down first.`;
}

/** The first frame header: markers FFC0 to FFCF but for tables (C4, CC) and an extension (C8). @param {DataView} view @returns {Size | null} */
function ofJpeg(view) {
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    while (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xff) at += 1; // padding
    const marker = view.getUint8(at + 1);
    if (view.getUint8(at) !== 0xff || marker === 0xda) return null;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    if (view.getUint16(at + 2) < 2) return null;
  }
}

/** @param {DataView} view @returns {Size | null} */
function ofWebp(view) {
  const kind = text(view, 12);
  if (kind === "VP8X") return { width: 1 + uint24(view, 24), height: 1 + uint24(view, 27) };
  if (kind === "VP8 ") return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  if (kind !== "VP8L") return null;
  const bits = view.getUint32(21, true);
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
}

/** @param {DataView} view @param {number} at */
function text(view, at) {
  return String.fromCharCode(...[0, 1, 2, 3].map((offset) => view.getUint8(at + offset)));
}

/** @param {DataView} view @param {number} at */
function uint24(view, at) {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}
