// @ts-check
/** Decodes a coded image to its codes, uint8, unchanged by colour profiles and alpha. */

export class DecodeError extends Error {}

/** @typedef {OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D} Context2D */

/** @param {Uint8Array<ArrayBuffer>} bytes @param {string} codec png, webp or jpeg @returns {Promise<ImageData>} */
export function decodeImage(bytes, codec) {
  return decodeBlob(new Blob([bytes], { type: `image/${codec}` }));
}

/** Rejects with a DecodeError. @param {Blob} blob a coded image @returns {Promise<ImageData>} */
export async function decodeBlob(blob) {
  let image;
  try {
    image = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch {
    throw new DecodeError();
  }
  const { width, height } = image;
  const context = contextOf(width, height);
  context.drawImage(image, 0, 0);
  image.close();
  return context.getImageData(0, 0, width, height);
}

/** The context of the last image's size; all images of a clip have one size. @type {Context2D | null} */
let scratch = null;

/** @param {number} width @param {number} height @returns {Context2D} */
function contextOf(width, height) {
  if (scratch?.canvas.width === width && scratch.canvas.height === height) return scratch;
  const canvas =
    typeof OffscreenCanvas === "undefined"
      ? Object.assign(document.createElement("canvas"), { width, height })
      : new OffscreenCanvas(width, height);
  scratch = /** @type {Context2D | null} */ (canvas.getContext("2d", { willReadFrequently: true }));
  if (!scratch) throw new Error("this browser has no 2D canvas");
  return scratch;
}
