// Waiting for something to become true, with a bound.

import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  /** Bound of the whole wait; default 5 s. */
  readonly withinMs?: number;
  /** Pause between two checks; default 5 ms. */
  readonly everyMs?: number;
}

/**
 * Calls `check` until it neither throws nor returns false, and returns what it returned.
 * After `withinMs` it throws what `check` threw last.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: PollOptions = {}): Promise<T> {
  const { withinMs = 5000, everyMs = 5 } = options;
  const until = performance.now() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await check();
      if (value !== false) return value;
      failure = new Error(`still false after ${withinMs} ms: ${check}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= until) throw failure;
    await delay(everyMs);
  }
}
