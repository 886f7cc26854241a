// The one error class of this package: what went wrong on the way to an origin, in the words of the wire.

export type UpstreamErrorCode =
  | 'request_invalid'
  | 'request_unsupported'
  | 'origin_forbidden'
  | 'queue_full'
  | 'queue_timeout'
  | 'breaker_open'
  | 'dns_failed'
  | 'connect_refused'
  | 'connect_timeout'
  | 'connect_failed'
  | 'tls_untrusted'
  | 'tls_expired'
  | 'tls_name_mismatch'
  | 'tls_failed'
  | 'alpn_mismatch'
  | 'deadline_exceeded'
  | 'first_byte_timeout'
  | 'idle_timeout'
  | 'origin_closed'
  | 'origin_reset'
  | 'origin_protocol_error'
  | 'response_too_large'
  | 'origin_unprocessed'
  | 'broker_draining'
  | 'broker_internal';

/** Where an error arose: in the request itself, in this process, while connecting, or in the origin's answer. */
export type UpstreamErrorSource = 'client' | 'broker' | 'connect' | 'origin';

export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly code: UpstreamErrorCode;
  readonly source: UpstreamErrorSource;
  /** `no`: the origin provably did not act on the request, so it may be sent again whatever its method. */
  readonly processed: 'no' | 'maybe';

  constructor(
    code: UpstreamErrorCode,
    message: string,
    options: { source: UpstreamErrorSource; processed: 'no' | 'maybe'; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source;
    this.processed = options.processed;
  }
}
