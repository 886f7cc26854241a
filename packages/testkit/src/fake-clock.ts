// Injected time: the clock interface as the production packages declare it, the real clock, and one a test moves by hand.

/** Whatever the clock that made it needs; nobody else looks into it. */
export type Timer = unknown;

/** What production code asks of time. Structurally equal to the interface each package declares for itself. */
export interface Clock {
  /** Milliseconds; only differences mean anything. */
  now(): number;
  setTimeout(run: () => void, ms: number): Timer;
  clearTimeout(timer: Timer): void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

interface FakeTimer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until `advance`. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Set<FakeTimer>();

  constructor(startMs = 1_000_000) {
    this.#now = startMs;
  }

  /** Timers set and neither fired nor cleared: a test ends with 0. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer: FakeTimer = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    this.#timers.delete(timer as FakeTimer);
  }

  /** Moves time on and runs what falls due, in order of time, then of setting; timers set meanwhile included. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = until;
  }

  /** `advance`, with room for promise continuations before and after each timer. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
      await settle();
    }
    this.#now = until;
  }

  #next(until: number): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
