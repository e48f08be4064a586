import assert from "node:assert/strict";
import { test } from "node:test";
import { GAP_PX, gridLayout, MIN_PANE_PX } from "../../../dashboard/web/drawing/layout.mjs";

test("panes move into one row where two rows would make them small", () => {
  const panes = [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 1],
    [1, 2],
  ].map(([row, column]) => ({ row, column }));
  const low = gridLayout(panes, { width: 1240, height: 340, aspect: 1 });
  assert.deepEqual(
    [new Set(low.rects.map(({ y }) => y)).size, low.rects[0].width > 230, low.height <= 340],
    [1, true, true],
  );
  assert.deepEqual(new Set(gridLayout(panes, { width: 1240, height: 900, aspect: 1 }).rects.map(({ y }) => y)).size, 2);
});

test("panes are placed as requested, in rows of equal height", () => {
  const panes = [
    { row: 0, column: 0 },
    { row: 0, column: 2 },
    { row: 3, column: 2 },
  ];
  const { rects, headingPx } = gridLayout(panes, { width: 810, height: 5000, aspect: 2 });
  assert.deepEqual(
    rects.map(({ x }) => x),
    [0, 410, 410],
  );
  assert.deepEqual(
    rects.map(({ width, height }) => [width, height]),
    Array(3).fill([400, 200]),
  );
  assert.deepEqual(rects[2].y - rects[1].y, 200 + headingPx + GAP_PX);
});

test("a low window makes panes smaller, but never too small to see", () => {
  const panes = [
    { row: 0, column: 0 },
    { row: 1, column: 0 },
  ];
  const low = gridLayout(panes, { width: 1000, height: 700, aspect: 1 });
  assert.deepEqual(low.height <= 700 && low.rects[0].width > 250, true);
  assert.deepEqual(gridLayout(panes, { width: 1000, height: 50, aspect: 1 }).rects[0].width, MIN_PANE_PX);
});

test("on a narrow screen the grid wraps in reading order", () => {
  const panes = [0, 1, 2, 3].map((column) => ({ row: 0, column }));
  const { rects, width } = gridLayout(panes, { width: 340, height: 400, aspect: 1 });
  assert.deepEqual(
    rects.every(({ x, width: own }) => x >= 0 && x + own <= width),
    true,
  );
  assert.deepEqual([rects[0].y === rects[1].y, rects[2].y > rects[1].y, rects[2].y === rects[3].y], [true, true, true]);
});

test("a single pane gets all the space", () => {
  const panes = [0, 1, 2, 3].map((column) => ({ row: 0, column }));
  const { rects } = gridLayout(panes, { width: 800, height: 2000, aspect: 1, solo: 2 });
  assert.deepEqual([rects[0], rects[1], rects[3], rects[2].width], [null, null, null, 800]);
});

test("panes that need several rows fill them evenly, at one size", () => {
  const panes = Array.from({ length: 9 }, (_, column) => ({ row: 0, column }));
  const { rects } = gridLayout(panes, { width: 1234, height: 500, aspect: 1 });
  const counts = [...new Set(rects.map(({ y }) => y))].map((row) => rects.filter(({ y }) => y === row).length);
  assert.deepEqual(counts, [5, 4]);
  assert.deepEqual(new Set(rects.map(({ width }) => width)).size, 1);
  const square = gridLayout(panes, { width: 1000, height: 1100, aspect: 1 }).rects;
  assert.deepEqual(new Set(square.map(({ y }) => y)).size, 3);
});

test("in a low window as many panes as there can be stand in one row, where all are seen", () => {
  for (const count of [9, 10]) {
    const panes = Array.from({ length: count }, (_, column) => ({ row: 0, column }));
    const { rects, height } = gridLayout(panes, { width: 1234, height: 240, aspect: 1 });
    assert.deepEqual([new Set(rects.map(({ y }) => y)).size, height <= 240, rects[0].width >= 110], [1, true, true]);
  }
});

test("where rows do not fit and one would be too narrow, what is compared comes first", () => {
  const roles = ["input", "truth", ...Array(8).fill("prediction")];
  const panes = roles.map((role, column) => ({ row: 0, column, role }));
  const { rects } = gridLayout(panes, { width: 730, height: 300, aspect: 1 });
  assert.equal(rects[2].y, Math.min(...rects.map(({ y }) => y)));
  assert.ok(rects[0].y >= Math.max(...rects.slice(2).map(({ y }) => y)) && rects[0].width >= MIN_PANE_PX);
});

test("on a phone the configurations come first", () => {
  const roles = ["input", "truth", "prediction", "prediction"];
  const panes = roles.map((role, column) => ({ row: 0, column, role }));
  const { rects } = gridLayout(panes, { width: 344, height: 400, aspect: 1 });
  assert.deepEqual([rects[2].y, rects[3].y, rects[2].x], [rects[3].y, rects[2].y, 0]);
  assert.ok(rects[0].y > rects[2].y);
});

test("a grid of methods and paths keeps its rows where one row would be larger", () => {
  const panes = [
    { row: 0, column: 0, role: "input" },
    ...[0, 1].flatMap((row) => [1, 2].map((column) => ({ row, column, role: "prediction" }))),
  ];
  const { rects } = gridLayout(panes, { width: 1240, height: 340, aspect: 1 });
  assert.equal(new Set(rects.map(({ y }) => y)).size, 2);
});

test("configurations that move into several rows stay side by side", () => {
  const roles = ["input", "truth", "prediction", "prediction", "difference"];
  const panes = roles.map((role, column) => ({ row: 0, column, role }));
  const { rects } = gridLayout(panes, { width: 1130, height: 760, aspect: 1 });
  assert.deepEqual(new Set(rects.slice(0, 2).map(({ y }) => y)).size, 1);
  assert.deepEqual(new Set(rects.slice(2).map(({ y }) => y)).size, 1);
  assert.ok(rects[2].y > rects[0].y && rects[2].width > 1130 / 5);
});

test("on a phone what is compared stands above input and truth", () => {
  const panes = ["input", "truth", "prediction", "prediction"].map((role, column) => ({ row: 0, column, role }));
  const { rects } = gridLayout(panes, { width: 344, height: 400, aspect: 1 });
  assert.ok(rects[2].y === rects[3].y && rects[0].y === rects[1].y && rects[2].y < rects[0].y);
});
