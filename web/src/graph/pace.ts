// How many links a picture in motion may have, so that pictures keep coming, and how many came.

export interface Pace {
  /** Links that the next picture in motion may have. */
  readonly limit: number;
  /** Tells of a picture drawn in motion at this time (milliseconds): what there was to draw. */
  drawn(now: number, links: number, units: number): void;
  /** The next picture does not follow the last one. */
  pause(): void;
  /** Pictures a second, over the last ones. */
  rate(): number;
}

const FEWEST = 2000;
const FIRST = 8000;
// Milliseconds between pictures: slower than 48 a second is too many links, near 60 room for more.
const SLOW = 20.8;
const QUICK = 17.8;
// Thousands of units take their time to lay out and draw; 25 pictures a second are enough for them.
export const MANY = 1000;
const SLOW_MANY = 40;
const QUICK_MANY = 33;

export function createPace(): Pace {
  let limit = FIRST;
  let last: number | null = null;
  let interval = QUICK;
  return {
    get limit() {
      return Math.round(limit);
    },
    drawn(now, links, units) {
      if (last !== null) {
        interval += (Math.min(now - last, 500) - interval) * 0.15;
        if (interval > (units > MANY ? SLOW_MANY : SLOW)) limit = Math.max(FEWEST, limit * 0.95);
        else if (interval < (units > MANY ? QUICK_MANY : QUICK)) limit = Math.min(Math.max(links, FEWEST), limit * 1.03);
      }
      last = now;
    },
    pause() {
      last = null;
    },
    rate: () => 1000 / Math.max(interval, 1),
  };
}
