import assert from "node:assert/strict";
import { test } from "node:test";
import { reportText, rowsOf } from "../../../dashboard/web/export/report.mjs";

const HOSTILE = '</p><script>alert(1)</script><img src=x onerror=alert(2)> "&';
const PICTURE = "data:image/png;base64,AA==";

test("a report holds picture, time, numbers, note and link of each bookmark", () => {
  const rows = [
    {
      measure: "Consistency energy (σ)",
      unit: "σ",
      values: [
        ["A mini/baseline", -0.5],
        ["B mini/x", null],
      ],
    },
    { measure: "Mean angular error (°)", unit: "°", values: [["A mini/baseline", 12.3456]] },
  ];
  const link = "http://localhost:8501/?clip=1&frame=3";
  const finding = { frame: 3, seconds: 0.1, note: "blurred edge", picture: PICTURE, link, rows };
  const text = reportText({ title: "Room", about: ["CC0"], findings: [finding, { ...finding, note: "", link: "" }] });
  for (const part of [
    "2 bookmarks",
    "CC0",
    "Frame 3 · 0.100 s",
    "blurred edge",
    PICTURE,
    "<td>−0.50</td>",
    "<td>12.3</td>",
    "<td>–</td>",
  ])
    assert.ok(text.includes(part), part);
  assert.equal(text.match(/<article>/g)?.length, 2);
  assert.equal(text.match(/<a href=/g)?.length, 1);
  assert.ok(reportText({ title: "Room", about: [], findings: [finding] }).includes("1 bookmark<"));
});

test("notes, titles, names and links from outside stay text", () => {
  const rows = [{ measure: HOSTILE, unit: HOSTILE, values: [[HOSTILE, 1]] }];
  const finding = { frame: 0, seconds: NaN, note: HOSTILE, picture: HOSTILE, link: HOSTILE, rows };
  const text = reportText({ title: HOSTILE, about: [HOSTILE], findings: [finding] });
  assert.ok(!/<script|onerror=alert\(2\)>|<img src=x/.test(text));
  assert.ok(text.includes("default-src 'none'"));
});

test("the numbers of a finding are those of the plots at its frame", () => {
  const series = [
    { letter: "A", name: "baseline", fullName: "mini/baseline", values: [1, 2] },
    { letter: "B", name: "other", values: [3, null] },
  ];
  assert.deepEqual(rowsOf([{ id: "energy", title: "Energy", unit: "σ", series }], 1), [
    {
      measure: "Energy (σ)",
      unit: "σ",
      values: [
        ["A mini/baseline", 2],
        ["B other", null],
      ],
    },
  ]);
});
