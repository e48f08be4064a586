import assert from "node:assert/strict";
import { test } from "node:test";
import { formatsOf, hasValues, valuesUrl } from "../../../dashboard/web/export/values.mjs";

test("a domain is offered the formats that can state its values", () => {
  const names = (domain) => formatsOf(domain).map(([value]) => value);
  assert.deepEqual(names({ channels: 1, unit: "m" }), ["png16 mm", "png16 m/256", "npy", "npz", "exr"]);
  assert.deepEqual(names({ channels: 1, unit: "" }), ["npy", "npz", "exr"]);
  assert.deepEqual(names({ channels: 3, unit: "", meaning: "direction" }), ["png16 m/256", "npy", "npz", "exr"]);
  assert.deepEqual(names({ channels: 3, unit: "", meaning: "scalar" }), ["npy", "npz", "exr"]);
  assert.deepEqual(
    ["prediction", "truth", "input", "difference"].map((role) => hasValues({ role })),
    [true, true, false, false],
  );
});

test("the address names track, format, unit, frames and the page's pass", () => {
  const url = new URL(valuesUrl({ key: "a".repeat(64) }, "png16 m/256", [3, 7], "?pass=x%26y", "http://host/base/"));
  assert.equal(url.pathname, "/base/values.zip");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    track: "a".repeat(64),
    format: "png16",
    unit: "m/256",
    first: "3",
    last: "7",
    pass: "x&y",
  });
});
