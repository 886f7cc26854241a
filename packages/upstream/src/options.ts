// What can be set per origin, with the defaults that hold without any configuration.

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
  readonly timeouts: Timeouts;
  readonly connections: {
    /** Sessions to one pool key at most. Default 4. */
    readonly max: number;
    /** A session with no exchange for this long is closed: below the 350 s after which a cloud NAT forgets it. */
    readonly idleMs: number;
  };
  readonly queue: {
    /** Exchanges that may wait for room on a session of one pool key. Default 1,000. */
    readonly max: number;
    /** Longest wait for room. Default 5,000. */
    readonly timeoutMs: number;
  };
  readonly http2: { readonly engine: 'node' };
}

export const defaultOriginOptions: OriginOptions = Object.freeze({
  protocol: 'auto',
  tls: Object.freeze({}),
  timeouts: Object.freeze({ connectMs: 1_000, firstByteMs: 30_000, idleMs: 30_000, totalMs: 60_000 }),
  connections: Object.freeze({ max: 4, idleMs: 5 * 60_000 }),
  queue: Object.freeze({ max: 1_000, timeoutMs: 5_000 }),
  http2: Object.freeze({ engine: 'node' }),
});
