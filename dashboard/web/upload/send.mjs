// @ts-check
/** Sends a file to the server's route for uploads, byte by byte from the disk, and reports how far it is. */

/**
 * @typedef {{sha256: string, bytes: number}} Stored
 * @typedef {{ticket: string, kind: "picture" | "video", signal?: AbortSignal, onProgress?: (share: number) => void}} Sending
 */

/** A refusal in words, as the server gave it. */
export class Refused extends Error {}

/**
 * Raises Refused, and AbortError once `signal` is aborted.
 * @param {Blob} file @param {Sending} sending @returns {Promise<Stored>}
 */
export function send(file, { ticket, kind, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch reports no progress of a body
    request.open("POST", new URL(`uploads?for=${kind}`, document.baseURI).href);
    request.setRequestHeader("x-crosscheck-ticket", ticket);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total ? loaded / total : 1);
    request.onload = () => {
      const row = request.response;
      if (request.status === 200 && typeof row?.sha256 === "string") resolve(row);
      else reject(new Refused(words(row, request.status)));
    };
    request.onerror = () => reject(new Refused("The upload was interrupted. Next: try again."));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

/** @param {any} row @param {number} status @returns {string} */
export function words(row, status) {
  if (typeof row?.found !== "string") return `The server refused the upload (${status}). Next: try again later.`;
  const found = `${row.found.charAt(0).toUpperCase()}${row.found.slice(1)}.`;
  return row.next_step ? `${found} Next: ${row.next_step}.` : found;
}
