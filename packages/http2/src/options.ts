// The options of a session: what each means, its default, and the bounds it is held to.

import { type Engine, engines } from './engine.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export interface Http2Options {
  /** Which implementation of the contract runs the session. Default `native`. */
  readonly engine: Engine;
  /**
   * Response body bytes of one stream that may be on their way or delivered and not consumed: the bound of what a slow
   * sink costs. The engine `native` makes it wider where it holds the origin back; with the engine `node` throughput is at
   * most this per round trip. Default 256 KiB.
   */
  readonly receiveWindowBytes: number;
  /**
   * Up to which the engine `native` widens the window of a stream whose sink keeps up with a long fat path; all streams of a
   * session together by at most `sessionWindowBytes`. No more than `receiveWindowBytes`: never. Default 4 MiB.
   */
  readonly maxReceiveWindowBytes: number;
  /**
   * The same for all streams of the session together (RFC 9113 section 6.9.2), without those that wait for their sink:
   * one slow sink does not use it up. Default 16 MiB.
   */
  readonly sessionWindowBytes: number;
  /** Field lines in one field section of a response. Default 1000. */
  readonly maxFieldLines: number;
  /** Bytes of all names and values in one field section of a response. Default 192 KiB. */
  readonly maxFieldSectionBytes: number;
  /** Streams open at once, however many more the origin allows. Default 1000. */
  readonly maxStreams: number;
  /** Time for the origin's first SETTINGS frame (RFC 9113 section 3.4). Default 10 s. */
  readonly settingsTimeoutMs: number;
}

export const defaultHttp2Options: Http2Options = Object.freeze({
  engine: 'native',
  receiveWindowBytes: 256 * KiB,
  maxReceiveWindowBytes: 4 * MiB,
  sessionWindowBytes: 16 * MiB,
  maxFieldLines: 1000,
  maxFieldSectionBytes: 192 * KiB,
  maxStreams: 1000,
  settingsTimeoutMs: 10_000,
});

/** Lowest and highest value of each number; the windows end where RFC 9113 section 6.9.1 ends them. */
const bounds = {
  receiveWindowBytes: [128 * KiB, 2 ** 31 - 1],
  maxReceiveWindowBytes: [0, 2 ** 31 - 1],
  sessionWindowBytes: [128 * KiB, 2 ** 31 - 1],
  maxFieldLines: [1, 10_000],
  maxFieldSectionBytes: [KiB, 16 * MiB],
  maxStreams: [1, 100_000],
  settingsTimeoutMs: [1, 2 ** 31 - 1],
} as const satisfies Record<Exclude<keyof Http2Options, 'engine'>, readonly [number, number]>;

/** Fills in the defaults. Throws a RangeError that names option, value and bound. */
export function resolveHttp2Options(options: Partial<Http2Options> = {}): Http2Options {
  const resolved = { ...defaultHttp2Options, ...options };
  if (!engines.includes(resolved.engine)) {
    throw new RangeError(`engine is ${JSON.stringify(resolved.engine)}; allowed: ${engines.join(', ')}`);
  }
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const value = resolved[name];
    const [least, most] = bounds[name];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(`${name} is ${JSON.stringify(value)}; allowed: a whole number from ${least} to ${most}`);
    }
  }
  return Object.freeze(resolved);
}
