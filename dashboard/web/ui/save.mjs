// @ts-check
/** Saves what the browser has made as a file, under a name that every system takes. */

import { element } from "./dom.mjs";

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // a slow disk may still be reading it
}

/** A title as part of a file's name. @param {string} title */
export function slug(title) {
  const plain = title.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-");
  return (
    plain
      .slice(0, 40)
      .replace(/^-+|-+$/g, "")
      .toLowerCase() || "clip"
  );
}
