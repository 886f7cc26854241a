// What tests of the pool put around it: connects and sessions that do as the test says, and waiters that note what they hear.

import { type ExchangeHandle, type Session, SessionError, type SessionEvents, type SessionState } from '@hawser/http2';
import type { FakeClock } from '@hawser/testkit';
import { expect } from 'vitest';
import type { UpstreamError, UpstreamErrorCode } from './errors.ts';
import { defaultOriginOptions, type OriginOptions } from './options.ts';
import type { PooledSession } from './pooled-session.ts';
import { SessionPool } from './session-pool.ts';
import type { Waiter } from './waiter.ts';

interface PoolTestOptions extends Omit<Partial<OriginOptions>, 'connections'> {
  readonly connections?: Partial<OriginOptions['connections']>;
}

/** A pool whose connects are appended to `connects`, for the test to decide. */
export function createPool(clock: FakeClock, connects: PendingConnect[], options: PoolTestOptions = {}): SessionPool {
  const { connections, ...others } = options;
  const connect = (events: SessionEvents, signal: AbortSignal) => {
    const pending = new PendingConnect(events, signal);
    connects.push(pending);
    return pending.session;
  };
  const merged = { ...defaultOriginOptions.connections, ...connections };
  return new SessionPool('https://origin', { ...defaultOriginOptions, ...others, connections: merged }, connect, clock);
}

export function checkOut(pool: SessionPool, count: number, client: object = {}): TestWaiter[] {
  return Array.from({ length: count }, () => {
    const waiter = new TestWaiter(client);
    waiter.checkOut(pool);
    return waiter;
  });
}

export function codeOf(waiter: TestWaiter): UpstreamErrorCode | null {
  return waiter.error?.code ?? null;
}

/** Lets microtasks and promise continuations run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class TestWaiter implements Waiter {
  readonly client: object;
  session: ScriptedSession | null = null;
  entry: PooledSession | null = null;
  reason = '';
  connectMs = Number.NaN;
  error: UpstreamError | null = null;
  withdraw: () => void = () => {};

  constructor(client: object) {
    this.client = client;
  }

  checkOut(pool: SessionPool): void {
    this.withdraw = pool.checkOut(this);
  }

  onRoom(entry: PooledSession, reason: string, connectMs: number): void {
    const { session } = entry;
    expect(this.session, 'served twice').toBeNull();
    this.entry = entry;
    expect(session.freeStreams, 'room that was promised').toBeGreaterThan(0);
    this.session = session as ScriptedSession;
    this.reason = reason;
    this.connectMs = connectMs;
    session.request(head, null, sink);
  }

  onError(error: UpstreamError): void {
    expect(this.error, 'failed twice').toBeNull();
    this.error = error;
  }

  /** The exchange ends. */
  finish(): void {
    this.session?.finish();
  }
}

const head = { method: 'GET', scheme: 'https', authority: 'origin', path: '/', fields: [] } as const;
const ignore = () => {};
const sink = {
  onInformational: ignore,
  onResponse: ignore,
  onData: ignore,
  onTrailers: ignore,
  onEnd: ignore,
  onError: ignore,
  onRequestConsumed: ignore,
};

/** A connect that the test decides. */
export class PendingConnect {
  readonly signal: AbortSignal;
  readonly session: Promise<Session>;
  readonly #events: SessionEvents;
  readonly #settle: PromiseWithResolvers<Session>;

  constructor(events: SessionEvents, signal: AbortSignal) {
    this.#events = events;
    this.signal = signal;
    this.#settle = Promise.withResolvers<Session>();
    this.session = this.#settle.promise;
  }

  async succeed(
    room: number,
    state: SessionState = 'open',
    shape: { protocol?: 'h2' | 'http/1.1'; remoteAddress?: string } = {},
  ): Promise<ScriptedSession> {
    const session = Object.assign(new ScriptedSession(room, this.#events, state), shape);
    this.#settle.resolve(session);
    await turn();
    return session;
  }

  async fail(error: UpstreamError): Promise<void> {
    this.#settle.reject(error);
    await turn();
  }
}

/** Keeps the session contract; what the origin does is said by the test. */
export class ScriptedSession implements Session {
  protocol: 'h2' | 'http/1.1' = 'h2';
  remoteAddress = '192.0.2.1:443';
  /** What the next PING gets: an answer, silence (`ping_timeout`), or the test's own promise. */
  pingAnswer: () => Promise<number> = () => Promise.resolve(0);
  pings = 0;
  destroyedWith: SessionError | null = null;
  state: SessionState;
  activeStreams = 0;
  startedStreams = 0;
  readonly #events: SessionEvents;
  #room: number;

  constructor(room: number, events: SessionEvents, state: SessionState) {
    this.#room = room;
    this.#events = events;
    this.state = state;
  }

  get freeStreams(): number {
    return this.state === 'open' ? Math.max(0, this.#room - this.activeStreams) : 0;
  }

  request(): ExchangeHandle {
    if (this.freeStreams === 0) throw new SessionError('no_room', 'no room', { processed: 'no' });
    this.activeStreams++;
    this.startedStreams++;
    return { write: ignore, end: ignore, consume: ignore, cancel: ignore };
  }

  ping(): Promise<number> {
    this.pings++;
    return this.pingAnswer();
  }

  drain(): void {
    this.leave('local');
  }

  destroy(error?: SessionError): void {
    this.destroyedWith = error ?? null;
    this.leave('local');
    this.close(null);
  }

  /** One exchange ends. */
  finish(): void {
    this.activeStreams--;
    if (this.state === 'open') this.#events.onRoom();
    else if (this.activeStreams === 0) this.close(null);
  }

  raise(room: number): void {
    this.#room = room;
    this.#events.onRoom();
  }

  leave(cause: 'goaway' | 'local' | 'closed'): void {
    if (this.state !== 'open') return;
    this.state = 'draining';
    this.#events.onDraining(cause);
    if (this.activeStreams === 0 && cause !== 'closed') this.close(null);
  }

  close(error: SessionError | null): void {
    if (this.state === 'closed') return;
    this.leave('closed');
    this.state = 'closed';
    this.activeStreams = 0;
    this.#events.onClosed(error);
  }
}
