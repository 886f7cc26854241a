// The short way for the frame that nearly every exchange ends with: RESPONSE written at once, without a list of its elements.

import { lengthPrefixBytes, maxDataBytes, maxExchangeId, maxFieldLines } from './constants.ts';
import { type ExchangeFacts, type Fields, FrameType, flagEnd, type ResponseFrame } from './frame.ts';
import { writeBinHeader, writeUint } from './header.ts';

/** Frames are written one behind the other into a slab, so that a small frame costs no allocation of its own. */
const slabBytes = 16 * 1024;

/** A frame that is longer without its body is rare enough to be encoded like all others. */
const maxPlainBytes = slabBytes / 2;

/** Up to this length a string is written faster here than by a call into the runtime. */
const maxLoopLength = 64;

/** Prefix 4, array header 1, type 1, id 5, flags 1, status 3, fields header 3, `bin 32` header 5, and nine facts. */
const fixedBytes = 4 + 1 + 1 + 5 + 1 + 3 + 3 + 5 + 1 + 9 * 9;

let slab = Buffer.allocUnsafeSlow(slabBytes);
let at = 0;

/**
 * The bytes of a RESPONSE as `encodeFrame` makes them, or null where any of its parts needs a second look: an octet
 * beyond ASCII, a number out of its bounds, a long frame. The Buffer shares a slab with other frames.
 */
export function encodePlainResponse(frame: ResponseFrame): Buffer | null {
  const { body, facts } = frame;
  if (!makeRoom(frame, body === null ? 0 : body.length)) return null;
  const start = at;
  if (!(writeHead(frame) && writeBody(body) && writeFacts(facts))) {
    at = start;
    return null;
  }
  slab.writeUInt32BE(at - start - lengthPrefixBytes, start);
  return slab.subarray(start, at);
}

/**
 * What stands before and behind a body of `bodyBytes` bytes, 1 to 65536, in a RESPONSE, so that the caller writes the body
 * between them and it is copied nowhere. Null as from `encodePlainResponse`.
 */
export function encodeAroundBody(
  frame: Omit<ResponseFrame, 'body'>,
  bodyBytes: number,
): { readonly head: Buffer; readonly tail: Buffer } | null {
  if (!isWhole(bodyBytes, 1, maxDataBytes) || !makeRoom(frame, 0)) return null;
  const start = at;
  const isPlain = writeHead(frame);
  at = writeBinHeader(slab, bodyBytes, at);
  const middle = at;
  if (!(isPlain && writeFacts(frame.facts))) {
    at = start;
    return null;
  }
  slab.writeUInt32BE(at - start - lengthPrefixBytes + bodyBytes, start);
  return { head: slab.subarray(start, middle), tail: slab.subarray(middle, at) };
}

/** Whether the frame may be written into the slab, which has room for it and for `bodyBytes` of body then. */
function makeRoom({ exchangeId, status, fields, facts }: Omit<ResponseFrame, 'body'>, bodyBytes: number): boolean {
  if (!(isWhole(exchangeId, 1, maxExchangeId) && isWhole(status, 200, 599)) || !isPlain(facts)) return false;
  if (fields.length % 2 !== 0 || fields.length > 2 * maxFieldLines) return false;
  const bytes = fixedBytes + textBytes(facts) + fieldBytes(fields) + bodyBytes;
  if (bytes > maxPlainBytes) return false;
  if (slab.length - at < bytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    at = 0;
  }
  return true;
}

/** All before the body; its length prefix is left free. False as `writeFields`. */
function writeHead(frame: Omit<ResponseFrame, 'body'>): boolean {
  at += lengthPrefixBytes;
  slab[at++] = 0x97;
  slab[at++] = FrameType.response;
  writeInteger(frame.exchangeId);
  slab[at++] = frame.end ? flagEnd : 0;
  writeInteger(frame.status);
  return writeFields(frame.fields);
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function isPlain(facts: ExchangeFacts): boolean {
  return (
    isWhole(facts.attempts, 0, maxUint32) &&
    isWhole(facts.queueUs, -1, maxUint32) &&
    isWhole(facts.connectUs, -1, maxUint32) &&
    isWhole(facts.firstByteUs, -1, maxUint32) &&
    isWhole(facts.totalUs, -1, maxUint32)
  );
}

const maxUint32 = 2 ** 32 - 1;

function textBytes(facts: ExchangeFacts): number {
  return facts.protocol.length + facts.session.length + facts.cache.length + facts.remoteAddress.length;
}

/** At most: three bytes say the length of a string that fits into a plain frame. */
function fieldBytes(fields: Fields): number {
  let bytes = 0;
  for (let i = 0; i < fields.length; i++) bytes += 3 + (fields[i] as string).length;
  return bytes;
}

function writeFields(fields: Fields): boolean {
  if (fields.length < 16) {
    slab[at++] = 0x90 | fields.length;
  } else {
    slab[at++] = 0xdc;
    at = slab.writeUInt16BE(fields.length, at);
  }
  for (let i = 0; i < fields.length; i++) if (!writeText(fields[i] as string)) return false;
  return true;
}

function writeBody(body: Buffer | null): boolean {
  if (body === null) {
    slab[at++] = 0xc0;
    return true;
  }
  at = writeBinHeader(slab, body.length, at);
  slab.set(body, at);
  at += body.length;
  return true;
}

function writeFacts(facts: ExchangeFacts): boolean {
  slab[at++] = 0x99;
  if (!(writeText(facts.protocol) && writeText(facts.session))) return false;
  writeInteger(facts.attempts);
  if (!writeText(facts.cache)) return false;
  writeInteger(facts.queueUs);
  writeInteger(facts.connectUs);
  writeInteger(facts.firstByteUs);
  writeInteger(facts.totalUs);
  return writeText(facts.remoteAddress);
}

/** False where `text` is not ASCII. */
function writeText(text: string): boolean {
  const { length } = text;
  if (length < 32) {
    slab[at++] = 0xa0 | length;
  } else if (length < 0x100) {
    slab[at++] = 0xd9;
    slab[at++] = length;
  } else {
    slab[at++] = 0xda;
    at = slab.writeUInt16BE(length, at);
  }
  let seen = 0;
  if (length <= maxLoopLength) {
    for (let i = 0; i < length; i++) {
      const octet = text.charCodeAt(i);
      seen |= octet;
      slab[at + i] = octet;
    }
  } else {
    for (let i = 0; i < length; i++) seen |= text.charCodeAt(i);
    slab.write(text, at, length, 'latin1');
  }
  at += length;
  return seen < 0x80;
}

/** -1, or 0 to 2^32-1. */
function writeInteger(value: number): void {
  if (value < 0) slab[at++] = 0xff;
  else at = writeUint(slab, value, at);
}
