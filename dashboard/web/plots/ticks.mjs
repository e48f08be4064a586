// @ts-check
/** Round marks of an axis. Pure. */

/** 1, 2 or 5 times a power of ten, not below the value. @param {number} value */
export function roundStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Round numbers between two ends, about `count`. @param {number} low @param {number} high @param {number} count */
export function roundTicks(low, high, count) {
  const step = roundStep((high - low) / count);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}
