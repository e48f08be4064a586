// @ts-check
/** The place of each pane, in CSS px. Pure. */

export const GAP_PX = 10;
/** Narrower panes show too little, so the grid wraps instead. */
export const MIN_PANE_PX = 140;
/** From this width on, badge, title, detail and legend fit in one line. */
const ONE_LINE_PX = 430;
/** Heights of the title's line, a target for a finger, and of the detail's. */
const TITLE_PX = 26;
const LINE_PX = 20;
/** Space between heading and image. */
const HEADING_PAD_PX = 4;
/** Panes this much wider justify another arrangement than the requested one. */
const WORTH_MOVING = 1.1;

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 * @typedef {{rects: (Rect | null)[], headingPx: number, lines: 1 | 2, width: number, height: number}} Layout
 *   `rects`: of the images, null: not shown; `headingPx`: height of the heading above each
 */

/**
 * Lays the panes out in `width`, shrunk towards `height` but no smaller than MIN_PANE_PX: in the requested places, or all
 * in one row where that makes them clearly larger, as on a low and wide screen. Predictions in several rows are a grid of
 * methods and paths, whose rows mean something, and stay.
 * @param {{row: number, column: number, role?: string}[]} panes
 * @param {{width: number, height: number, aspect: number, solo?: number | null}} space aspect: image width / height
 * @returns {Layout}
 */
export function gridLayout(panes, { width, height, aspect, solo = null }) {
  if (solo !== null) {
    const alone = layoutOf(panes, [{ row: 0, column: 0 }], { width, height, aspect });
    return { ...alone, rects: panes.map((_, index) => (index === solo ? alone.rects[0] : null)) };
  }
  const requested = layoutOf(panes, compactPlaces(panes), { width, height, aspect });
  const hasRows = panes.some(({ row }) => row !== panes[0].row);
  const isGrid = new Set(panes.filter(({ role }) => role === "prediction").map(({ row }) => row)).size > 1;
  if (!hasRows || isGrid || (width - GAP_PX * (panes.length - 1)) / panes.length < MIN_PANE_PX) return requested;
  const inOneRow = layoutOf(panes, wrappedPlaces(panes, panes.length), { width, height, aspect });
  const side = (/** @type {Layout} */ { rects }) => rects[0]?.width ?? 0;
  return side(inOneRow) >= WORTH_MOVING * side(requested) ? inOneRow : requested;
}

/**
 * Lays two panes out in one place, divided by an edge; their headings share the line above it.
 * @param {number} count of panes @param {[number, number]} pair their indices
 * @param {{width: number, height: number, aspect: number}} space
 * @returns {Layout}
 */
export function wipeLayout(count, pair, space) {
  const alone = layoutOf([{ row: 0, column: 0 }], [{ row: 0, column: 0 }], space);
  return {
    ...alone,
    rects: Array.from({ length: count }, (_, index) => (pair.includes(index) ? alone.rects[0] : null)),
  };
}

/**
 * @param {{row: number, column: number, role?: string}[]} panes
 * @param {{row: number, column: number}[]} places without empty rows and columns
 * @param {{width: number, height: number, aspect: number}} space
 * @returns {Layout}
 */
function layoutOf(panes, places, { width, height, aspect }) {
  let columns = 1 + Math.max(0, ...places.map((place) => place.column));
  const isNarrow = (width - GAP_PX * (columns - 1)) / columns < MIN_PANE_PX;
  if (isNarrow) {
    columns = Math.max(1, Math.min(columns, Math.floor((width + GAP_PX) / (MIN_PANE_PX + GAP_PX))));
    places = wrappedPlaces(panes.slice(0, places.length), columns, columns <= 2);
  }
  const rows = 1 + Math.max(0, ...places.map((place) => place.row));
  const byWidth = (width - GAP_PX * (columns - 1)) / columns;

  let lines = /** @type {1 | 2} */ (byWidth >= ONE_LINE_PX ? 1 : 2);
  let paneWidth = byWidth;
  for (;;) {
    const heading = headingOf(lines);
    // A narrow screen is scrolled anyway, so every pane gets the full width there.
    const byHeight = isNarrow ? Infinity : ((height - GAP_PX * (rows - 1)) / rows - heading) * aspect;
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
 * @param {{row: number, column: number, role?: string}[]} panes
 * @param {number} columns @param {boolean} [isPhone] what is compared comes before input and truth, as little fits at once
 */
function wrappedPlaces(panes, columns, isPhone = false) {
  const order = panes.map((_, index) => index);
  const rank = ({ role = "" }) => (isPhone && ["input", "truth"].includes(role) ? 1 : 0);
  order.sort(
    (a, b) => rank(panes[a]) - rank(panes[b]) || panes[a].row - panes[b].row || panes[a].column - panes[b].column,
  );
  const places = panes.map(() => ({ row: 0, column: 0 }));
  order.forEach((index, at) => {
    places[index] = { row: Math.floor(at / columns), column: at % columns };
  });
  return places;
}
