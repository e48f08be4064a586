// @ts-check
/** Timers and animation frames by name: a later call under the same name replaces or joins the earlier one. */

export class Timers {
  constructor() {
    /** What cancels each. @type {Map<string, () => void>} */
    this.cancels = new Map();
    this.isClosed = false;
  }

  /** @param {string} name @param {(time: number) => void} act in the next animation frame, once */
  soon(name, act) {
    if (this.cancels.has(name) || this.isClosed) return;
    const id = requestAnimationFrame((time) => {
      this.cancels.delete(name);
      act(time);
    });
    this.cancels.set(name, () => cancelAnimationFrame(id));
  }

  /** @param {string} name @param {() => void} act once the next animation frame is on the screen */
  afterPaint(name, act) {
    this.soon(name, () => this.later(name, 0, act));
  }

  /** @param {string} name @param {number} ms @param {() => void} act after that long without another call */
  later(name, ms, act) {
    if (this.isClosed) return;
    this.cancel(name);
    const id = setTimeout(() => {
      this.cancels.delete(name);
      act();
    }, ms);
    this.cancels.set(name, () => clearTimeout(id));
  }

  /** @param {string} name */
  cancel(name) {
    this.cancels.get(name)?.();
    this.cancels.delete(name);
  }

  /** Cancel all, for good. */
  close() {
    this.isClosed = true;
    for (const name of [...this.cancels.keys()]) this.cancel(name);
  }
}
