// Random numbers that are the same for the same seed.

/** A whole number from 0 to below `below`. */
export type Random = (below: number) => number;

/** Marsaglia's xorshift32. */
export function xorshift(seed: number): Random {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
