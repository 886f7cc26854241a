// Opens one connection to an origin: DNS, egress policy, TCP, TLS and one ALPN negotiation, then a session of its protocol.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connectHttp2, type Session, type SessionEvents } from '@hawser/http2';
import { type Address, orderAddresses } from './address.ts';
import { type Clock, systemClock } from './clock.ts';
import { dial } from './dial.ts';
import { EgressPolicy } from './egress.ts';
import { UpstreamError } from './errors.ts';
import { openHttp1 } from './http1-session.ts';
import type { OriginOptions } from './options.ts';
import { formatOrigin, type Origin } from './origin.ts';
import { poolKey } from './pool-key.ts';
import { type OnAddresses, Resolver } from './resolver.ts';
import { secure, secureContextOf } from './secure.ts';
import { TlsSessions } from './tls-sessions.ts';
import { fromConnectError, fromDnsError } from './translate-error.ts';

export interface ConnectorOptions {
  readonly clock?: Clock;
  /** Default: one that reads this host's files. It is closed with the connector. */
  readonly resolver?: Resolver;
  /** Default: link-local addresses are refused, nothing else. */
  readonly egress?: EgressPolicy;
}

/** What a session's owner hears: the session's events, and where the origin's name leads while the session is open. */
export interface ConnectorEvents extends SessionEvents {
  /** As `Resolver.watch` says; comes until the session leaves `open`. */
  readonly onAddresses?: OnAddresses;
}

/** Shared by all pools: one cache of names, one policy, one store of TLS sessions. */
export class Connector {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #egress: EgressPolicy;
  readonly #tlsSessions = new TlsSessions();

  constructor(options: ConnectorOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#resolver = options.resolver ?? new Resolver({ clock: this.#clock });
    this.#egress = options.egress ?? new EgressPolicy();
  }

  /** Opens a session, or rejects with an UpstreamError within `timeouts.connect`. Aborting `signal` gives up at once. */
  async connect(
    origin: Origin,
    options: OriginOptions,
    events: ConnectorEvents,
    signal: AbortSignal,
  ): Promise<Session> {
    const attempt = new Attempt(origin, options.timeouts.connectMs, this.#clock, signal);
    try {
      const addresses = await attempt.whileResolving(this.#resolver.lookup(origin.host));
      // These very addresses are dialled: another lookup might bring others.
      const allowed = this.#egress.allowedAddresses(origin, addresses);
      const socket = attempt.hold(await this.#open(origin, options, allowed, attempt));
      const watched = new WatchedEvents(events);
      const session = await (protocolOf(socket, origin, options) === 'h2'
        ? connectHttp2(socket, { engine: options.http2.engine, events: watched, clock: this.#clock })
        : openHttp1(socket, watched));
      if (events.onAddresses !== undefined && session.state === 'open') {
        watched.unwatch = this.#resolver.watch(origin.host, events.onAddresses);
      }
      return session;
    } catch (cause) {
      throw attempt.toError(cause);
    } finally {
      attempt.end();
    }
  }

  /** Ends lookups and watches. Sessions are their pools' to end. */
  close(): void {
    this.#resolver.close();
  }

  async #open(
    origin: Origin,
    options: OriginOptions,
    addresses: readonly Address[],
    attempt: Attempt,
  ): Promise<Socket | TLSSocket> {
    const ordered = orderAddresses(addresses, options.resolve.prefer);
    if (origin.scheme === 'http') return dial(ordered, origin.port, this.#clock, attempt.signal);
    // Options that cannot work cost no connection.
    const context = secureContextOf(options.tls);
    const socket = attempt.hold(await dial(ordered, origin.port, this.#clock, attempt.signal));
    const key = poolKey(origin, options);
    try {
      return await secure(socket, {
        serverName: options.tls.serverName ?? origin.host,
        protocol: options.protocol,
        context,
        session: this.#tlsSessions.get(key),
        onSession: (session) => this.#tlsSessions.set(key, session),
      });
    } catch (error) {
      socket.destroy();
      // It may be the session that the origin cannot take: the next connection starts afresh.
      this.#tlsSessions.delete(key);
      throw error;
    }
  }
}

/** One connect, from its deadline's point of view: what it waits for, and what ends it. */
class Attempt {
  readonly #name: string;
  readonly #connectMs: number;
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #abort = new AbortController();
  readonly #timer: unknown;
  #isResolving = true;
  /** Called when the attempt is given up; set for what `signal` does not reach. */
  #onAbort: () => void = () => {};

  constructor(origin: Origin, connectMs: number, clock: Clock, outer: AbortSignal) {
    this.#name = formatOrigin(origin);
    this.#connectMs = connectMs;
    this.#clock = clock;
    this.#outer = outer;
    this.#timer = clock.setTimeout(() => this.#giveUp(this.#timeout()), connectMs);
    if (outer.aborted) this.#abort.abort(outer.reason);
    else outer.addEventListener('abort', this.#onOuterAbort);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The lookup goes on without this attempt: others may wait for it, and the next attempt will. */
  async whileResolving(lookup: Promise<readonly Address[]>): Promise<readonly Address[]> {
    const { promise: abandoned, reject } = Promise.withResolvers<never>();
    this.#onAbort = () => reject(this.signal.reason);
    if (this.signal.aborted) this.#onAbort();
    try {
      return await Promise.race([lookup, abandoned]);
    } catch (cause) {
      throw fromDnsError(cause, this.#name);
    } finally {
      this.#isResolving = false;
      this.#onAbort = () => {};
    }
  }

  /** From here on the attempt's end is the socket's, until `end`. Throws if it has come already. */
  hold<T extends Socket>(socket: T): T {
    this.#onAbort = () => socket.destroy();
    this.signal.throwIfAborted();
    return socket;
  }

  /** What ended the attempt from here (time, the caller) says more than what the socket made of it. */
  toError(cause: unknown): UpstreamError {
    this.#onAbort();
    return fromConnectError(this.signal.aborted ? this.signal.reason : cause, this.#name);
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#onOuterAbort);
  }

  #onOuterAbort = (): void => this.#giveUp(this.#outer.reason);

  #giveUp(reason: unknown): void {
    this.#abort.abort(reason);
    this.#onAbort();
  }

  #timeout(): UpstreamError {
    const [code, missing] = this.#isResolving
      ? (['dns_failed', 'the resolver gave no answer'] as const)
      : (['connect_timeout', 'no session'] as const);
    const message = `${this.#name}: ${missing} within ${this.#connectMs} ms (timeouts.connect)`;
    return new UpstreamError(code, message, { source: 'connect', processed: 'no' });
  }
}

/** Passes the events on, and ends the watch of the name with the session's open life. */
class WatchedEvents implements SessionEvents {
  readonly #events: SessionEvents;
  unwatch: () => void = () => {};

  constructor(events: SessionEvents) {
    this.#events = events;
  }

  onRoom(): void {
    this.#events.onRoom();
  }

  onDraining(cause: 'goaway' | 'local' | 'closed'): void {
    this.unwatch();
    this.#events.onDraining(cause);
  }

  onClosed(...args: Parameters<SessionEvents['onClosed']>): void {
    this.unwatch();
    this.#events.onClosed(...args);
  }
}

function protocolOf(socket: Socket | TLSSocket, origin: Origin, options: OriginOptions): 'h2' | 'http/1.1' {
  if (!('alpnProtocol' in socket)) return options.protocol === 'h2' ? 'h2' : 'http/1.1';
  if (socket.alpnProtocol === 'h2') return 'h2';
  if (options.protocol !== 'h2') return 'http/1.1';
  throw new UpstreamError(
    'alpn_mismatch',
    `${formatOrigin(origin)}: protocol is h2, but the origin did not choose it in ALPN`,
    { source: 'connect', processed: 'no' },
  );
}
