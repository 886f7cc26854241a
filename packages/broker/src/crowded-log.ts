// Tells the log that a limit on connections makes exchanges wait, and not at every connect that it holds up.

import { type Clock, type Places, systemClock } from '@hawser/upstream';
import type { Logger } from './log.ts';

/** No more than one line in this time. */
const pauseMs = 10_000;

export class CrowdedLog {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #clock: Clock;
  #toldAt = Number.NEGATIVE_INFINITY;
  #connects = 0;

  constructor(log: Pick<Logger, 'warn'>, clock: Clock = systemClock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** A connect waits for one of `places`. */
  note(places: Places): void {
    this.#connects++;
    const now = this.#clock.now();
    if (now - this.#toldAt < pauseMs) return;
    const { taken, waiting } = places;
    // `connects`: those that waited since the last line, for whatever limit.
    this.#log.warn({ limit: String(places), taken, waiting, connects: this.#connects }, 'connects wait at a limit');
    this.#toldAt = now;
    this.#connects = 0;
  }
}
