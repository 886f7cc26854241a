// What can be set per origin, with the defaults that hold without any configuration.

import type { Engine } from '@hawser/http2';

/** TLS towards an origin; part of the pool key. */
export interface TlsOptions {
  /** Name in SNI and the one the certificate must carry. Default: the origin's host. */
  readonly serverName?: string;
  /** PEM of the authorities to trust instead of the built-in ones. */
  readonly ca?: string;
  /** PEM of the client certificate chain; goes with `key`. */
  readonly cert?: string;
  /** PEM of the client certificate's private key. */
  readonly key?: string;
  /** Lowest TLS version that is spoken. Default: Node's, TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** All durations in milliseconds. */
export interface Timeouts {
  /** DNS, TCP, TLS and the first SETTINGS together. Default 1,000. */
  readonly connectMs: number;
  /** From the request being sent whole to the final response's head. Default 30,000. */
  readonly firstByteMs: number;
  /** Longest silence of the origin inside a response body that PHP is ready to take. Default 30,000. */
  readonly idleMs: number;
  /** The whole exchange, waiting included. A client may ask for less, never for more. Default 60,000. */
  readonly totalMs: number;
}

export interface OriginOptions {
  /** `auto`: ALPN decides for https, HTTP/1.1 for http. `h2` over http means prior knowledge. Default `auto`. */
  readonly protocol: 'auto' | 'h2' | 'h1';
  readonly tls: TlsOptions;
  readonly resolve: {
    /**
     * Which of a name's addresses are tried first; the others follow 250 ms later, or when these fail. `auto`: IPv6 where
     * this host has a global IPv6 address. Default `auto`.
     */
    readonly prefer: 'auto' | 'ipv4' | 'ipv6';
  };
  readonly timeouts: Timeouts;
  readonly retry: {
    /**
     * Attempts in all, the first included; where only sessions broke off, five or this many if it is more. 1 turns repeats
     * off, but for what is provably unprocessed. Default 2.
     */
    readonly attempts: number;
    /** Repeats as a share of first attempts, over ten seconds and all clients; 0 to 1, 0 allows none. Default 0.2. */
    readonly budget: number;
  };
  readonly breaker: {
    /** Failures in a row after which the origin gets a pause; 0 turns the breaker off. Default 5. */
    readonly failures: number;
    /** Length of the pause, before one exchange is let through as a probe. Default 10,000. */
    readonly openMs: number;
  };
  readonly connections: {
    /** Sessions to one pool key at most. Default 4. */
    readonly max: number;
    /** Sessions without an exchange that are kept; more are closed as soon as they are idle. Default 2. */
    readonly maxIdle: number;
    /** A session without an exchange for this long is closed: below the 350 s after which a cloud NAT forgets it. Default 5 min. */
    readonly idleMs: number;
    /** A session this old is replaced, the new one opened before the old one drains; up to 10 % sooner. Default 10 min. */
    readonly maxAgeMs: number;
    /** Sessions held open even if nobody asks, opened before the broker says that it is ready. Default 0. */
    readonly warm: number;
  };
  readonly queue: {
    /** Exchanges that may wait for room on a session of one pool key. Default 1,000. */
    readonly max: number;
    /** Longest wait for room. Default 5,000. */
    readonly timeoutMs: number;
  };
  readonly http2: {
    /** Implementation of HTTP/2: `native` is our own, `node` the one in Node. Default `native`. */
    readonly engine: Engine;
  };
}

export const defaultOriginOptions: OriginOptions = Object.freeze({
  protocol: 'auto',
  tls: Object.freeze({}),
  resolve: Object.freeze({ prefer: 'auto' }),
  timeouts: Object.freeze({ connectMs: 1_000, firstByteMs: 30_000, idleMs: 30_000, totalMs: 60_000 }),
  retry: Object.freeze({ attempts: 2, budget: 0.2 }),
  breaker: Object.freeze({ failures: 5, openMs: 10_000 }),
  connections: Object.freeze({ max: 4, maxIdle: 2, idleMs: 5 * 60_000, maxAgeMs: 10 * 60_000, warm: 0 }),
  queue: Object.freeze({ max: 1_000, timeoutMs: 5_000 }),
  http2: Object.freeze({ engine: 'native' }),
});
