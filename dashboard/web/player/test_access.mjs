// @ts-check
/** What the browser tests may ask of a player, as `xc` of its root. The page builds on none of it. */

/** @param {import("./player.mjs").Player} player */
export function testAccess(player) {
  const { position, playback, view, frames, stage, clip } = player;
  return {
    paints: 0,
    get painted() {
      return position.inCanvas;
    },
    get isExact() {
      return position.isExact;
    },
    get paintedAtMs() {
      return position.lastPaintMs;
    },
    stage,
    change: (/** @type {Partial<import("./context.mjs").ViewState>} */ changes) => view.change(changes),
    seek: (/** @type {number} */ frame) => position.jump(frame),
    request: player.request,
    state: () => ({
      frame: position.wanted,
      painted: position.inCanvas,
      isPlaying: playback.isPlaying,
      isLate: position.isLate(),
      isExact: position.isExact,
      bytesPerSecond: frames.bandwidth.bytesPerSecond,
      frameBytes: frames.frameBytes(position.wanted),
      speed: playback.speed,
      view: view.state,
      nReady: clip.nReady,
      loaded: frames.loadedSpans(clip.nFrames),
      errors: position.pictures.map((picture) => picture?.error ?? null),
      encodedBytes: frames.blocks.bytes,
      decodedBytes: frames.pictures.bytes,
    }),
    /** Image rectangles by pane, in canvas pixels; null: not shown. */
    rects: () => stage.rects(),
    context: () => stage.context,
    pictures: () => position.pictures,
    cursors: () => player.charts.cursorFrames(),
  };
}
