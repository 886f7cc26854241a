// How much is measured: everything for the record, a glance, or just enough to see that it works.

export interface Scale {
  readonly name: 'full' | 'quick' | 'tiny';
  /** In each, every contender has one turn. */
  readonly rounds: number;
  /** Length of a turn. */
  readonly seconds: number;
  /** Before the first round: code compiled, connections open. Counted, not measured. */
  readonly warmUpSeconds: number;
  /** Before each turn, the same. */
  readonly leadInSeconds: number;
  /** Before the first round, for a broker that has just been started. */
  readonly firstWarmUpSeconds: number;
  /** What one PHP process repeats in a turn at most. */
  readonly maxRepeats: number;
}

const unlimited = 1_000_000_000;

export const scales = {
  full: {
    name: 'full',
    rounds: 5,
    seconds: 1,
    warmUpSeconds: 0.5,
    leadInSeconds: 0.5,
    firstWarmUpSeconds: 10,
    maxRepeats: unlimited,
  },
  quick: {
    name: 'quick',
    rounds: 3,
    seconds: 0.15,
    warmUpSeconds: 0.15,
    leadInSeconds: 0,
    firstWarmUpSeconds: 1.5,
    maxRepeats: unlimited,
  },
  tiny: {
    name: 'tiny',
    rounds: 1,
    seconds: 60,
    warmUpSeconds: 60,
    leadInSeconds: 0,
    firstWarmUpSeconds: 60,
    maxRepeats: 2,
  },
} as const satisfies Record<string, Scale>;
