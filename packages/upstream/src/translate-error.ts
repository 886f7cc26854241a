// Foreign errors (errno, OpenSSL, X.509, session errors) → this package's words, in one table.

import { SessionError, type SessionErrorCode } from '@hawser/http2';
import { UpstreamError, type UpstreamErrorCode, type UpstreamErrorSource } from './errors.ts';

/** What connecting to `origin` failed with. Nothing was sent, so it is always unprocessed. */
export function fromConnectError(cause: unknown, origin: string): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  if (cause instanceof SessionError) {
    const code = cause.code === 'protocol_error' ? 'origin_protocol_error' : 'connect_failed';
    return connectError(code, `${origin}: ${cause.message}`, cause);
  }
  const error = firstOf(cause);
  const code = errorCodeOf(error);
  const reason =
    connectReasons[code] ?? (isTlsCode(code) ? (['tls_failed', 'the TLS handshake failed'] as const) : null);
  if (reason === null) return connectError('connect_failed', `${origin}: ${describe(error, code)}`, cause);
  return connectError(reason[0], `${origin}: ${reason[1]} (${describe(error, code)})`, cause);
}

/** What looking up the name of `origin` failed with: codes of c-ares, some of which mean other things while connecting. */
export function fromDnsError(cause: unknown, origin: string): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const code = errorCodeOf(cause);
  const reason = dnsReasons[code] ?? 'the resolver failed';
  return connectError('dns_failed', `${origin}: ${reason} (${describe(cause, code)})`, cause);
}

/**
 * What ended an exchange on a session to `origin`. After an answer, even an interim one, nothing is unprocessed: an origin
 * that says so contradicts itself (RFC 9113 sections 6.8 and 8.7 speak of streams that it did not act on).
 */
export function fromSessionError(error: SessionError, origin: string, isAnswered: boolean): UpstreamError {
  const processed = isAnswered ? 'maybe' : error.processed;
  let code: UpstreamErrorCode = sessionReasons[error.code];
  if (code === 'origin_reset' || code === 'origin_unprocessed') {
    code = processed === 'no' ? 'origin_unprocessed' : 'origin_reset';
  }
  const source = sources[code] ?? 'origin';
  return new UpstreamError(code, `${origin}: ${error.message}`, { source, processed, cause: error });
}

/** Where what ends an exchange arose, if not in the origin. */
const sources: Partial<Record<UpstreamErrorCode, UpstreamErrorSource>> = {
  request_unsupported: 'client',
  broker_draining: 'broker',
};

const dnsReasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name does not resolve',
  ENODATA: 'the name has no address',
  EBADNAME: 'the name cannot be asked for',
  ETIMEOUT: 'the resolver gave no answer',
  ECONNREFUSED: 'no resolver listens',
  EREFUSED: 'the resolver refused the question',
};

const connectReasons: Readonly<Record<string, readonly [UpstreamErrorCode, string]>> = {
  ECONNREFUSED: ['connect_refused', 'the port refused the connection'],
  ETIMEDOUT: ['connect_timeout', 'TCP gave up'],
  ECONNRESET: ['connect_failed', 'the origin ended the connection while it was being set up'],
  EADDRNOTAVAIL: ['connect_failed', 'no local port is left'],
  EMFILE: ['connect_failed', 'this process has no file descriptor left'],
  CERT_HAS_EXPIRED: ['tls_expired', 'the certificate has expired'],
  CERT_NOT_YET_VALID: ['tls_expired', 'the certificate is not valid yet'],
  HOSTNAME_MISMATCH: ['tls_name_mismatch', 'the certificate is for other names'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls_name_mismatch', 'the certificate is for other names'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls_untrusted', 'the certificate is self-signed'],
  SELF_SIGNED_CERT_IN_CHAIN: ['tls_untrusted', 'the chain ends in an authority that is not trusted'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['tls_untrusted', 'the chain ends in no trusted authority'],
  UNABLE_TO_GET_ISSUER_CERT: ['tls_untrusted', 'the chain ends in no trusted authority'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['tls_untrusted', 'the chain ends in no trusted authority'],
  CERT_UNTRUSTED: ['tls_untrusted', 'the chain ends in no trusted authority'],
  CERT_REVOKED: ['tls_untrusted', 'the certificate is revoked'],
  CERT_REJECTED: ['tls_untrusted', 'an authority in the chain is not for this use'],
  CERT_SIGNATURE_FAILURE: ['tls_untrusted', 'a signature in the chain is wrong'],
  CERT_CHAIN_TOO_LONG: ['tls_untrusted', 'the chain is too long'],
  PATH_LENGTH_EXCEEDED: ['tls_untrusted', 'the chain is longer than an authority in it allows'],
  UNSPECIFIED: ['tls_untrusted', 'the certificate does not verify: a key or digest that is too weak, for instance'],
  INVALID_CA: ['tls_untrusted', 'an authority in the chain may not issue certificates'],
  INVALID_PURPOSE: ['tls_untrusted', 'the certificate is not meant for servers'],
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: ['tls_failed', 'the origin speaks no TLS version from tls.minVersion on'],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ['tls_failed', 'the origin speaks no TLS version from tls.minVersion on'],
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: ['alpn_mismatch', 'the origin speaks none of the offered protocols'],
};

const sessionReasons = {
  session_closed: 'origin_closed',
  session_destroyed: 'broker_draining',
  no_room: 'origin_unprocessed',
  goaway: 'origin_unprocessed',
  stream_refused: 'origin_unprocessed',
  stream_reset: 'origin_reset',
  protocol_error: 'origin_protocol_error',
  fields_too_large: 'response_too_large',
  body_incomplete: 'origin_closed',
  unsupported: 'request_unsupported',
  ping_timeout: 'origin_closed',
} as const satisfies Record<SessionErrorCode, UpstreamErrorCode>;

function connectError(code: UpstreamErrorCode, message: string, cause: unknown): UpstreamError {
  return new UpstreamError(code, message, { source: 'connect', processed: 'no', cause });
}

/** With several addresses Node reports an AggregateError, one error per address. */
function firstOf(cause: unknown): unknown {
  return cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause;
}

function errorCodeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function isTlsCode(code: string): boolean {
  return (
    code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code.startsWith('ERR_OSSL_') || code === 'EPROTO'
  );
}

function describe(error: unknown, code: string): string {
  const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  return code === '' || message?.includes(code) ? String(message) : `${code}: ${message}`;
}
