// How many repeats an origin may cost: a share of its first attempts, so that a failing origin is not also flooded.

import type { Clock } from './clock.ts';

/** The share is taken of the first attempts of this long. */
const windowMs = 10_000;

/**
 * Repeats allowed in the window whatever the share, so that a quiet origin can be repeated at all: two sessions that break
 * under a handful of exchanges each, as in a reload, must not show.
 */
const minRepeats = 10;

/**
 * Counts first attempts and repeats of one origin, for all client connections together, in a sliding window of two
 * halves. A repeat is allowed while repeats stay below `share` of the first attempts, or below ten in ten seconds;
 * with a share of 0 none is.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #clock: Clock;
  #halfSince: number;
  #now = { first: 0, repeats: 0 };
  #before = { first: 0, repeats: 0 };

  /** `share` from 0 to 1. */
  constructor(share: number, clock: Clock) {
    this.#share = share;
    this.#clock = clock;
    this.#halfSince = clock.now();
  }

  countFirst(): void {
    this.#turn();
    this.#now.first++;
  }

  /** Takes a repeat from the budget; false if there is none left. */
  takeRepeat(): boolean {
    if (this.#share === 0) return false;
    this.#turn();
    const first = this.#now.first + this.#before.first;
    const repeats = this.#now.repeats + this.#before.repeats;
    if (repeats >= Math.max(minRepeats, first * this.#share)) return false;
    this.#now.repeats++;
    return true;
  }

  #turn(): void {
    const sinceMs = this.#clock.now() - this.#halfSince;
    if (sinceMs < windowMs / 2) return;
    this.#before = sinceMs < windowMs ? this.#now : { first: 0, repeats: 0 };
    this.#now = { first: 0, repeats: 0 };
    this.#halfSince = this.#clock.now();
  }
}
