// The contract every upstream session keeps, whatever its protocol or engine: connect → request → drain or destroy.

/**
 * Field lines in order, repeats kept: `[name, value, name, value, …]`. Names are lower case, each character is one octet.
 * Pseudo-fields never appear here.
 */
export type Fields = readonly string[];

export interface RequestHead {
  readonly method: string;
  readonly scheme: 'https' | 'http';
  /** Host and port as they go into `:authority` or `Host`. */
  readonly authority: string;
  /** Path and query, at least `/`; `*` for OPTIONS. */
  readonly path: string;
  /** Without host and connection-specific fields: the caller has removed them. */
  readonly fields: Fields;
}

/**
 * The request body: `null` for none, a Buffer for one that is whole (and so can be sent again),
 * `'stream'` for one that comes through `write` and `end`.
 */
export type RequestBody = Buffer | null | 'stream';

/**
 * What an exchange hears from its session. Order: `onInformational*`, then `onResponse`, `onData*`, `onTrailers?`, `onEnd`;
 * `onError` may take the place of anything and is the last call. After `onEnd`, `onError` or `cancel` no call comes.
 * No call is made from inside `request`, `write`, `end`, `consume` or `cancel` itself.
 */
export interface ExchangeSink {
  /** 1xx other than 101 (RFC 9110 section 15.2). */
  onInformational(status: number, fields: Fields): void;
  onResponse(status: number, fields: Fields): void;
  /** Body bytes. The sink owns the chunk and says `consume(n)` as it passes it on. */
  onData(chunk: Buffer): void;
  onTrailers(fields: Fields): void;
  /** The response is whole. The request body may still be on its way: the session deals with that. */
  onEnd(): void;
  onError(error: SessionError): void;
  /** The session has let go of this many request body bytes given to `write`: that much more may come. */
  onRequestConsumed(bytes: number): void;
}

/** One exchange on a session. Calls after `onEnd` and `onError` do nothing. */
export interface ExchangeHandle {
  /** Adds request body bytes. Never blocks and never refuses; the caller keeps to what `onRequestConsumed` gave back. */
  write(chunk: Buffer): void;
  /** Ends the request body, with trailers where there are any. */
  end(trailers?: Fields): void;
  /** Gives the origin room for this many more response body bytes. */
  consume(bytes: number): void;
  /** Gives the exchange up: RST_STREAM CANCEL in HTTP/2, the end of the connection in HTTP/1.1. */
  cancel(): void;
}

/**
 * - `open`: takes requests while `freeStreams` is above 0.
 * - `draining`: takes none; what runs is finished, then it closes. Entered by `drain()`, GOAWAY, or the origin's half close.
 * - `closed`: the socket is gone.
 */
export type SessionState = 'open' | 'draining' | 'closed';

export interface SessionEvents {
  /** Room appeared: a stream ended, or the origin raised its limit. */
  onRoom(): void;
  /** Left `open`; called once. `goaway`: the origin asked; `local`: `drain()`; `closed`: the connection ended. */
  onDraining(cause: 'goaway' | 'local' | 'closed'): void;
  /** The last call. `error` is null for an orderly end. Every exchange has been told before. */
  onClosed(error: SessionError | null): void;
}

export interface Session {
  readonly protocol: 'h2' | 'http/1.1';
  readonly state: SessionState;
  /** Requests that may start now: the origin's limit less what runs; 0 unless `open`. */
  readonly freeStreams: number;
  /** Exchanges that run now. One whose stream the origin has reset is none of them, also while its sink hears of that. */
  readonly activeStreams: number;
  /** Exchanges started since the session opened. */
  readonly startedStreams: number;
  /** Address and port of the origin's end, `192.0.2.1:443`. */
  readonly remoteAddress: string;
  /** Starts an exchange. Throws a SessionError with `processed: 'no'` if the session has no room. */
  request(head: RequestHead, body: RequestBody, sink: ExchangeSink): ExchangeHandle;
  /** Round-trip time in milliseconds, or a SessionError after `timeoutMs`. HTTP/1.1 has no PING and resolves 0 while open. */
  ping(timeoutMs: number): Promise<number>;
  /** Takes nothing new, finishes what runs, then closes. */
  drain(): void;
  /** Ends now; running exchanges get `error` (default: `session_destroyed`). */
  destroy(error?: SessionError): void;
}

export type SessionErrorCode =
  | 'session_closed' // the origin closed or the connection broke
  | 'session_destroyed' // we ended it
  | 'no_room'
  | 'goaway' // above the last stream id: unprocessed (RFC 9113 section 6.8)
  | 'stream_refused' // RST_STREAM REFUSED_STREAM: unprocessed (RFC 9113 section 8.7)
  | 'stream_reset' // RST_STREAM with any other code
  | 'protocol_error' // the origin broke HTTP
  | 'fields_too_large' // the origin's field section is beyond the limit
  | 'body_incomplete' // content-length and body disagree (RFC 9113 section 8.1.1, RFC 9112 section 6.3)
  | 'unsupported' // the protocol cannot carry what was asked
  | 'ping_timeout';

/** Why an exchange or a session ended. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;
  /** `no`: the origin provably did not act on the request. */
  readonly processed: 'no' | 'maybe';
  /** The HTTP/2 error code by name (RFC 9113 section 7), where one travelled. */
  readonly http2Code: string | null;

  constructor(
    code: SessionErrorCode,
    message: string,
    options: { processed: 'no' | 'maybe'; http2Code?: string; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.processed = options.processed;
    this.http2Code = options.http2Code ?? null;
  }
}
