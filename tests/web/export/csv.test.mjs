import assert from "node:assert/strict";
import { test } from "node:test";
import { seriesCsv } from "../../../dashboard/web/export/csv.mjs";

test("a table keeps text from becoming a formula or another column", () => {
  const series = [{ letter: "", name: 'a,"b"', values: [-1.5, null] }];
  const text = seriesCsv(
    { ptsSeconds: [0, 0.5], charts: [{ id: "energy", title: "=1+1", unit: "σ", series }] },
    { first: 0, last: 1, notes: new Map([[1, "@x"]]), more: [{ name: "box", values: [2, NaN] }] },
  );
  assert.deepEqual(text.split("\r\n"), [
    `frame,time (s),"'=1+1, a,""b"" (σ)",box,bookmark,note`,
    "0,0,-1.5,2,,",
    "1,0.5,,,1,'@x",
    "",
  ]);
});

test("a table has words in a column of words, and names its clip in every row", () => {
  const text = seriesCsv(
    { ptsSeconds: [0, 0.5], charts: [] },
    {
      first: 0,
      last: 1,
      clip: "=a,b",
      more: [{ name: "region 1, 2 to 3, 4, measured on", values: ["pixels", "blocks"] }],
    },
  );
  assert.deepEqual(text.trim().split("\r\n"), [
    'frame,time (s),"region 1, 2 to 3, 4, measured on",clip',
    `0,0,pixels,"'=a,b"`,
    `1,0.5,blocks,"'=a,b"`,
  ]);
});
