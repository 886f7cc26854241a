// Frames → bytes, length prefix included.

import {
  lengthPrefixBytes,
  maxDataBytes,
  maxExchangeId,
  maxFieldLines,
  maxFrameBytes,
  maxWindowBytes,
  nonceBytes,
  pingBytes,
} from './constants.ts';
import { encodePlainResponse } from './encode-response.ts';
import { type Peer, WireError } from './errors.ts';
import { type ExchangeFacts, type Fields, type Frame, FrameType, flagEnd } from './frame.ts';
import { frameKind } from './frame-kind.ts';
import { writeBinHeader, writeUint } from './header.ts';
import { packAfterPrefix } from './msgpack.ts';

/**
 * The bytes of `frame`. The Buffer shares a slab with other frames: write it, do not keep it. Throws a `WireError`
 * where the frame cannot be sent: `frame_too_large`, or `protocol_error` for a value that the wire does not allow.
 */
export function encodeFrame(frame: Frame): Buffer {
  const plain = frame.type === FrameType.response ? encodePlainResponse(frame) : null;
  if (plain !== null) return plain;
  const bytes = packAfterPrefix(elementsOf(frame));
  const length = bytes.length - lengthPrefixBytes;
  if (length > maxFrameBytes) {
    throw refuse(frame.type, `frame of ${length} bytes; allowed is ${maxFrameBytes}`, 'frame_too_large');
  }
  bytes.writeUInt32BE(length, 0);
  return bytes;
}

/**
 * Everything of a DATA frame before its payload: length prefix, array header, type, exchange id, `bin` header. The
 * caller writes `payloadBytes` bytes right after it, so that a body is not copied into a frame.
 */
export function encodeDataHead(exchangeId: number, payloadBytes: number): Buffer {
  checkExchangeId(FrameType.data, exchangeId);
  check(FrameType.data, 'payload', payloadBytes, 1, maxDataBytes);
  const head = Buffer.allocUnsafe(maxDataHeadBytes);
  head[4] = 0x93;
  head[5] = FrameType.data;
  const at = writeBinHeader(head, payloadBytes, writeUint(head, exchangeId, 6));
  head.writeUInt32BE(at - lengthPrefixBytes + payloadBytes, 0);
  return head.subarray(0, at);
}

/** Prefix 4, array header 1, type 1, exchange id 5, `bin 32` header 5. */
const maxDataHeadBytes = 4 + 1 + 1 + 5 + 5;

function elementsOf(frame: Frame): readonly unknown[] {
  const { type } = frame;
  switch (type) {
    case FrameType.response:
      checkExchangeId(type, frame.exchangeId);
      check(type, 'status', frame.status, 200, 599);
      return [
        type,
        frame.exchangeId,
        frame.end ? flagEnd : 0,
        frame.status,
        fieldsOf(type, frame.fields),
        bodyOf(type, frame.body),
        factsOf(type, frame.facts),
      ];
    case FrameType.request:
      checkExchangeId(type, frame.exchangeId);
      check(type, 'timeoutMs', frame.timeoutMs, 0, maxUint32);
      return [
        type,
        frame.exchangeId,
        frame.end ? flagEnd : 0,
        frame.timeoutMs,
        octetsOf(type, 'method', frame.method),
        octetsOf(type, 'url', frame.url),
        fieldsOf(type, frame.fields),
        bodyOf(type, frame.body),
      ];
    case FrameType.data:
      checkExchangeId(type, frame.exchangeId);
      check(type, 'payload', frame.payload.length, 1, maxDataBytes);
      return [type, frame.exchangeId, frame.payload];
    case FrameType.end:
      checkExchangeId(type, frame.exchangeId);
      return [type, frame.exchangeId, fieldsOf(type, frame.trailers), frame.facts && factsOf(type, frame.facts)];
    case FrameType.window:
      checkExchangeId(type, frame.exchangeId);
      check(type, 'increment', frame.increment, 1, maxWindowBytes);
      return [type, frame.exchangeId, frame.increment];
    case FrameType.cancel:
      checkExchangeId(type, frame.exchangeId);
      return [type, frame.exchangeId];
    case FrameType.informational:
      checkExchangeId(type, frame.exchangeId);
      check(type, 'status', frame.status, 100, 199);
      if (frame.status === 101) throw refuse(type, 'status is 101; the wire has no upgrade');
      return [type, frame.exchangeId, frame.status, fieldsOf(type, frame.fields)];
    case FrameType.error:
      check(type, 'exchangeId', frame.exchangeId, 0, maxExchangeId);
      check(type, 'code', frame.code, 1, maxUint32);
      return [
        type,
        frame.exchangeId,
        frame.code,
        frame.name,
        frame.message.toWellFormed(),
        frame.processed === 'no' ? 0 : 1,
        frame.source,
        frame.facts && factsOf(type, frame.facts),
      ];
    case FrameType.hello: {
      check(type, 'nonce', frame.nonce.length, nonceBytes, nonceBytes);
      check(type, 'version', frame.version, 0, maxUint32);
      const map: Record<string, unknown> = { v: frame.version };
      if (frame.windowBytes !== undefined) {
        check(type, 'window', frame.windowBytes, 0, maxWindowBytes);
        map.window = frame.windowBytes;
      }
      if (frame.agent !== undefined) map.agent = frame.agent.toWellFormed();
      return [type, 0, frame.nonce, map];
    }
    case FrameType.welcome:
      check(type, 'nonce', frame.nonce.length, nonceBytes, nonceBytes);
      check(type, 'version', frame.version, 0, maxUint32);
      check(type, 'maxExchanges', frame.maxExchanges, 1, maxUint32);
      check(type, 'maxFrame', frame.maxFrameBytes, 1, maxUint32);
      return [
        type,
        0,
        frame.nonce,
        {
          v: frame.version,
          maxExchanges: frame.maxExchanges,
          maxFrame: frame.maxFrameBytes,
          agent: frame.agent.toWellFormed(),
        },
      ];
    case FrameType.ping:
    case FrameType.pong:
      check(type, 'payload', frame.payload.length, pingBytes, pingBytes);
      return [type, 0, frame.payload];
    case FrameType.goaway:
      check(type, 'lastExchangeId', frame.lastExchangeId, 0, maxExchangeId);
      return [type, 0, frame.lastExchangeId, frame.reason.toWellFormed()];
    default:
      throw new TypeError(`no frame type ${type satisfies never}`);
  }
}

const maxUint32 = 2 ** 32 - 1;

/** The same array where every string is ASCII; otherwise a copy in which the other strings are `bin`. */
function fieldsOf(type: number, fields: Fields): readonly (string | Buffer)[] {
  if (fields.length % 2 !== 0) throw refuse(type, `fields have an odd number of elements (${fields.length})`);
  if (fields.length > 2 * maxFieldLines) {
    throw refuse(type, `${fields.length / 2} field lines; allowed are ${maxFieldLines}`);
  }
  for (let at = 0; at < fields.length; at++) {
    if (!isAscii(fields[at] as string)) return fields.map((octets) => octetsOf(type, 'fields', octets));
  }
  return fields;
}

/** Refuses a body that no frame can hold before it is copied into one. */
function bodyOf(type: number, body: Buffer | null): Buffer | null {
  if (body === null || body.length <= maxFrameBytes) return body;
  throw refuse(type, `body of ${body.length} bytes; allowed is a frame of ${maxFrameBytes}`, 'frame_too_large');
}

/** A string of octets as `str` where all are ASCII, as `bin` otherwise. */
function octetsOf(type: number, name: string, octets: string): string | Buffer {
  if (isAscii(octets)) return octets;
  for (let at = 0; at < octets.length; at++) {
    if (octets.charCodeAt(at) > 0xff) throw refuse(type, `${name} holds a character above U+00FF, which is no octet`);
  }
  return Buffer.from(octets, 'latin1');
}

function isAscii(text: string): boolean {
  let seen = 0;
  for (let at = 0; at < text.length; at++) seen |= text.charCodeAt(at);
  return seen < 0x80;
}

function factsOf(type: number, facts: ExchangeFacts): readonly unknown[] {
  return [
    facts.protocol,
    facts.session,
    integerOf(type, 'attempts', facts.attempts, 0),
    facts.cache,
    integerOf(type, 'queueUs', facts.queueUs, -1),
    integerOf(type, 'connectUs', facts.connectUs, -1),
    integerOf(type, 'firstByteUs', facts.firstByteUs, -1),
    integerOf(type, 'totalUs', facts.totalUs, -1),
    facts.remoteAddress,
  ];
}

/** The msgpack library writes a number past 32 bits as a float, a bigint as an integer. */
function integerOf(type: number, name: string, value: number, min: number): number | bigint {
  check(type, name, value, min, Number.MAX_SAFE_INTEGER);
  return value > maxUint32 ? BigInt(value) : value;
}

function checkExchangeId(type: number, exchangeId: number): void {
  check(type, 'exchangeId', exchangeId, 1, maxExchangeId);
}

function check(type: number, name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw refuse(type, `${name} is ${value}; allowed is an integer from ${min} to ${max}`);
}

function refuse(
  type: number,
  message: string,
  code: 'protocol_error' | 'frame_too_large' = 'protocol_error',
): WireError {
  const kind = frameKind(type);
  const source: Peer = kind?.sender === 'client' ? 'client' : 'broker';
  return new WireError(code, `cannot encode ${kind?.name}: ${message}`, { source });
}
