// The msgpack library, behind two functions; the only file that imports it.

import { Packr, RESERVE_START_SPACE } from 'msgpackr';
import { lengthPrefixBytes } from './constants.ts';

// Records are an extension of the library's own, which the wire does not have. `variableMapSize` gives maps their
// shortest header. A 64-bit integer past 2^53 loses digits as a number, but stays too large for every bound.
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

const packModeWithPrefix = RESERVE_START_SPACE | lengthPrefixBytes;

/** The library packs into a slab shared by consecutive frames and lets it grow fourfold for a large one; past this it is replaced. */
const maxSlabBytes = 64 * 1024;
const slabBytes = 8 * 1024;

/** Packs `value` behind four bytes left free for the length prefix. The Buffer shares its slab with other frames. */
export function packAfterPrefix(value: readonly unknown[]): Buffer {
  const packed = packr.pack(value, packModeWithPrefix);
  if (packed.buffer.byteLength > maxSlabBytes) {
    // Otherwise every later frame would pin a slab as large as the largest frame ever sent.
    packr.useBuffer(Buffer.allocUnsafeSlow(slabBytes));
  }
  return packed;
}

const range = { start: 0, end: 0 };

/**
 * Unpacks `bytes[start, end)` in place: a `bin` comes back as a view of `bytes`, not as a copy. The bytes must have
 * passed `scanShape`; the library itself trusts sizes and knows extensions that the wire does not.
 */
export function unpackRange(bytes: Buffer, start: number, end: number): unknown {
  range.start = start;
  range.end = end;
  return packr.unpack(bytes, range);
}
