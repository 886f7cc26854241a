// One line of the results: what one contender did in one scenario.

import { median, percentile } from './percentile.ts';

/** What is measured in each round, and told as the median of the rounds. */
interface Figures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU per request, user and system, in microseconds; null where PHP has no part. */
  readonly phpCpuUs: number | null;
  /** That of the broker or proxy, or of the part of the broker that is measured alone; null where there is none. */
  readonly brokerCpuUs: number | null;
  readonly originCpuUs: number | null;
}

export interface Round extends Figures {
  readonly requests: number;
  readonly errors: number;
  readonly messages: readonly string[];
}

export interface Row extends Figures {
  readonly scenario: string;
  /** Which of the scenario's cases, where it has several. */
  readonly case: string | null;
  readonly contender: string;
  /** All that were sent, warm-up included: `tcpConnections` and `tlsHandshakes` are those of all of them. */
  readonly requests: number;
  readonly errors: number;
  /** Some of what went wrong. */
  readonly messages: readonly string[];
  readonly tcpConnections: number | null;
  readonly tlsHandshakes: number | null;
  /** Handshakes that resumed a TLS session. */
  readonly tlsResumed: number | null;
  /** Most memory of the broker or proxy, all its processes; null where there is none. */
  readonly peakRssBytes: number | null;
  /** Most memory of the PHP processes, added up. */
  readonly phpPeakRssBytes: number | null;
  readonly rounds: number;
  /** Lowest and highest round of each figure. */
  readonly spread: Readonly<Record<keyof Figures, readonly [number, number] | null>>;
  /** Median, over the rounds, of this contender's figure divided by the baseline's in the same round. */
  readonly ratios: Readonly<Record<string, Ratios>>;
}

export interface Ratios {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly phpCpuUs: number;
}

const figureNames = [
  'requestsPerSecond',
  'p50Ms',
  'p99Ms',
  'maxMs',
  'phpCpuUs',
  'brokerCpuUs',
  'originCpuUs',
] as const satisfies readonly (keyof Figures)[];

/** What a contender did: its rounds, what came before them and is counted and not measured, and what was counted over all. */
export interface Measurement {
  readonly contender: string;
  readonly rounds: readonly Round[];
  readonly warmUps: readonly Round[];
  readonly tcpConnections: number | null;
  readonly tlsHandshakes: number | null;
  readonly tlsResumed: number | null;
  readonly peakRssBytes: number | null;
  readonly phpPeakRssBytes: number | null;
}

const maxMessages = 5;

/** The rows of one scenario or case; `measurements` were interleaved, so their rounds of one number are comparable. */
export function toRows(
  scenario: string,
  caseName: string | null,
  measurements: readonly Measurement[],
  baselines: readonly string[],
): Row[] {
  return measurements.map((measurement) => {
    const { contender, rounds, warmUps, ...counted } = measurement;
    const all = [...warmUps, ...rounds];
    const ratios: Record<string, Ratios> = {};
    for (const name of baselines) {
      const baseline = measurements.find((other) => other.contender === name);
      if (baseline !== undefined && name !== contender) ratios[name] = ratiosTo(baseline.rounds, rounds);
    }
    return {
      scenario,
      case: caseName,
      contender,
      requests: sum(all.map((round) => round.requests)),
      errors: sum(all.map((round) => round.errors)),
      messages: [...new Set(all.flatMap((round) => round.messages))].slice(0, maxMessages),
      ...(Object.fromEntries(figureNames.map((name) => [name, middle(rounds, name)])) as unknown as Figures),
      ...counted,
      rounds: rounds.length,
      spread: Object.fromEntries(figureNames.map((name) => [name, range(rounds, name)])) as Row['spread'],
      ratios,
    };
  });
}

/** What was counted of something that has no origin and no PHP of its own. */
export const uncounted = {
  warmUps: [],
  tcpConnections: null,
  tlsHandshakes: null,
  tlsResumed: null,
  peakRssBytes: null,
  phpPeakRssBytes: null,
} as const satisfies Omit<Measurement, 'contender' | 'rounds'>;

/** The figures of latencies in milliseconds, which are sorted in place. */
export function latencyFigures(latenciesMs: Float64Array): { p50Ms: number; p99Ms: number; maxMs: number } {
  latenciesMs.sort();
  return {
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    maxMs: percentile(latenciesMs, 1),
  };
}

function middle(rounds: readonly Round[], name: keyof Figures): number | null {
  const values = valuesOf(rounds, name);
  return values.length === 0 ? null : median(values);
}

function range(rounds: readonly Round[], name: keyof Figures): [number, number] | null {
  const values = valuesOf(rounds, name);
  return values.length === 0 ? null : [values[0] as number, values.at(-1) as number];
}

function valuesOf(rounds: readonly Round[], name: keyof Figures): number[] {
  return rounds
    .map((round) => round[name])
    .filter((value) => value !== null)
    .sort((a, b) => a - b);
}

function ratiosTo(baseline: readonly Round[], rounds: readonly Round[]): Ratios {
  const ratio = (name: keyof Ratios): number => {
    const each = rounds.flatMap((round, i) => {
      const base = baseline[i];
      return base === undefined ? [] : [Number(round[name]) / Number(base[name])];
    });
    return median(each.sort((a, b) => a - b));
  };
  return { requestsPerSecond: ratio('requestsPerSecond'), p50Ms: ratio('p50Ms'), phpCpuUs: ratio('phpCpuUs') };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
