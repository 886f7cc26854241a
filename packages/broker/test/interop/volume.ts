// How much the interop tests send: a short form within `pnpm test`, and all of it by `pnpm test:interop`.

interface Volume {
  /** GETs, and as many POSTs, of each run but that of the keep-alive race. */
  readonly requests: number;
  /** Length of the run in which the server is reloaded every second. */
  readonly reloadMs: number;
  /** In the keep-alive race: requests at once of each process, half of them POSTs; rounds before and after learning. */
  readonly race: { readonly batch: number; readonly roundsBefore: number; readonly roundsAfter: number };
  /** Bound of one test. */
  readonly timeoutMs: number;
}

const short: Volume = {
  requests: 500,
  reloadMs: 3_500,
  race: { batch: 8, roundsBefore: 2, roundsAfter: 2 },
  timeoutMs: 60_000,
};

const full: Volume = {
  requests: 5_000,
  reloadMs: 30_000,
  race: { batch: 16, roundsBefore: 10, roundsAfter: 157 },
  timeoutMs: 900_000,
};

export const isFull = process.env.HAWSER_INTEROP === 'full';
export const volume = isFull ? full : short;
