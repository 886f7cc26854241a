// The one error class of this package, and what any error looks like in an ERROR frame.

import { type ErrorFrame, type ErrorName, errorNumber, FrameType, WireError } from '@hawser/protocol';
import { UpstreamError, type UpstreamErrorCode } from '@hawser/upstream';

/** An exchange or a client connection that the broker itself ends. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: ErrorName;
  readonly source: 'client' | 'broker';
  readonly processed: 'no' | 'maybe';

  constructor(
    code: ErrorName,
    message: string,
    options: { source: 'client' | 'broker'; processed: 'no' | 'maybe'; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source;
    this.processed = options.processed;
  }
}

/** Every upstream code is a wire name; this does not compile when one is missing. */
const wireNames: Record<UpstreamErrorCode, ErrorName> = {
  request_invalid: 'request_invalid',
  request_unsupported: 'request_unsupported',
  queue_full: 'queue_full',
  queue_timeout: 'queue_timeout',
  origin_forbidden: 'origin_forbidden',
  breaker_open: 'breaker_open',
  dns_failed: 'dns_failed',
  connect_refused: 'connect_refused',
  connect_timeout: 'connect_timeout',
  connect_failed: 'connect_failed',
  tls_untrusted: 'tls_untrusted',
  tls_expired: 'tls_expired',
  tls_name_mismatch: 'tls_name_mismatch',
  tls_failed: 'tls_failed',
  alpn_mismatch: 'alpn_mismatch',
  deadline_exceeded: 'deadline_exceeded',
  first_byte_timeout: 'first_byte_timeout',
  idle_timeout: 'idle_timeout',
  origin_closed: 'origin_closed',
  origin_reset: 'origin_reset',
  origin_protocol_error: 'origin_protocol_error',
  response_too_large: 'response_too_large',
  origin_unprocessed: 'origin_unprocessed',
  broker_draining: 'broker_draining',
  broker_internal: 'broker_internal',
};

/** The ERROR frame for `error`; exchange id 0 ends the client connection. Anything unforeseen is `broker_internal`. */
export function toErrorFrame(exchangeId: number, error: unknown): ErrorFrame {
  const frame = { type: FrameType.error, exchangeId, facts: null } as const;
  if (error instanceof UpstreamError || error instanceof BrokerError || error instanceof WireError) {
    const name = error instanceof UpstreamError ? wireNames[error.code] : error.code;
    const { message, processed, source } = error;
    return { ...frame, code: errorNumber(name), name, message, processed, source };
  }
  const message = 'the broker failed; its log says why';
  return {
    ...frame,
    code: errorNumber('broker_internal'),
    name: 'broker_internal',
    message,
    processed: 'maybe',
    source: 'broker',
  };
}
