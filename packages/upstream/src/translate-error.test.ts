import { SessionError, type SessionErrorCode } from '@hawser/http2';
import { describe, expect, test } from 'vitest';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import { fromConnectError, fromDnsError, fromSessionError } from './translate-error.ts';

const origin = 'https://api.example.com';

describe('what looking up the name failed with is dns_failed, whatever the code means elsewhere', () => {
  test.each(['ENOTFOUND', 'ENODATA', 'EBADNAME', 'ETIMEOUT', 'ECONNREFUSED', 'EREFUSED', 'ESERVFAIL', 'EWHATEVER'])(
    '%s',
    (errorCode) => {
      const cause = Object.assign(new Error(`queryA ${errorCode} api.example.com`), { code: errorCode });
      const error = fromDnsError(cause, origin);
      expect(error).toMatchObject({ code: 'dns_failed', source: 'connect', processed: 'no', cause });
      expect(error.message).toContain(origin);
      expect(error.message).toContain(errorCode);
    },
  );

  test('an error of ours stays what it is', () => {
    const ours = new UpstreamError('origin_forbidden', 'no', { source: 'broker', processed: 'no' });
    expect(fromDnsError(ours, origin)).toBe(ours);
  });
});

describe('what connecting failed with', () => {
  test.each<[errorCode: string, code: UpstreamErrorCode]>([
    ['ECONNREFUSED', 'connect_refused'],
    ['ETIMEDOUT', 'connect_timeout'],
    ['ECONNRESET', 'connect_failed'],
    ['EHOSTUNREACH', 'connect_failed'],
    ['ENETUNREACH', 'connect_failed'],
    ['EADDRNOTAVAIL', 'connect_failed'],
    ['EMFILE', 'connect_failed'],
    ['EWHATEVER', 'connect_failed'],
    ['CERT_HAS_EXPIRED', 'tls_expired'],
    ['CERT_NOT_YET_VALID', 'tls_expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_name_mismatch'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_untrusted'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_untrusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_untrusted'],
    ['UNABLE_TO_GET_ISSUER_CERT', 'tls_untrusted'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_untrusted'],
    ['CERT_UNTRUSTED', 'tls_untrusted'],
    ['CERT_REVOKED', 'tls_untrusted'],
    ['INVALID_CA', 'tls_untrusted'],
    ['INVALID_PURPOSE', 'tls_untrusted'],
    ['CERT_REJECTED', 'tls_untrusted'],
    ['CERT_SIGNATURE_FAILURE', 'tls_untrusted'],
    ['CERT_CHAIN_TOO_LONG', 'tls_untrusted'],
    ['PATH_LENGTH_EXCEEDED', 'tls_untrusted'],
    ['UNSPECIFIED', 'tls_untrusted'],
    ['HOSTNAME_MISMATCH', 'tls_name_mismatch'],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'alpn_mismatch'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_failed'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'tls_failed'],
    ['ERR_TLS_INVALID_PROTOCOL_VERSION', 'tls_failed'],
    ['ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'tls_failed'],
    ['EPROTO', 'tls_failed'],
  ])('%s is %s', (errorCode, code) => {
    const cause = Object.assign(new Error('what the system said'), { code: errorCode });
    const error = fromConnectError(cause, origin);
    expect(error).toMatchObject({ code, source: 'connect', processed: 'no', cause });
    expect(error.message).toContain(`${origin}: `);
    expect(error.message).toContain(`${errorCode}: what the system said`);
  });

  test('of several addresses the first one is told', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 192.0.2.1:443'), { code: 'ECONNREFUSED' });
    const unreachable = Object.assign(new Error('connect ENETUNREACH 2001:db8::1'), { code: 'ENETUNREACH' });
    const error = fromConnectError(new AggregateError([refused, unreachable], 'all addresses'), origin);
    expect(error.code).toBe('connect_refused');
    expect(error.message).toBe(`${origin}: the port refused the connection (connect ECONNREFUSED 192.0.2.1:443)`);
  });

  test('an error of ours stays as it is', () => {
    const ours = new UpstreamError('connect_timeout', 'too late', { source: 'connect', processed: 'no' });
    expect(fromConnectError(ours, origin)).toBe(ours);
  });

  test.each<[SessionErrorCode, UpstreamErrorCode]>([
    ['protocol_error', 'origin_protocol_error'],
    ['session_closed', 'connect_failed'],
    ['ping_timeout', 'connect_failed'],
  ])('a session that fails with %s before it is open is %s', (sessionCode, code) => {
    const cause = new SessionError(sessionCode, 'no SETTINGS', { processed: 'maybe' });
    expect(fromConnectError(cause, origin)).toMatchObject({ code, source: 'connect', processed: 'no' });
  });

  test.each([['a string'], [undefined], [null], [{ code: 42 }], [new AggregateError([], 'no address')]])(
    '%s is connect_failed',
    (cause) => {
      expect(fromConnectError(cause, origin)).toMatchObject({ code: 'connect_failed', processed: 'no' });
    },
  );

  test('only the first line of a foreign message is told', () => {
    const cause = Object.assign(new Error('first\nsecond'), { code: 'EWHATEVER' });
    expect(fromConnectError(cause, origin).message).not.toContain('second');
  });
});

describe('what ended an exchange on a session', () => {
  test.each<[SessionErrorCode, 'no' | 'maybe', UpstreamErrorCode, UpstreamError['source']]>([
    ['session_closed', 'maybe', 'origin_closed', 'origin'],
    ['session_closed', 'no', 'origin_closed', 'origin'],
    ['session_destroyed', 'maybe', 'broker_draining', 'broker'],
    ['no_room', 'no', 'origin_unprocessed', 'origin'],
    ['goaway', 'no', 'origin_unprocessed', 'origin'],
    ['stream_refused', 'no', 'origin_unprocessed', 'origin'],
    ['stream_reset', 'maybe', 'origin_reset', 'origin'],
    ['stream_reset', 'no', 'origin_unprocessed', 'origin'],
    ['protocol_error', 'maybe', 'origin_protocol_error', 'origin'],
    ['fields_too_large', 'maybe', 'response_too_large', 'origin'],
    ['body_incomplete', 'maybe', 'origin_closed', 'origin'],
    ['unsupported', 'no', 'request_unsupported', 'client'],
    ['ping_timeout', 'maybe', 'origin_closed', 'origin'],
  ])('%s, processed %s, is %s', (sessionCode, processed, code, source) => {
    const cause = new SessionError(sessionCode, 'what happened', { processed });
    const error = fromSessionError(cause, origin, false);
    expect(error).toMatchObject({ code, processed, source, cause, message: `${origin}: what happened` });
  });

  test.each<[SessionErrorCode, UpstreamErrorCode]>([
    ['stream_refused', 'origin_reset'],
    ['goaway', 'origin_reset'],
    ['session_closed', 'origin_closed'],
  ])('%s after an answer has begun is not unprocessed, though the origin says so', (sessionCode, code) => {
    const cause = new SessionError(sessionCode, 'what happened', { processed: 'no' });
    expect(fromSessionError(cause, origin, true)).toMatchObject({ code, processed: 'maybe' });
  });
});
