// The sessions of one pool key: who gets a stream, who waits, and when another session is opened. Knows no HTTP.

import type { Session, SessionEvents } from '@hawser/http2';
import type { Clock, Timer } from './clock.ts';
import { UpstreamError } from './errors.ts';
import type { OriginOptions } from './options.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * Why a session was opened: it is the first, the others have no room, or how the one before it ended. `closed-here`: it
 * was idle, or an HTTP/1.1 exchange on it was cancelled.
 */
export type OpenReason = 'cold' | 'streams-exhausted' | 'goaway' | 'origin-closed' | 'closed-here' | 'error';

/** Someone who wants room for one exchange. Exactly one of the two calls comes, unless it is withdrawn before. */
export interface Waiter {
  readonly client: object;
  /**
   * Room for one exchange: `session.request` must be called before this returns. `reason` is `reused`, or why the
   * session was opened for the first exchange on it; `connectMs` is -1 where no connect was waited for.
   */
  onRoom(session: Session, reason: OpenReason | 'reused', connectMs: number): void;
  onError(error: UpstreamError): void;
}

export type Connect = (events: SessionEvents, signal: AbortSignal) => Promise<Session>;

/** After a failed connect, while other sessions still serve: no further attempt for this long. */
const reconnectPauseMs = 1_000;

interface Entry {
  readonly session: Session;
  readonly openedFor: OpenReason;
  readonly openedAt: number;
  readonly connectMs: number;
  idleTimer: Timer | null;
  drainingCause: 'goaway' | 'local' | 'closed' | null;
}

/**
 * Invariants: a waiter waits only while no open session has room; never more than `connections.max` sessions and
 * connects together (draining sessions, which finish on their own, not counted); at most one connect runs while the
 * protocol, and so the room that a session brings, is unknown.
 */
export class SessionPool {
  readonly #name: string;
  readonly #options: OriginOptions;
  readonly #connect: Connect;
  readonly #clock: Clock;
  readonly #open = new Set<Entry>();
  readonly #draining = new Set<Entry>();
  readonly #connects = new Set<AbortController>();
  readonly #queue = new WaitQueue<QueuedWaiter>();
  /** Room that the last new session brought; unknown before the first. */
  #roomPerSession = Number.POSITIVE_INFINITY;
  #nextReason: OpenReason = 'cold';
  /** Runs for a while after a failed connect. */
  #pause: Timer | null = null;
  #isDraining = false;

  constructor(name: string, options: OriginOptions, connect: Connect, clock: Clock) {
    this.#name = name;
    this.#options = options;
    this.#connect = connect;
    this.#clock = clock;
  }

  /** Nothing is open, connecting or waiting: the pool may be forgotten. */
  get isEmpty(): boolean {
    return this.#open.size + this.#draining.size + this.#connects.size + this.#queue.size === 0;
  }

  get sessionCount(): number {
    return this.#open.size + this.#draining.size;
  }

  /** Reserves a stream: at once where there is room, else when it comes. The result withdraws the wait. */
  checkOut(waiter: Waiter): () => void {
    const entry = this.#isDraining ? undefined : this.#leastLoaded();
    if (entry !== undefined && this.#queue.size === 0) {
      this.#give(entry, waiter, -1);
      return () => {};
    }
    const queued = new QueuedWaiter(waiter, this.#clock.now());
    const refusal = this.#refusal();
    if (refusal !== null) {
      queueMicrotask(() => queued.fail(refusal));
      return () => queued.withdraw();
    }
    const { timeoutMs } = this.#options.queue;
    queued.timer = this.#clock.setTimeout(() => this.#giveUp(queued), timeoutMs);
    this.#queue.add(queued);
    this.#openWhereNeeded();
    return () => {
      queued.withdraw();
      this.#clock.clearTimeout(queued.timer);
      this.#queue.remove(queued);
    };
  }

  /** Takes nothing new; sessions close as their last exchange ends. */
  drain(): void {
    this.#isDraining = true;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = null;
    for (const { session } of this.#open) session.drain();
    this.#failAll(this.#drainingError());
  }

  /** Ends every session and every wait now. */
  destroy(): void {
    this.drain();
    for (const connect of this.#connects) connect.abort(this.#drainingError());
    for (const { session } of [...this.#open, ...this.#draining]) session.destroy();
  }

  #refusal(): UpstreamError | null {
    if (this.#isDraining) return this.#drainingError();
    if (this.#queue.size < this.#options.queue.max) return null;
    const message = `${this.#name}: ${this.#queue.size} exchanges wait already (queue.max)`;
    return new UpstreamError('queue_full', message, { source: 'broker', processed: 'no' });
  }

  #drainingError(): UpstreamError {
    return new UpstreamError('broker_draining', `${this.#name}: the broker is stopping`, {
      source: 'broker',
      processed: 'no',
    });
  }

  #giveUp(queued: QueuedWaiter): void {
    if (!this.#queue.remove(queued)) return;
    const { max } = this.#options.connections;
    const message =
      `${this.#name}: no room on a session within ${this.#options.queue.timeoutMs} ms (queue.timeout), ` +
      `${this.#open.size} of ${max} sessions open`;
    queued.fail(new UpstreamError('queue_timeout', message, { source: 'broker', processed: 'no' }));
  }

  #leastLoaded(): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#open) {
      if (entry.session.freeStreams === 0) continue;
      if (best === undefined || entry.session.activeStreams < best.session.activeStreams) best = entry;
    }
    return best;
  }

  #give(entry: Entry, waiter: Waiter, connectMs: number): void {
    if (entry.idleTimer !== null) {
      this.#clock.clearTimeout(entry.idleTimer);
      entry.idleTimer = null;
    }
    const isFirst = entry.session.startedStreams === 0;
    waiter.onRoom(entry.session, isFirst ? entry.openedFor : 'reused', connectMs);
    this.#watchIdle(entry);
  }

  #serveWaiters(): void {
    while (this.#queue.size > 0) {
      const entry = this.#leastLoaded();
      if (entry === undefined) break;
      const queued = this.#queue.take() as QueuedWaiter;
      this.#clock.clearTimeout(queued.timer);
      this.#give(entry, queued.waiter, queued.since <= entry.openedAt ? entry.connectMs : -1);
    }
    this.#openWhereNeeded();
  }

  #openWhereNeeded(): void {
    if (this.#isDraining) return;
    while (
      this.#queue.size > this.#comingRoom() &&
      this.#open.size + this.#connects.size < this.#options.connections.max &&
      (this.#pause === null || this.#open.size + this.#connects.size === 0)
    ) {
      void this.#openOne(this.#open.size > 0 ? 'streams-exhausted' : this.#nextReason);
    }
  }

  /** Room that the running connects will bring. One connect is worth any number while it is not known how much. */
  #comingRoom(): number {
    return this.#connects.size === 0 ? 0 : this.#connects.size * this.#roomPerSession;
  }

  async #openOne(openedFor: OpenReason): Promise<void> {
    const abort = new AbortController();
    this.#connects.add(abort);
    const startedAt = this.#clock.now();
    let entry: Entry | null = null;
    try {
      const session = await this.#connect(
        {
          onRoom: () => entry !== null && this.#onRoom(entry),
          onDraining: (cause) => entry !== null && this.#onDraining(entry, cause),
          onClosed: (error) => entry !== null && this.#onClosed(entry, error !== null),
        },
        abort.signal,
      );
      this.#connects.delete(abort);
      const openedAt = this.#clock.now();
      entry = { session, openedFor, openedAt, connectMs: openedAt - startedAt, idleTimer: null, drainingCause: null };
      this.#adopt(entry);
    } catch (error) {
      this.#connects.delete(abort);
      this.#onConnectFailed(error as UpstreamError);
    }
  }

  #adopt(entry: Entry): void {
    if (this.#isDraining) {
      entry.session.destroy();
      return;
    }
    if (entry.session.state !== 'open') {
      // As good as a failed connect; trying again at once would hammer an origin that does this each time.
      const message = `${this.#name}: the origin ended the session as it was opened`;
      this.#onConnectFailed(new UpstreamError('connect_failed', message, { source: 'connect', processed: 'no' }));
      return;
    }
    this.#open.add(entry);
    if (entry.session.freeStreams > 0) this.#roomPerSession = entry.session.freeStreams;
    this.#onRoom(entry);
  }

  #onConnectFailed(error: UpstreamError): void {
    // While another session serves, its room will come; without one, nobody can be helped.
    if (this.#open.size === 0 && this.#connects.size === 0) this.#failAll(error);
    else if (!this.#isDraining) this.#pause ??= this.#clock.setTimeout(this.#endPause, reconnectPauseMs);
  }

  #endPause = (): void => {
    this.#pause = null;
    this.#openWhereNeeded();
  };

  #onRoom(entry: Entry): void {
    this.#serveWaiters();
    this.#watchIdle(entry);
  }

  #watchIdle(entry: Entry): void {
    if (entry.session.activeStreams > 0 || entry.idleTimer !== null || !this.#open.has(entry)) return;
    entry.idleTimer = this.#clock.setTimeout(() => entry.session.drain(), this.#options.connections.idleMs);
  }

  #onDraining(entry: Entry, cause: 'goaway' | 'local' | 'closed'): void {
    if (!this.#open.delete(entry)) return;
    this.#draining.add(entry);
    this.#forgetIdle(entry);
    entry.drainingCause = cause;
    this.#nextReason = reasonAfter[cause];
    this.#openWhereNeeded();
  }

  #onClosed(entry: Entry, isError: boolean): void {
    this.#open.delete(entry);
    this.#draining.delete(entry);
    this.#forgetIdle(entry);
    // Only the end of the connection says whether it was an orderly one.
    if (isError && entry.drainingCause === 'closed') this.#nextReason = 'error';
    this.#openWhereNeeded();
  }

  #forgetIdle(entry: Entry): void {
    this.#clock.clearTimeout(entry.idleTimer);
    entry.idleTimer = null;
  }

  #failAll(error: UpstreamError): void {
    const failed: QueuedWaiter[] = [];
    for (let queued = this.#queue.take(); queued !== undefined; queued = this.#queue.take()) {
      this.#clock.clearTimeout(queued.timer);
      failed.push(queued);
    }
    // Not while the queue is emptied: whom this tells may wait anew at once.
    for (const queued of failed) queued.fail(error);
  }
}

const reasonAfter = { goaway: 'goaway', local: 'closed-here', closed: 'origin-closed' } as const;

/** A waiter in the queue, which may be withdrawn until it is served. */
class QueuedWaiter {
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
