// The sessions of one pool key: who gets a stream, who waits, and when another session is opened. Knows no HTTP. Above 500
// lines because it is one set of states: a walk over its sessions that stood elsewhere would need them all.

import type { Session, SessionEvents } from '@hawser/http2';
import type { Clock, Timer } from './clock.ts';
import { UpstreamError } from './errors.ts';
import { IdleLearner } from './idle-learner.ts';
import { keepAliveMs, Liveness } from './liveness.ts';
import { Opening } from './opening.ts';
import type { OriginOptions } from './options.ts';
import type { Places } from './places.ts';
import { type OpenReason, PooledSession, type SessionSnapshot } from './pooled-session.ts';
import { WaitQueue } from './wait-queue.ts';
import { QueuedWaiter, type Waiter } from './waiter.ts';

/** What a connect says before there is a session. Those that a limit does not hold up need not be called. */
interface ConnectEvents extends SessionEvents {
  /** It waits until one of these places is given back. */
  onWaiting(places: readonly Places[]): void;
  /** It waits no more. */
  onAdmitted(): void;
}

/** Rejects with an UpstreamError. It may wait for as long as the signal is not aborted. */
export type Connect = (events: ConnectEvents, signal: AbortSignal) => Promise<Session>;

/** The pools that share the limits with this one. */
export interface Neighbours {
  /** Somebody's connect waits for a place that a session holds. */
  readonly isCrowded: boolean;
  /** A connect waits for one of these places: idle sessions that hold one are to go, wherever they are. */
  makeRoom(places: readonly Places[]): void;
  /** A session of this pool is idle, and may be in somebody's way. */
  makeRoomByIdle(entry: PooledSession): void;
}

const noNeighbours: Neighbours = { isCrowded: false, makeRoom: () => {}, makeRoomByIdle: () => {} };

/** After a failed connect, while other sessions still serve or nobody waits: no further attempt for this long. */
const reconnectPauseMs = 1_000;

/** A cloud NAT forgets a connection that was silent for 350 s: one that shows no life by PING is not kept idle so long. */
const maxSilentIdleMs = 340_000;

/** Streams refused one after the other by a session that carries nothing else: another may meet a server that takes them. */
const maxRefusals = 3;

/** Sessions beyond `connections.maxIdle` go after this long, so that a short lull does not cost a connection. */
const spareIdleMs = 10_000;

/** Ages are spread over this share of `connections.maxAge`, so that sessions opened together are not replaced together. */
const ageJitter = 0.1;

/**
 * Invariants: a waiter waits only while no open session has room; never more than `connections.max` sessions and
 * connects together (draining sessions, which finish on their own, not counted), but for the replacement of an only
 * session; at most one connect runs while the protocol, and so the room that a session brings, is unknown; a session is
 * drained for age or a changed address only after its replacement is open, or while others serve.
 */
export class SessionPool {
  readonly #name: string;
  readonly #options: OriginOptions;
  readonly #connect: Connect;
  readonly #clock: Clock;
  readonly #neighbours: Neighbours;
  readonly #open = new Set<PooledSession>();
  readonly #draining = new Set<PooledSession>();
  readonly #connects = new Set<Opening>();
  readonly #queue = new WaitQueue<QueuedWaiter>();
  /** Room that the last new session brought; unknown before the first. */
  #roomPerSession = Number.POSITIVE_INFINITY;
  #nextReason: OpenReason = 'cold';
  /** Runs for a while after a failed connect. */
  #pause: Timer | null = null;
  #isDraining = false;
  readonly #idleLearner: IdleLearner;
  readonly #afterConnect: (() => void)[] = [];
  readonly #liveness: Liveness;
  /** When a session was last drained for its refusals. */
  #refusedAt = Number.NEGATIVE_INFINITY;
  /** Sessions that are to be open even if nobody asks. */
  #warm = 0;

  constructor(
    name: string,
    options: OriginOptions,
    connect: Connect,
    clock: Clock,
    neighbours: Neighbours = noNeighbours,
  ) {
    this.#name = name;
    this.#options = options;
    this.#connect = connect;
    this.#clock = clock;
    this.#neighbours = neighbours;
    this.#idleLearner = new IdleLearner(clock);
    this.#liveness = new Liveness(clock);
  }

  /** Nothing is open, connecting, waiting or to be held warm: the pool may be forgotten. */
  get isEmpty(): boolean {
    const isWarm = this.#warm > 0 && !this.#isDraining;
    return this.#open.size + this.#draining.size + this.#connects.size + this.#queue.size === 0 && !isWarm;
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
      if (this.#queue.remove(queued)) this.#abandonConnects();
    };
  }

  /** Opens the sessions that are to be warm and holds them; resolves when the first connects have ended, well or not. */
  async keepWarm(): Promise<void> {
    const { warm, max } = this.#options.connections;
    this.#warm = Math.min(warm, max);
    this.#openWhereNeeded();
    while (this.#connects.size > 0) await new Promise<void>((resolve) => this.#afterConnect.push(resolve));
  }

  /** The name resolves to these addresses now: sessions to others are replaced. */
  setAddresses(addresses: readonly string[]): void {
    if (addresses.length === 0) return;
    for (const entry of this.#open) {
      const isKnown = addresses.some((address) => hostOf(entry.session.remoteAddress) === address);
      if (!isKnown) this.#replace(entry, 'dns-changed');
    }
  }

  /** An exchange on `entry` timed out: where the session is silent as a whole, it takes no more, or ends. */
  suspect(entry: PooledSession, answeredStreams: number, isOverdue: boolean): void {
    void this.#liveness.suspect(entry, answeredStreams, isOverdue);
  }

  /** The origin refused a stream of `entry`: others are preferred, and if it does nothing else it makes room for another. */
  noteRefusal(entry: PooledSession): void {
    entry.refusals++;
    if (entry.refusals < maxRefusals || entry.session.activeStreams > 0 || !this.#open.has(entry)) return;
    // An origin that refuses everything is not to be hammered with connections.
    const now = this.#clock.now();
    if (now - this.#refusedAt < reconnectPauseMs) return;
    this.#refusedAt = now;
    entry.drainedFor = 'error';
    entry.session.drain();
  }

  /** Every session, for who looks for room: of the open ones, as many as are to be warm go last. */
  *entries(): Iterable<{ readonly entry: PooledSession; readonly isWarm: boolean }> {
    const isWarm = this.#open.size <= this.#warm;
    for (const entry of this.#open) yield { entry, isWarm };
    for (const entry of this.#draining) yield { entry, isWarm: false };
  }

  snapshot(): SessionSnapshot[] {
    const now = this.#clock.now();
    return [...this.#open, ...this.#draining].map((entry) => entry.snapshot(this.#name, now));
  }

  /** Takes nothing new; sessions close as their last exchange ends. */
  drain(): void {
    this.#isDraining = true;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = null;
    for (const { session } of [...this.#open]) session.drain();
    this.#failAll(this.#drainingError());
    this.#abandonConnects();
  }

  /** Ends every session and every wait now. */
  destroy(): void {
    this.drain();
    for (const { abort } of this.#connects) abort.abort(this.#drainingError());
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
      `${this.#open.size} of ${max} sessions open${this.#waitsFor()}`;
    queued.fail(new UpstreamError('queue_timeout', message, { source: 'broker', processed: 'no' }));
    this.#abandonConnects();
  }

  /** What holds the connects up, for a message. */
  #waitsFor(): string {
    for (const { waitsFor } of this.#connects) {
      if (waitsFor !== null) return `; a connect waits for one of at most ${waitsFor.join(' or ')}`;
    }
    return '';
  }

  /** The open session with room that carries least; one that was idle for long is asked first whether it lives. */
  #leastLoaded(): PooledSession | undefined {
    let best: PooledSession | undefined;
    for (const entry of this.#open) {
      if (!entry.hasRoom || !this.#isTrusted(entry)) continue;
      if (best === undefined || isBetter(entry, best)) best = entry;
    }
    return best;
  }

  #isTrusted(entry: PooledSession): boolean {
    if (entry.idleSince === null) return true;
    if (entry.idleMs(this.#clock.now()) >= this.#idleLearner.limitMs) {
      // The origin is about to close it: the timer retires it.
      this.#setTimer(entry, 0);
      return false;
    }
    if (!this.#liveness.isDoubtful(entry)) return true;
    entry.isProbing = true;
    void this.#probe(entry);
    return false;
  }

  async #probe(entry: PooledSession): Promise<void> {
    const isAlive = await this.#liveness.probe(entry);
    entry.isProbing = false;
    if (isAlive) this.#onRoom(entry);
  }

  #give(entry: PooledSession, waiter: Waiter, connectMs: number): void {
    entry.idleSince = null;
    const isFirst = entry.session.startedStreams === 0;
    waiter.onRoom(entry, isFirst ? entry.openedFor : 'reused', connectMs);
    this.#noteIdle(entry);
  }

  #serveWaiters(): void {
    while (this.#queue.size > 0) {
      const entry = this.#leastLoaded();
      if (entry === undefined) break;
      const queued = this.#queue.take() as QueuedWaiter;
      this.#clock.clearTimeout(queued.timer);
      this.#give(entry, queued.waiter, queued.since <= entry.openedAt ? entry.connectMs : -1);
    }
    if (this.#connects.size > 0) this.#abandonConnects();
    this.#openWhereNeeded();
  }

  #openWhereNeeded(): void {
    if (this.#isDraining) return;
    while (
      this.#isRoomNeeded() &&
      this.#open.size + this.#connects.size < this.#options.connections.max &&
      (this.#pause === null || (this.#queue.size > 0 && this.#open.size + this.#connects.size === 0))
    ) {
      void this.#openOne(this.#reasonToOpen());
    }
  }

  #isRoomNeeded(): boolean {
    return this.#queue.size > this.#comingRoom() || this.#open.size + this.#connects.size < this.#warm;
  }

  #reasonToOpen(): OpenReason {
    if (this.#queue.size <= this.#comingRoom()) return 'warm';
    return this.#open.size > 0 ? 'streams-exhausted' : this.#nextReason;
  }

  /** Room that is on its way. One connect is worth any number while it is not known how much. */
  #comingRoom(): number {
    let room = this.#connects.size === 0 ? 0 : this.#connects.size * this.#roomPerSession;
    for (const entry of this.#open) if (entry.isProbing) room += entry.session.freeStreams;
    return room;
  }

  /** Make before break: the new session is open before the old one takes nothing more. */
  #replace(entry: PooledSession, reason: 'max-age' | 'dns-changed'): void {
    if (entry.isReplaced) return;
    const isFull = this.#open.size + this.#connects.size >= this.#options.connections.max;
    if (isFull && this.#open.size > 1) {
      entry.session.drain();
    } else if (this.#pause === null) {
      entry.isReplaced = true;
      void this.#openOne(reason, entry);
    }
  }

  async #openOne(reason: OpenReason, replaced: PooledSession | null = null): Promise<void> {
    const opening = new Opening(reason, replaced, this.#clock.now());
    this.#connects.add(opening);
    let entry: PooledSession | null = null;
    try {
      const session = await this.#connect(
        {
          onWaiting: (places) => this.#onWaiting(opening, places),
          onAdmitted: () => opening.admitted(this.#clock.now()),
          onRoom: () => entry !== null && this.#onRoom(entry),
          onDraining: (cause) => entry !== null && this.#onDraining(entry, cause),
          onClosed: (error) => entry !== null && this.#onClosed(entry, error !== null),
        },
        opening.abort.signal,
      );
      this.#connects.delete(opening);
      const now = this.#clock.now();
      const maxAgeMs = this.#options.connections.maxAgeMs * (1 - Math.random() * ageJitter);
      entry = new PooledSession(session, reason, opening.connectMs(now), now, maxAgeMs);
      this.#adopt(entry);
      if (session.state === 'open') replaced?.session.drain();
    } catch (error) {
      // One that was abandoned has been taken out before, and has nobody to tell.
      if (this.#connects.delete(opening)) this.#onConnectFailed(error as UpstreamError);
    }
    if (replaced !== null) replaced.isReplaced = false;
    for (const resolve of this.#afterConnect.splice(0)) resolve();
  }

  #onWaiting(opening: Opening, places: readonly Places[]): void {
    opening.waitsFor = places;
    if (opening.reason === 'warm' && this.#queue.size === 0) {
      // The warm floor takes what is free, and is tried again.
      this.#abandon(opening);
      this.#pauseConnects();
    } else {
      this.#neighbours.makeRoom(places);
    }
  }

  /** Where nobody waits any more, nobody needs the connects that wait for places: they leave these to others. */
  #abandonConnects(): void {
    if (this.#queue.size > 0) return;
    for (const opening of this.#connects) {
      if (opening.waitsFor !== null && opening.replaced?.session.state !== 'open') this.#abandon(opening);
    }
  }

  #abandon(opening: Opening): void {
    this.#connects.delete(opening);
    opening.abort.abort(
      new UpstreamError('connect_failed', `${this.#name}: nobody needs the session any more`, {
        source: 'broker',
        processed: 'no',
      }),
    );
  }

  #adopt(entry: PooledSession): void {
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
    const isWanted = this.#open.size + this.#connects.size > 0 || this.#warm > 0;
    if (isWanted) this.#pauseConnects();
  }

  #pauseConnects(): void {
    if (!this.#isDraining) this.#pause ??= this.#clock.setTimeout(this.#endPause, reconnectPauseMs);
  }

  #endPause = (): void => {
    this.#pause = null;
    this.#openWhereNeeded();
  };

  #onRoom(entry: PooledSession): void {
    this.#noteIdle(entry);
    this.#serveWaiters();
    this.#tend(entry);
    if (entry.idleSince !== null && this.#neighbours.isCrowded) this.#neighbours.makeRoomByIdle(entry);
  }

  #noteIdle(entry: PooledSession): void {
    if (entry.session.activeStreams > 0) {
      entry.idleSince = null;
    } else {
      entry.idleSince ??= this.#clock.now();
      if (entry.session.startedStreams > 0) entry.firstIdleAt ??= entry.idleSince;
    }
  }

  /** Sets the session's timer for what is due next. It is moved forward only: when it fires too soon, it looks again. */
  #tend(entry: PooledSession): void {
    if (!this.#open.has(entry)) return;
    const dueInMs = this.#dueInMs(entry);
    if (entry.timer === null || this.#clock.now() + dueInMs < entry.dueAt) this.#setTimer(entry, dueInMs);
  }

  #setTimer(entry: PooledSession, inMs: number): void {
    this.#clock.clearTimeout(entry.timer);
    entry.dueAt = this.#clock.now() + inMs;
    entry.timer = this.#clock.setTimeout(
      () => {
        entry.timer = null;
        this.#onDue(entry);
      },
      Math.max(1, Math.ceil(inMs)),
    );
  }

  #onDue(entry: PooledSession): void {
    if (!this.#open.has(entry)) return;
    const now = this.#clock.now();
    const isIdle = entry.idleSince !== null && !entry.isProbing;
    if (isIdle && entry.idleMs(now) >= this.#idleLimitMs(entry)) {
      // The warm floor holds: what replaces this one is opened as it leaves.
      entry.session.drain();
      return;
    }
    if (now - entry.openedAt >= entry.maxAgeMs) this.#replace(entry, 'max-age');
    void this.#liveness.learn(entry);
    void this.#liveness.keepAlive(entry);
    this.#tend(entry);
  }

  /** Time from now until the first thing that could be due. An age that is over is looked at again after a pause. */
  #dueInMs(entry: PooledSession): number {
    const now = this.#clock.now();
    const ageLeftMs = entry.maxAgeMs - (now - entry.openedAt);
    const idleLeftMs = this.#idleLimitMs(entry) - entry.idleMs(now);
    const keepAliveLeftMs = entry.lastPingAt + keepAliveMs - now;
    return Math.min(
      ageLeftMs > 0 ? ageLeftMs : reconnectPauseMs,
      idleLeftMs,
      keepAliveLeftMs > 0 ? keepAliveLeftMs : keepAliveMs,
      this.#liveness.firstPingInMs(entry),
    );
  }

  /** How long this session may be idle: less where the origin is known to close sooner, or others are idle too. */
  #idleLimitMs(entry: PooledSession): number {
    const { idleMs, maxIdle } = this.#options.connections;
    const isKeptAlive = entry.ping === 'answered';
    const limitMs = Math.min(this.#idleLearner.limitMs, isKeptAlive ? Number.POSITIVE_INFINITY : maxSilentIdleMs);
    if (this.#open.size <= this.#warm) return isKeptAlive ? limitMs : Math.min(idleMs, limitMs);
    let idleCount = 0;
    for (const other of this.#open) if (other.idleSince !== null) idleCount++;
    return Math.min(
      idleMs,
      limitMs,
      idleCount > Math.max(maxIdle, this.#warm) ? spareIdleMs : Number.POSITIVE_INFINITY,
    );
  }

  #onDraining(entry: PooledSession, cause: 'goaway' | 'local' | 'closed'): void {
    if (!this.#open.delete(entry)) return;
    this.#draining.add(entry);
    this.#forgetTimer(entry);
    entry.drainingCause = cause;
    if (cause !== 'local' && entry.idleSince !== null && entry.session.startedStreams > 0) {
      this.#idleLearner.observeClose(entry.idleMs(this.#clock.now()));
    }
    this.#nextReason = entry.drainedFor ?? reasonAfter[cause];
    this.#abandonConnects();
    this.#openWhereNeeded();
  }

  #onClosed(entry: PooledSession, isError: boolean): void {
    this.#open.delete(entry);
    this.#draining.delete(entry);
    this.#forgetTimer(entry);
    // Only the end of the connection says whether it was an orderly one.
    if (isError && entry.drainingCause === 'closed') this.#nextReason = 'error';
    this.#openWhereNeeded();
  }

  #forgetTimer(entry: PooledSession): void {
    this.#clock.clearTimeout(entry.timer);
    entry.timer = null;
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

/** Sessions that refuse come last, however little they carry: who refuses carries nothing, and would get all attempts. */
function isBetter(entry: PooledSession, than: PooledSession): boolean {
  if (entry.refusals !== than.refusals) return entry.refusals < than.refusals;
  return entry.session.activeStreams < than.session.activeStreams;
}

/** `192.0.2.1:443` → `192.0.2.1`, `[2001:db8::1]:443` → `2001:db8::1`. */
function hostOf(remoteAddress: string): string {
  return remoteAddress.slice(0, remoteAddress.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
