// Scans the msgpack bytes of one frame before anything is built from them: types, sizes, nesting, counts.

import { isUtf8 } from 'node:buffer';
import { maxContainerElements, maxFrameDepth, maxFrameValues } from './constants.ts';

/** The frame is well shaped and every `str` in it is ASCII. */
export const shapeAscii = 0;
/** The frame is well shaped and some `str` in it holds bytes beyond 7F, in valid UTF-8. */
export const shapeText = 1;

const faultFloat = -1;
const faultExtension = -2;
const faultUnused = -3;
const faultOverrun = -4;
const faultTrailing = -5;
const faultDepth = -6;
const faultElements = -7;
const faultValues = -8;
const faultUtf8 = -9;

const faults = [
  '',
  'frame holds a float',
  'frame holds an extension type',
  'frame holds the byte c1, which msgpack does not use',
  'frame ends inside its array, or holds a size that claims more than the frame has',
  'frame holds bytes after its array',
  `frame holds arrays or maps nested deeper than ${maxFrameDepth}`,
  `frame holds an array or map of more than ${maxContainerElements} elements`,
  `frame holds more than ${maxFrameValues} values`,
  'frame holds a str that is not UTF-8',
] as const;

/** What a negative result of `scanShape` stands for. */
export function describeFault(result: number): string {
  return faults[-result] ?? 'frame is well shaped';
}

/** What is left to read in the containers around the current one; scratch space of `scanShape`, which never nests. */
const leftInOuter = new Int32Array(maxFrameDepth + 1);

/**
 * Walks `bytes[start, end)` once, without allocating. Returns `shapeAscii` or `shapeText`, or a negative number where
 * the bytes are not exactly one msgpack value of the shape that docs/protocol/wire-protocol.md section 1 allows.
 */
export function scanShape(bytes: Buffer, start: number, end: number): number {
  let at = start;
  let depth = 0;
  let left = 1;
  let values = 0;
  let result = shapeAscii;
  for (;;) {
    while (left === 0) {
      if (depth === 0) return at === end ? result : faultTrailing;
      depth--;
      left = leftInOuter[depth] as number;
    }
    if (at >= end) return faultOverrun;
    if (++values > maxFrameValues) return faultValues;
    left--;
    const token = bytes[at++] as number;
    let sizeBytes: number;
    switch (kinds[token]) {
      case kindFixed:
        sizeBytes = payloadBytes[token] as number;
        if (sizeBytes > end - at) return faultOverrun;
        at += sizeBytes;
        continue;
      case kindStr:
      case kindBin: {
        sizeBytes = payloadBytes[token] as number;
        if (sizeBytes > end - at) return faultOverrun;
        const size = sizeBytes === 0 ? token & 0x1f : readSize(bytes, at, sizeBytes);
        at += sizeBytes;
        if (size > end - at) return faultOverrun;
        if (kinds[token] === kindStr && !isAscii(bytes, at, at + size)) {
          if (!isUtf8(bytes.subarray(at, at + size))) return faultUtf8;
          result = shapeText;
        }
        at += size;
        continue;
      }
      case kindArray:
      case kindMap: {
        sizeBytes = payloadBytes[token] as number;
        if (sizeBytes > end - at) return faultOverrun;
        let size = sizeBytes === 0 ? token & 0x0f : readSize(bytes, at, sizeBytes);
        at += sizeBytes;
        if (kinds[token] === kindMap) size *= 2;
        if (size > maxContainerElements) return faultElements;
        if (depth === maxFrameDepth) return faultDepth;
        leftInOuter[depth++] = left;
        left = size;
        continue;
      }
      case kindFloat:
        return faultFloat;
      case kindExtension:
        return faultExtension;
      default:
        return faultUnused;
    }
  }
}

const kindFixed = 0;
const kindStr = 1;
const kindBin = 2;
const kindArray = 3;
const kindMap = 4;
const kindFloat = 5;
const kindExtension = 6;
const kindUnused = 7;

/** By first byte: what kind of value it begins. */
const kinds = new Uint8Array(256);
/** By first byte: how many bytes follow it that are the value (integers) or its size (str, bin, array, map). */
const payloadBytes = new Uint8Array(256);

kinds.fill(kindMap, 0x80, 0x90);
kinds.fill(kindArray, 0x90, 0xa0);
kinds.fill(kindStr, 0xa0, 0xc0);
kinds[0xc1] = kindUnused;
kinds.fill(kindBin, 0xc4, 0xc7);
kinds.fill(kindExtension, 0xc7, 0xca);
kinds.fill(kindFloat, 0xca, 0xcc);
kinds.fill(kindExtension, 0xd4, 0xd9);
kinds.fill(kindStr, 0xd9, 0xdc);
kinds.fill(kindArray, 0xdc, 0xde);
kinds.fill(kindMap, 0xde, 0xe0);
payloadBytes.set([1, 2, 4], 0xc4);
payloadBytes.set([1, 2, 4, 8, 1, 2, 4, 8], 0xcc);
payloadBytes.set([1, 2, 4, 2, 4, 2, 4], 0xd9);

function readSize(bytes: Buffer, at: number, sizeBytes: number): number {
  if (sizeBytes === 1) return bytes[at] as number;
  return sizeBytes === 2 ? bytes.readUInt16BE(at) : bytes.readUInt32BE(at);
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  let seen = 0;
  for (let at = start; at < end; at++) seen |= bytes[at] as number;
  return seen < 0x80;
}
