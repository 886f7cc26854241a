// Order statistics of a sorted sample.

/** The smallest value that at least the share `p` (0 to 1) of the sorted sample does not exceed; NaN of an empty one. */
export function percentile(sorted: ArrayLike<number>, p: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)] ?? Number.NaN;
}

export function median(sorted: ArrayLike<number>): number {
  return percentile(sorted, 0.5);
}
