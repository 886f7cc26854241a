// Learns after how long an origin closes idle connections, so that ours are retired before it does.

import type { Clock } from './clock.ts';

/** Closings that agree within this share, or this many milliseconds, are one habit; a restart closes at any age. */
const agreementShare = 0.15;
const agreementMs = 50;

/** What closes within this time closes for one reason: a restart ends sessions that fell idle together, and teaches nothing. */
const oneEventMs = 250;

/** An origin that closes sooner than this closes after every answer: there is no idle time to learn. */
const minIdleMs = 100;

/** Sessions are retired at this share of what was learned: the close that is on its way already must not meet a request. */
const retireShare = 0.8;

/** What was learned is forgotten after this long, as an origin may be configured anew. */
const forgetAfterMs = 10 * 60_000;

const maxClosings = 8;

interface Closing {
  readonly idleMs: number;
  readonly at: number;
}

export class IdleLearner {
  readonly #clock: Clock;
  readonly #closings: Closing[] = [];
  #learnedMs = Number.POSITIVE_INFINITY;
  #learnedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The origin closed a session that had been idle for `idleMs`. */
  observeClose(idleMs: number): void {
    if (idleMs < minIdleMs) return;
    const now = this.#clock.now();
    const twin = this.#closings.find(({ idleMs: other, at }) => now - at >= oneEventMs && agrees(other, idleMs));
    if (twin !== undefined) {
      this.#learnedMs = Math.min(twin.idleMs, idleMs, this.#learnedMs);
      this.#learnedAt = now;
    }
    this.#closings.push({ idleMs, at: now });
    if (this.#closings.length > maxClosings) this.#closings.shift();
  }

  /** Idle time in milliseconds after which a session should not be used any more; infinite while nothing is known. */
  get limitMs(): number {
    if (this.#learnedMs !== Number.POSITIVE_INFINITY && this.#clock.now() - this.#learnedAt > forgetAfterMs) {
      this.#learnedMs = Number.POSITIVE_INFINITY;
      this.#closings.length = 0;
    }
    return this.#learnedMs * retireShare;
  }
}

function agrees(a: number, b: number): boolean {
  const difference = Math.abs(a - b);
  return difference <= agreementMs || difference <= Math.max(a, b) * agreementShare;
}
