// @ts-check
/** The place of each pane, in CSS px. Pure. */

import { typePx } from "../ui/type_scale.mjs";

export const GAP_PX = 10;
/** Narrower panes show too little, so the grid wraps instead. */
export const MIN_PANE_PX = 140;
/** In a low window they may be this narrow, where one row then shows all of them. */
const LEAST_IN_A_ROW_PX = 110;
/** From this width on, badge, title, detail and legend fit in one line. */
const ONE_LINE_PX = typePx(430);
/** Heights of the title's line, a target for a finger, and of the detail's. */
const TITLE_PX = typePx(26);
const LINE_PX = typePx(20);
/** Narrower screens are scrolled anyway. */
const PHONE_PX = 640;
/** Space between heading and image. */
const HEADING_PAD_PX = 4;
/** Panes this much wider justify another arrangement than the requested one. */
const WORTH_MOVING = 1.1;

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 * @typedef {{row: number, column: number}} Place
 * @typedef {{rects: (Rect | null)[], headingPx: number, lines: 1 | 2, width: number, height: number}} Layout
 *   `rects`: of the images, null: not shown; `headingPx`: height of the heading above each
 */

/**
 * Lays the panes out in `width`, shrunk towards `height` but no smaller than MIN_PANE_PX: in the requested places, or in
 * other rows of equal length where that makes them clearly larger, as on a low and wide screen, or where the requested rows
 * are too long. Predictions in several rows are a grid of methods and paths, whose rows mean something, and stay. Where several
 * rows do not fit the height, narrower panes in one row do, or what is compared comes first, as it does on a phone, where
 * every pane gets the full width of its column.
 * @param {{row: number, column: number, role?: string}[]} panes
 * @param {{width: number, height: number, aspect: number, solo?: number | null}} space aspect: image width / height
 * @returns {Layout}
 */
export function gridLayout(panes, { width, height, aspect, solo = null }) {
  const place = (/** @type {Place[]} */ places, high = height) => layoutOf(places, { width, height: high, aspect });
  if (solo !== null) {
    const alone = place([{ row: 0, column: 0 }]);
    return { ...alone, rects: panes.map((_, index) => (index === solo ? alone.rects[0] : null)) };
  }
  const requested = compactPlaces(panes);
  const fitting = Math.max(Math.floor((width + GAP_PX) / (MIN_PANE_PX + GAP_PX)), 1);
  if (width < PHONE_PX && columnsOf(requested) > fitting)
    return place(wrappedPlaces(panes, fitting, comparedFirst), Infinity);
  const side = (/** @type {Layout} */ { rects }) => rects[0]?.width ?? 0;
  const hasRows = panes.some(({ row }) => row !== panes[0].row);
  const isTooLong = columnsOf(requested) > fitting;
  // Rows that mean something are given up for a single one at most.
  const columns = hasRows && !isTooLong ? [panes.length] : panes.map((_, at) => panes.length - at);
  const others = columns
    .filter((count) => count <= fitting)
    .map((count) => place(wrappedPlaces(panes, Math.ceil(panes.length / Math.ceil(panes.length / count)))));
  const best = others.reduce((a, b) => (side(b) > side(a) ? b : a), others[0]);
  const isGrid = new Set(panes.filter(({ role }) => role === "prediction").map(({ row }) => row)).size > 1;
  if (isGrid && !isTooLong) return place(requested);
  const own = place(requested);
  if (!isTooLong && !(best && side(best) >= WORTH_MOVING * side(own))) return own;
  // What is compared stays together, where that costs next to nothing.
  const apart = hasRows ? null : apartPlaces(panes, fitting);
  const split = apart && place(apart);
  const found = split && best && WORTH_MOVING * side(split) >= side(best) ? split : best;
  if (found && found.height <= height) return found;
  const row = place(wrappedPlaces(panes, panes.length));
  if (side(row) >= LEAST_IN_A_ROW_PX) return row;
  return place(wrappedPlaces(panes, fitting, comparedFirst));
}

/**
 * Input and truth in a row of their own, above the configurations; null where either is missing or too long.
 * @param {(Place & {role?: string})[]} panes @param {number} fitting columns that fit
 */
function apartPlaces(panes, fitting) {
  const compared = panes.filter(isCompared).length;
  const others = panes.length - compared;
  if (others === 0 || compared === 0 || compared > fitting) return null;
  const count = [0, 0];
  return panes.map((pane) => {
    const row = Number(isCompared(pane));
    count[row] += 1;
    return { row, column: count[row] - 1 };
  });
}

/** @param {{role?: string}} pane */
function isCompared({ role }) {
  return role !== "input" && role !== "truth";
}

/** A rank for `wrappedPlaces`. @param {{role?: string}} pane */
function comparedFirst(pane) {
  return Number(!isCompared(pane));
}

/** @param {Place[]} places */
function columnsOf(places) {
  return 1 + Math.max(0, ...places.map(({ column }) => column));
}

/**
 * Lays two panes out in one place, divided by an edge; their headings share the line above it.
 * @param {number} count of panes @param {[number, number]} pair their indices
 * @param {{width: number, height: number, aspect: number}} space
 * @returns {Layout}
 */
export function wipeLayout(count, pair, space) {
  const alone = layoutOf([{ row: 0, column: 0 }], space);
  return {
    ...alone,
    rects: Array.from({ length: count }, (_, index) => (pair.includes(index) ? alone.rects[0] : null)),
  };
}

/**
 * @param {Place[]} places without empty rows and columns
 * @param {{width: number, height: number, aspect: number}} space height: Infinity: the page is scrolled
 * @returns {Layout}
 */
function layoutOf(places, { width, height, aspect }) {
  const columns = columnsOf(places);
  const rows = 1 + Math.max(0, ...places.map((place) => place.row));
  const byWidth = (width - GAP_PX * (columns - 1)) / columns;

  let lines = /** @type {1 | 2} */ (byWidth >= ONE_LINE_PX ? 1 : 2);
  let paneWidth = byWidth;
  for (;;) {
    const heading = headingOf(lines);
    const byHeight = ((height - GAP_PX * (rows - 1)) / rows - heading) * aspect;
    paneWidth = Math.floor(Math.min(byWidth, Math.max(byHeight, Math.min(MIN_PANE_PX, byWidth))));
    if (lines === 2 || paneWidth >= ONE_LINE_PX) break;
    lines = 2;
  }
  const headingPx = headingOf(lines);
  const paneHeight = Math.max(1, Math.round(paneWidth / aspect));
  const total = columns * paneWidth + GAP_PX * (columns - 1);
  const left = Math.max(0, Math.floor((width - total) / 2));
  return {
    rects: places.map(({ row, column }) => ({
      x: left + column * (paneWidth + GAP_PX),
      y: row * (headingPx + paneHeight + GAP_PX) + headingPx,
      width: paneWidth,
      height: paneHeight,
    })),
    headingPx,
    lines,
    width,
    height: rows * (headingPx + paneHeight) + GAP_PX * (rows - 1),
  };
}

/** @param {1 | 2} lines */
function headingOf(lines) {
  return TITLE_PX + (lines - 1) * LINE_PX + HEADING_PAD_PX;
}

/**
 * The requested places without empty rows and columns.
 * @param {{row: number, column: number}[]} panes
 */
function compactPlaces(panes) {
  const rank = (/** @type {number[]} */ values) => {
    const sorted = [...new Set(values)].sort((a, b) => a - b);
    return new Map(sorted.map((value, index) => [value, index]));
  };
  const rows = rank(panes.map((pane) => pane.row));
  const columns = rank(panes.map((pane) => pane.column));
  return panes.map((pane) => ({ row: rows.get(pane.row) ?? 0, column: columns.get(pane.column) ?? 0 }));
}

/**
 * Places in reading order, over as many columns as fit.
 * @param {Place[]} panes
 * @param {number} columns
 * @param {(pane: Place & {role?: string}) => number} [rank] panes of a lower rank come first
 */
function wrappedPlaces(panes, columns, rank = () => 0) {
  const order = panes.map((_, index) => index);
  order.sort(
    (a, b) => rank(panes[a]) - rank(panes[b]) || panes[a].row - panes[b].row || panes[a].column - panes[b].column,
  );
  const places = panes.map(() => ({ row: 0, column: 0 }));
  order.forEach((index, at) => {
    places[index] = { row: Math.floor(at / columns), column: at % columns };
  });
  return places;
}
