// Who wants room on a session, and how it waits for it.

import type { Timer } from './clock.ts';
import type { UpstreamError } from './errors.ts';
import type { OpenReason, PooledSession } from './pooled-session.ts';

/** Someone who wants room for one exchange. Exactly one of the two calls comes, unless it is withdrawn before. */
export interface Waiter {
  readonly client: object;
  /**
   * Room for one exchange: `entry.session.request` must be called before this returns. `reason` is `reused`, or why the
   * session was opened for the first exchange on it; `connectMs` is -1 where no connect was waited for.
   */
  onRoom(entry: PooledSession, reason: OpenReason | 'reused', connectMs: number): void;
  onError(error: UpstreamError): void;
}

/** A waiter in the queue, which may be withdrawn until it is served. */
export class QueuedWaiter {
  readonly client: object;
  readonly waiter: Waiter;
  readonly since: number;
  timer: Timer | null = null;
  #isWithdrawn = false;

  constructor(waiter: Waiter, since: number) {
    this.client = waiter.client;
    this.waiter = waiter;
    this.since = since;
  }

  withdraw(): void {
    this.#isWithdrawn = true;
  }

  fail(error: UpstreamError): void {
    if (!this.#isWithdrawn) this.waiter.onError(error);
  }
}
