// Opens one connection to an origin: DNS, egress policy, TCP, TLS and one ALPN negotiation, then a session of its protocol.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connectHttp2, type Session, type SessionEvents } from '@hawser/http2';
import { type Address, orderAddresses } from './address.ts';
import { Admission, type Admitted, type OnWaiting } from './admission.ts';
import { type Clock, systemClock } from './clock.ts';
import { ConnectAttempt } from './connect-attempt.ts';
import { dial } from './dial.ts';
import { EgressPolicy } from './egress.ts';
import { UpstreamError } from './errors.ts';
import { openHttp1 } from './http1-session.ts';
import { NatGovernor, type NatOptions, type NatSnapshot } from './nat-governor.ts';
import type { OriginOptions } from './options.ts';
import { formatOrigin, type Origin } from './origin.ts';
import { Places } from './places.ts';
import { poolKey } from './pool-key.ts';
import { type OnAddresses, Resolver } from './resolver.ts';
import { secure, secureContextOf } from './secure.ts';
import { TlsSessions } from './tls-sessions.ts';

export interface ConnectorOptions {
  readonly clock?: Clock;
  /** Default: one that reads this host's files. It is closed with the connector. */
  readonly resolver?: Resolver;
  /** Default: link-local addresses are refused, nothing else. */
  readonly egress?: EgressPolicy;
  /** Default: 500 connections to each address and port. */
  readonly nat?: NatOptions;
  /** Sessions in total, those that drain included, until their connection has closed. Default 1,000. */
  readonly maxSessions?: number;
}

/** What holds without configuration: far more than a pod needs, and within what a process may have open. */
export const defaultMaxSessions = 1_000;

/** What a session's owner hears: the session's events, and where the origin's name leads while the session is open. */
export interface ConnectorEvents extends SessionEvents {
  /** As `Resolver.watch` says; comes until the session leaves `open`. */
  readonly onAddresses?: OnAddresses;
  /** The connect stands in line for one of these places. `timeouts.connect` does not run meanwhile; the signal ends it. */
  readonly onWaiting?: OnWaiting;
  /** It has all that it needs. Called for each connect that comes to its first SYN. */
  readonly onAdmitted?: () => void;
}

/** Shared by all pools: one cache of names, one policy, one store of TLS sessions, one count of connections. */
export class Connector {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #egress: EgressPolicy;
  readonly #tlsSessions = new TlsSessions();
  readonly #nat: NatGovernor;
  readonly #admission: Admission;

  constructor(options: ConnectorOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#resolver = options.resolver ?? new Resolver({ clock: this.#clock });
    this.#egress = options.egress ?? new EgressPolicy();
    this.#nat = new NatGovernor(options.nat);
    const maxSessions = options.maxSessions ?? defaultMaxSessions;
    this.#admission = new Admission(
      this.#nat,
      new Places(maxSessions, { plural: 'sessions', option: 'limits.sessions' }),
    );
  }

  /** The connections to each destination, and how far that is from what the NAT can hold. */
  natSnapshot(): NatSnapshot {
    return this.#nat.snapshot();
  }

  /**
   * Opens a session, or rejects with an UpstreamError within `timeouts.connect`. Aborting `signal` gives up at once. Where a
   * limit is reached, it waits before that, for as long as the signal lets it; `queue_full` where too many wait already.
   */
  async connect(
    origin: Origin,
    options: OriginOptions,
    events: ConnectorEvents,
    signal: AbortSignal,
  ): Promise<Session> {
    const attempt = new ConnectAttempt(origin, options.timeouts.connectMs, this.#clock, signal);
    try {
      const addresses = await attempt.whileResolving(this.#resolver.lookup(origin.host));
      // These very addresses are dialled: another lookup might bring others.
      const allowed = this.#egress.allowedAddresses(origin, addresses);
      const socket = attempt.hold(await this.#open(origin, options, allowed, attempt, events));
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
    attempt: ConnectAttempt,
    events: ConnectorEvents,
  ): Promise<Socket | TLSSocket> {
    // Options that cannot work cost no connection.
    const context = origin.scheme === 'http' ? null : secureContextOf(options.tls);
    const ordered = orderAddresses(addresses, options.resolve.prefer);
    const admitted = await attempt.whileWaiting(this.#admission, ordered, origin.port, events.onWaiting);
    events.onAdmitted?.();
    const socket = attempt.hold(await this.#dial(admitted, origin.port, attempt.signal));
    if (context === null) return socket;
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

  /** The session's place goes with the connection that it is made on. */
  async #dial(admitted: Admitted, port: number, signal: AbortSignal): Promise<Socket> {
    try {
      const socket = await dial(admitted.addresses, port, admitted.takePlace, this.#clock, signal);
      socket.once('close', () => admitted.session.release());
      return socket;
    } catch (error) {
      admitted.release();
      throw error;
    }
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
