// One connect of a pool that is under way: what it is for, and what it waits for before its first SYN.

import type { Places } from './places.ts';
import type { OpenReason, PooledSession } from './pooled-session.ts';

export class Opening {
  readonly reason: OpenReason;
  /** The session that it is to replace. */
  readonly replaced: PooledSession | null;
  readonly abort = new AbortController();
  /** The places of which it waits for one; null while it connects. */
  waitsFor: readonly Places[] | null = null;
  #startedAt: number;

  constructor(reason: OpenReason, replaced: PooledSession | null, now: number) {
    this.reason = reason;
    this.replaced = replaced;
    this.#startedAt = now;
  }

  /** It has its places: the time that it connects begins anew. */
  admitted(now: number): void {
    if (this.waitsFor !== null) this.#startedAt = now;
    this.waitsFor = null;
  }

  connectMs(now: number): number {
    return now - this.#startedAt;
  }
}
