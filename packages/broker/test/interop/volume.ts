// How much the interop tests send, and by which engine: a short form within `pnpm test`, and all of it by `pnpm test:interop`.

import { defaultOriginOptions, type OriginOptions } from '@hawser/upstream';

export type Engine = OriginOptions['http2']['engine'];

interface Volume {
  /** GETs, and as many POSTs, of each run but that of the keep-alive race. */
  readonly requests: number;
  /** Length of the run in which the server is reloaded every second. */
  readonly reloadMs: number;
  /** In the keep-alive race: requests at once of each process, half of them POSTs; rounds before and after learning. */
  readonly race: { readonly batch: number; readonly roundsBefore: number; readonly roundsAfter: number };
  /** Bound of one test: many times what it takes on a machine that has nothing else to do. */
  readonly timeoutMs: number;
  /** Each has a broker and servers of its own. HTTP/1.1 is tested with the first one. */
  readonly engines: readonly [Engine, ...Engine[]];
}

const short: Volume = {
  requests: 500,
  reloadMs: 3_500,
  race: { batch: 8, roundsBefore: 2, roundsAfter: 2 },
  timeoutMs: 240_000,
  engines: [defaultOriginOptions.http2.engine],
};

const full: Volume = {
  requests: 5_000,
  reloadMs: 30_000,
  race: { batch: 16, roundsBefore: 10, roundsAfter: 157 },
  timeoutMs: 900_000,
  engines: ['native', 'node'],
};

const { HAWSER_INTEROP: form, HAWSER_INTEROP_ENGINE: engine } = process.env;

export const isFull = form === 'full';

/** `HAWSER_INTEROP_ENGINE` narrows either form to one engine. */
export const volume: Volume = {
  ...(isFull ? full : short),
  ...(engine !== undefined && { engines: [toEngine(engine)] }),
};

function toEngine(name: string): Engine {
  const known = full.engines.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new Error(`HAWSER_INTEROP_ENGINE is '${name}'; allowed are ${full.engines.join(' and ')}`);
}
