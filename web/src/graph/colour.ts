// Colours that readers with any colour vision can tell apart: Okabe & Ito's for kinds, viridis for
// quantities. All are numbers 0xRRGGBB.

export const OKABE_ITO = {
  black: 0x000000,
  orange: 0xe69f00,
  skyBlue: 0x56b4e9,
  green: 0x009e73,
  yellow: 0xf0e442,
  blue: 0x0072b2,
  vermillion: 0xd55e00,
  purple: 0xcc79a7,
} as const;

/** For what has no kind or no value. */
export const GREY = 0x999999;

// Seventeen equally spaced stops of viridis (van der Walt & Smith 2015).
const STOPS = [
  0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26828e, 0x21918c,
  0x1fa088, 0x28ae80, 0x3fbc73, 0x5ec962, 0x84d44b, 0xaddc30, 0xd8e219, 0xfde725,
];

// Few distinct colours let units be drawn in few paths.
const STEPS = 48;

/** Viridis from 0 (dark violet) to 1 (yellow), in 48 steps. */
export function viridis(fraction: number): number {
  const within = Math.min(Math.max(fraction, 0), 1);
  const at = (Math.round(within * (STEPS - 1)) / (STEPS - 1)) * (STOPS.length - 1);
  const below = Math.min(Math.floor(at), STOPS.length - 2);
  return mixed(STOPS[below], STOPS[below + 1], at - below);
}

// What of viridis is too dark to be seen on a dark page.
const UNSEEN = 0.22;

/** Viridis as it can be seen on a light or a dark page. */
export function shade(fraction: number, dark: boolean): number {
  return viridis(dark ? UNSEEN + (1 - UNSEEN) * Math.min(Math.max(fraction, 0), 1) : fraction);
}

/** A colour between two: `share` of the second. */
export function mixed(first: number, second: number, share: number): number {
  const channel = (shift: number): number => {
    const from = (first >> shift) & 255;
    const to = (second >> shift) & 255;
    return Math.round(from + (to - from) * share) << shift;
  };
  return channel(16) | channel(8) | channel(0);
}

/** The colour as CSS writes it: "#rrggbb". */
export function css(colour: number): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}
