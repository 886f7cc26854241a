// Turns what node:http2, nghttp2, the socket and the origin say into SessionErrors. `processed: 'no'` only where provable.

import { SessionError, type SessionErrorCode } from './session.ts';

/** HTTP/2 error codes by name (RFC 9113 section 7). */
export const http2Code = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type Http2CodeName = keyof typeof http2Code;

const codeNames = new Map<number, Http2CodeName>(
  (Object.keys(http2Code) as Http2CodeName[]).map((name) => [http2Code[name], name]),
);

/** The name of an error code; `UNKNOWN_0x…` for one that RFC 9113 does not define. */
export function http2CodeName(code: number): string {
  return codeNames.get(code) ?? `UNKNOWN_0x${code.toString(16)}`;
}

/** What a RST_STREAM by the origin means for the exchange. REFUSED_STREAM alone proves anything (RFC 9113 section 8.7). */
const resets = {
  NO_ERROR: ['stream_reset', 'maybe'],
  PROTOCOL_ERROR: ['stream_reset', 'maybe'],
  INTERNAL_ERROR: ['stream_reset', 'maybe'],
  FLOW_CONTROL_ERROR: ['stream_reset', 'maybe'],
  SETTINGS_TIMEOUT: ['stream_reset', 'maybe'],
  STREAM_CLOSED: ['stream_reset', 'maybe'],
  FRAME_SIZE_ERROR: ['stream_reset', 'maybe'],
  REFUSED_STREAM: ['stream_refused', 'no'],
  CANCEL: ['stream_reset', 'maybe'],
  COMPRESSION_ERROR: ['stream_reset', 'maybe'],
  CONNECT_ERROR: ['stream_reset', 'maybe'],
  ENHANCE_YOUR_CALM: ['stream_reset', 'maybe'],
  INADEQUATE_SECURITY: ['stream_reset', 'maybe'],
  HTTP_1_1_REQUIRED: ['stream_reset', 'maybe'],
} as const satisfies Record<Http2CodeName, readonly [SessionErrorCode, 'no' | 'maybe']>;

/** Codes with which nghttp2 itself resets a stream, and why; nothing tells whether it did or the origin. */
const ownResets: Readonly<Record<number, string>> = {
  [http2Code.PROTOCOL_ERROR]: 'or its response broke HTTP',
  [http2Code.ENHANCE_YOUR_CALM]: 'or its field section is far beyond the limit',
};

/**
 * A stream that ended with an error code before the response was whole. `isOrigins`: it is known that the origin sent it;
 * node:http2 does not tell.
 */
export function fromReset(code: number, isOrigins = false): SessionError {
  const known = codeNames.get(code);
  const [sessionCode, processed] = known === undefined ? (['stream_reset', 'maybe'] as const) : resets[known];
  const name = http2CodeName(code);
  const own = isOrigins ? undefined : ownResets[code];
  const message = `the origin reset the stream with ${name}${own === undefined ? '' : `, ${own}`}`;
  return new SessionError(sessionCode, message, { processed, http2Code: name });
}

/** A stream that we reset because the origin broke HTTP on it. */
export function fromStreamViolation(name: Http2CodeName, what: string): SessionError {
  const message = `the origin's response broke HTTP/2: ${what}`;
  return new SessionError('stream_reset', message, { processed: 'maybe', http2Code: name });
}

/** A session that we end because the origin broke HTTP/2. */
export function fromViolation(name: Http2CodeName, what: string, cause?: unknown): SessionError {
  const message = `the origin broke HTTP/2: ${what}`;
  return new SessionError('protocol_error', message, { processed: 'maybe', http2Code: name, cause });
}

/** A stream above the last stream id of a GOAWAY (RFC 9113 section 6.8). */
export function fromGoaway(streamId: number | undefined, lastStreamId: number, code: number): SessionError {
  const what = streamId === undefined ? 'the stream was never sent' : `stream ${streamId} was not processed`;
  return new SessionError('goaway', `the origin sent GOAWAY with last stream id ${lastStreamId}: ${what}`, {
    processed: 'no',
    http2Code: http2CodeName(code),
  });
}

/**
 * Errors of node:http2 that end a session: HTTP/2 error code that it stands for. All but these are the transport's.
 * `ERR_HTTP2_ERROR` carries one of nghttp2's own numbers instead.
 */
const sessionErrors: Readonly<Record<string, Http2CodeName>> = {
  ERR_HTTP2_TOO_MANY_INVALID_FRAMES: 'PROTOCOL_ERROR',
  ERR_HTTP2_TOO_MANY_ORIGINS: 'ENHANCE_YOUR_CALM',
  ERR_HTTP2_MAX_PENDING_SETTINGS_ACK: 'ENHANCE_YOUR_CALM',
};

/** nghttp2's library error codes (nghttp2.h, `nghttp2_error`): what of RFC 9113 each reports. */
const nghttp2Errors: Readonly<Record<number, Http2CodeName>> = {
  [-505]: 'PROTOCOL_ERROR',
  [-506]: 'PROTOCOL_ERROR',
  [-510]: 'STREAM_CLOSED',
  [-518]: 'PROTOCOL_ERROR',
  [-522]: 'FRAME_SIZE_ERROR',
  [-523]: 'COMPRESSION_ERROR',
  [-524]: 'FLOW_CONTROL_ERROR',
  [-531]: 'PROTOCOL_ERROR',
  [-532]: 'PROTOCOL_ERROR',
  [-536]: 'PROTOCOL_ERROR',
  [-537]: 'ENHANCE_YOUR_CALM',
  [-904]: 'ENHANCE_YOUR_CALM',
  [-905]: 'ENHANCE_YOUR_CALM',
};

/** The end of a session: `cause` is what the socket or node:http2 gave, or null; `goawayCode` what the origin's GOAWAY said. */
export function fromSessionEnd(cause: unknown, goawayCode: number | null): SessionError {
  if (cause instanceof SessionError) return cause;
  if (goawayCode !== null && goawayCode !== http2Code.NO_ERROR) {
    const name = http2CodeName(goawayCode);
    return new SessionError('session_closed', `the origin ended the session: GOAWAY ${name}`, {
      processed: 'maybe',
      http2Code: name,
      cause,
    });
  }
  if (cause === null || cause === undefined) {
    return new SessionError('session_closed', 'the origin closed the connection', { processed: 'maybe' });
  }
  const { code = '', errno = 0, message = String(cause) } = cause as NodeJS.ErrnoException;
  const violation = code === 'ERR_HTTP2_ERROR' ? nghttp2Errors[errno] : sessionErrors[code];
  if (violation !== undefined) {
    return fromViolation(violation, message, cause);
  }
  return new SessionError('session_closed', `the connection broke: ${message}`, { processed: 'maybe', cause });
}

/** Errors that node:http2 has before a stream is sent: nothing left this process. */
const unsentErrors: Readonly<Record<string, SessionErrorCode>> = {
  ERR_HTTP2_OUT_OF_STREAMS: 'no_room',
  ERR_HTTP2_GOAWAY_SESSION: 'session_closed',
  ERR_HTTP2_INVALID_SESSION: 'session_closed',
  ERR_HTTP2_STREAM_CANCEL: 'session_closed',
  ERR_HTTP2_INVALID_CONNECTION_HEADERS: 'unsupported',
  ERR_HTTP2_HEADER_SINGLE_VALUE: 'unsupported',
  ERR_HTTP2_INVALID_PSEUDOHEADER: 'unsupported',
  ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED: 'unsupported',
  ERR_INVALID_HTTP_TOKEN: 'unsupported',
  ERR_HTTP2_CONNECT_AUTHORITY: 'unsupported',
  ERR_HTTP2_CONNECT_SCHEME: 'unsupported',
  ERR_HTTP2_CONNECT_PATH: 'unsupported',
};

/** An error that kept a request from being sent; null if it is not one of those. */
export function fromUnsent(cause: unknown): SessionError | null {
  const { code = '', message = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  const sessionCode = unsentErrors[code];
  if (sessionCode === undefined) return null;
  return new SessionError(sessionCode, `the request was not sent: ${message}`, { processed: 'no', cause });
}
