// Writes integers and strings (RFC 7541 section 5).

import { codeLengths, codes } from './huffman-code.ts';

/** Octets that an integer or a length may take at most: the prefix and what 28 bits need. */
export const maxIntegerBytes = 5;

/** Strings up to this length are copied octet by octet: a call into the runtime costs more. */
const maxShortLength = 12;

/** Writes `value` behind the bits `first`, with the prefix `mask`. Returns the offset behind it. */
export function writeInteger(into: Buffer, offset: number, first: number, mask: number, value: number): number {
  if (value < mask) {
    into[offset] = first | value;
    return offset + 1;
  }
  let at = offset;
  into[at++] = first | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

/** Writes a string of one octet per character as it is. Returns the offset behind it. */
export function writeString(into: Buffer, offset: number, value: string): number {
  const { length } = value;
  let at = writeInteger(into, offset, 0, 0x7f, length);
  if (length > maxShortLength) return at + into.write(value, at, length, 'latin1');
  for (let i = 0; i < length; i++) into[at++] = value.charCodeAt(i);
  return at;
}

/** The same, Huffman-coded where that is shorter: never more octets than `writeString` writes. */
export function writeShortestString(into: Buffer, offset: number, value: string): number {
  let bits = 7;
  for (let i = 0; i < value.length; i++) bits += codeLengths[value.charCodeAt(i) & 0xff] as number;
  const bytes = bits >>> 3;
  if (bytes >= value.length) return writeString(into, offset, value);
  return writeHuffman(into, writeInteger(into, offset, 0x80, 0x7f, bytes), value);
}

function writeHuffman(into: Buffer, offset: number, value: string): number {
  let at = offset;
  // Bits not written yet are the lowest `pendingBits` of `pending`: at most 7 before a code, and no code has more than 30.
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < value.length; i++) {
    const octet = value.charCodeAt(i) & 0xff;
    let left = codeLengths[octet] as number;
    const code = codes[octet] as number;
    for (; left > 16; left -= 8) {
      pending = (pending << 8) | ((code >>> (left - 8)) & 0xff);
      into[at++] = pending >>> pendingBits;
    }
    pending = (pending << left) | (code & ((1 << left) - 1));
    pendingBits += left;
    while (pendingBits >= 8) {
      pendingBits -= 8;
      into[at++] = pending >>> pendingBits;
    }
    pending &= 0xff;
  }
  // The padding is the beginning of EOS: ones.
  if (pendingBits > 0) into[at++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return at;
}
