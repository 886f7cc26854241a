import { describe, expect, test } from 'vitest';
import { SessionError } from './session.ts';
import { fromGoaway, fromReset, fromSessionEnd, fromUnsent, http2Code, http2CodeName } from './translate-error.ts';

test('names every code of RFC 9113 section 7, and no other', () => {
  expect(Object.values(http2Code)).toEqual(Array.from({ length: 14 }, (_, code) => code));
  expect(http2CodeName(0x7)).toBe('REFUSED_STREAM');
  expect(http2CodeName(0xe)).toBe('UNKNOWN_0xe');
});

test('only REFUSED_STREAM proves that nothing was processed', () => {
  const unprocessed = Object.values(http2Code).filter((code) => fromReset(code).processed === 'no');
  expect(unprocessed).toEqual([http2Code.REFUSED_STREAM]);
  expect(fromReset(http2Code.REFUSED_STREAM).code).toBe('stream_refused');
  expect(fromReset(0x99)).toMatchObject({ code: 'stream_reset', processed: 'maybe' });
});

test('a stream above a GOAWAY`s last stream id was not processed', () => {
  expect(fromGoaway(5, 3, http2Code.NO_ERROR)).toMatchObject({
    code: 'goaway',
    processed: 'no',
    http2Code: 'NO_ERROR',
  });
});

function systemError(code: string, errno = 0): Error {
  return Object.assign(new Error(`failed with ${code}`), { code, errno });
}

describe('the end of a session', () => {
  test.each([
    ['nothing', null, null, 'session_closed', null],
    ['a broken connection', systemError('ECONNRESET', -104), null, 'session_closed', null],
    ['a broken pipe', systemError('EPIPE', -32), null, 'session_closed', null],
    ['a time-out of the kernel', systemError('ETIMEDOUT', -110), null, 'session_closed', null],
    ['GOAWAY with an error', systemError('ERR_HTTP2_SESSION_ERROR'), 0xb, 'session_closed', 'ENHANCE_YOUR_CALM'],
    ['GOAWAY without', systemError('ECONNRESET'), 0, 'session_closed', null],
    ['nghttp2: protocol', systemError('ERR_HTTP2_ERROR', -505), null, 'protocol_error', 'PROTOCOL_ERROR'],
    ['nghttp2: frame size', systemError('ERR_HTTP2_ERROR', -522), null, 'protocol_error', 'FRAME_SIZE_ERROR'],
    ['nghttp2: HPACK', systemError('ERR_HTTP2_ERROR', -523), null, 'protocol_error', 'COMPRESSION_ERROR'],
    ['nghttp2: window', systemError('ERR_HTTP2_ERROR', -524), null, 'protocol_error', 'FLOW_CONTROL_ERROR'],
    ['nghttp2: flood', systemError('ERR_HTTP2_ERROR', -904), null, 'protocol_error', 'ENHANCE_YOUR_CALM'],
    ['nghttp2: out of memory', systemError('ERR_HTTP2_ERROR', -901), null, 'session_closed', null],
    [
      'too many invalid frames',
      systemError('ERR_HTTP2_TOO_MANY_INVALID_FRAMES'),
      null,
      'protocol_error',
      'PROTOCOL_ERROR',
    ],
  ] as const)('%s', (_name, cause, goawayCode, code, name) => {
    expect(fromSessionEnd(cause, goawayCode)).toMatchObject({ code, processed: 'maybe', http2Code: name });
  });

  test('keeps an error that is one already', () => {
    const error = new SessionError('session_destroyed', 'ended here', { processed: 'maybe' });
    expect(fromSessionEnd(error, 0xb)).toBe(error);
  });
});

describe('a request that was not sent', () => {
  test.each([
    ['ERR_HTTP2_OUT_OF_STREAMS', 'no_room'],
    ['ERR_HTTP2_INVALID_SESSION', 'session_closed'],
    ['ERR_HTTP2_GOAWAY_SESSION', 'session_closed'],
    ['ERR_HTTP2_INVALID_CONNECTION_HEADERS', 'unsupported'],
    ['ERR_INVALID_HTTP_TOKEN', 'unsupported'],
  ])('%s', (code, expected) => {
    expect(fromUnsent(systemError(code))).toMatchObject({ code: expected, processed: 'no' });
  });

  test('is none of these', () => {
    expect(fromUnsent(systemError('ERR_HTTP2_STREAM_ERROR'))).toBeNull();
    expect(fromUnsent(null)).toBeNull();
  });
});
