// @ts-check
/**
 * Which frame is due at which moment: time from PTS, loops, rates. Pure functions and small classes without DOM.
 * Seconds are presentation time of the clip; milliseconds are the browser's clock.
 */

/** Frames a second assumed for a clip of one frame. */
const FALLBACK_FPS = 30;

/**
 * The frame on the screen at `seconds`: the last one that has begun. Clamped to the clip.
 * @param {ArrayLike<number>} pts presentation times, ascending, s
 * @param {number} seconds
 */
export function frameAt(pts, seconds) {
  let low = 0;
  let high = pts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pts[middle] <= seconds + 1e-6) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Typical duration of a frame, s: the median step, so that one long pause does not count.
 * @param {ArrayLike<number>} pts
 */
function typicalStep(pts) {
  const steps = [];
  for (let i = 1; i < pts.length; i += 1) steps.push(pts[i] - pts[i - 1]);
  steps.sort((a, b) => a - b);
  const middle = steps[steps.length >> 1];
  return middle > 0 ? middle : 1 / FALLBACK_FPS;
}

/**
 * The moment at which frame `index` gives way to the next, s.
 * @param {ArrayLike<number>} pts
 * @param {number} index
 */
export function frameEnd(pts, index) {
  return index + 1 < pts.length ? pts[index + 1] : pts[index] + typicalStep(pts);
}

/** All frames from the first to the last. @param {number} first @param {number} last */
export function span(first, last) {
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => first + i);
}

/** Follows presentation time through some frames, round and round, forwards or backwards; each has its own duration. */
export class PlayClock {
  /**
   * @param {ArrayLike<number>} pts
   * @param {{frames: number[], speed: number, direction: 1 | -1, frame: number, now: number}} options
   *   frames: ascending, at least one; those between them are skipped and take no time; frame: where to begin
   */
  constructor(pts, { frames, speed, direction, frame, now }) {
    this.frames = frames;
    /** When each begins, s. */
    this.starts = new Float64Array(frames.length);
    let at = 0;
    frames.forEach((one, i) => {
      this.starts[i] = at;
      at += frameEnd(pts, one) - pts[one];
    });
    this.length = Math.max(at, 1e-3);
    this.speed = speed;
    this.direction = direction;
    this.now = now;
    this.seconds = 0;
    this.rebase(frame, now);
  }

  /** Which of the frames is this, or the nearest before it? @param {number} frame */
  indexOf(frame) {
    return frameAt(this.frames, frame);
  }

  /**
   * Set the clock to `frame`, on the screen from `now` on: at the start, after a stall, at a change of speed.
   * @param {number} frame
   * @param {number} now ms
   */
  rebase(frame, now) {
    this.now = now;
    const i = this.indexOf(frame);
    // Backwards, a frame is entered at its end.
    this.seconds = this.direction > 0 ? this.starts[i] : (this.starts[i + 1] ?? this.length) - 1e-4;
  }

  /**
   * @param {number} now ms
   * @returns {number} the frame due
   */
  at(now) {
    const passed = ((now - this.now) / 1000) * this.speed * this.direction;
    const inside = (((this.seconds + passed) % this.length) + this.length) % this.length;
    return this.frames[frameAt(this.starts, inside)];
  }

  /** Frames a second that are due. */
  get fps() {
    return (this.frames.length / this.length) * this.speed;
  }
}

/** Whether play keeps up, judged over each stretch of a second or so by what was due at its animation frames. */
export class Punctuality {
  constructor(windowMs = 1000) {
    this.windowMs = windowMs;
    this.began = this.last = NaN;
    this.due = this.shown = 0;
  }

  /** @param {number} now ms */
  reset(now) {
    this.began = this.last = now;
    this.due = this.shown = 0;
  }

  /**
   * @param {number} now ms @param {boolean} isDue another frame than before is due @param {boolean} isShown another is shown
   * @returns {boolean} whether the stretch that ends here was late: a tenth of its frames were missing, and more than two
   */
  tick(now, isDue, isShown) {
    // In a window that was hidden nothing was due.
    if (!(now - this.last < this.windowMs / 2)) this.reset(now);
    this.last = now;
    this.due += Number(isDue);
    this.shown += Number(isShown);
    if (now - this.began < this.windowMs) return false;
    const isLate = this.shown < 0.9 * this.due - 2;
    this.reset(now);
    return isLate;
  }
}

/** Events a second over the last second. */
export class RateMeter {
  constructor(windowMs = 1000) {
    this.windowMs = windowMs;
    /** @type {number[]} */
    this.times = [];
    this.began = NaN;
  }

  /** @param {number} now ms */
  reset(now) {
    this.times = [];
    this.began = now;
  }

  /** @param {number} now ms */
  add(now) {
    this.times.push(now);
    while (this.times[0] <= now - this.windowMs) this.times.shift();
  }

  /**
   * Events a second, or null while there is less than a window to judge by.
   * @param {number} now ms
   */
  rate(now) {
    if (!(now - this.began >= this.windowMs)) return null;
    return (this.times.filter((time) => time > now - this.windowMs).length * 1000) / this.windowMs;
  }
}

/**
 * The frames needed next while `frames` are played round and round, the most urgent first.
 * @param {number} frame one of them @param {{frames: number[], direction: 1 | -1, count: number}} options
 */
export function framesToPlay(frame, { frames, direction, count }) {
  const { length } = frames;
  const at = frameAt(frames, frame);
  const steps = span(1, Math.min(count, length - 1));
  return steps.map((step) => frames[(((at + direction * step) % length) + length) % length]);
}

/**
 * The frames needed next while one stays on the screen: both neighbours outwards.
 * @param {number} frame @param {{first: number, last: number, count: number}} options
 */
export function framesAround(frame, { first, last, count }) {
  const wanted = [];
  for (let step = 1; wanted.length < count && step <= last - first; step += 1) {
    if (frame + step <= last) wanted.push(frame + step);
    if (frame - step >= first && wanted.length < count) wanted.push(frame - step);
  }
  return wanted;
}

/**
 * Peaks of a curve: local maxima above mean + half a standard deviation, the highest within `apart` frames.
 * @param {ArrayLike<number>} values NaN where unknown
 * @param {number} apart
 * @returns {number[]} frame indices, ascending
 */
export function findPeaks(values, apart = 5) {
  const known = Array.from(values).filter(Number.isFinite);
  if (known.length < 3) return [];
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length);
  const peaks = [];
  for (let i = 0; i < values.length; i += 1) {
    if (!(values[i] > mean + deviation / 2)) continue;
    let isHighest = true;
    for (let j = Math.max(0, i - apart); j <= Math.min(values.length - 1, i + apart) && isHighest; j += 1) {
      // Of equal neighbours the first counts.
      if (values[j] > values[i] || (values[j] === values[i] && j < i)) isHighest = false;
    }
    if (isHighest) peaks.push(i);
  }
  return peaks;
}

/**
 * 83.5 -> "1:23.500"; below a minute "23.500 s".
 * @param {number} seconds
 */
export function formatTime(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const sign = seconds < 0 ? "\u2212" : "";
  const size = Math.abs(seconds);
  if (size < 60) return `${sign}${size.toFixed(3)} s`;
  const minutes = Math.floor(size / 60);
  return `${sign}${minutes}:${(size - 60 * minutes).toFixed(3).padStart(6, "0")}`;
}
