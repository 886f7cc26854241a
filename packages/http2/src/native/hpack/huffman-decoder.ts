// Decodes Huffman-coded strings (RFC 7541 section 5.2), eight bits at a time.

import { HpackError } from './hpack-error.ts';
import { codeLengths, codes } from './huffman-code.ts';

/**
 * Tables of 256 entries, by the next eight bits; the first table at 0. An entry is either `leaf | bits << 8 | octet`, with the
 * bits of the code that are left in this table, or the offset of the table for the eight bits behind these. 0: no code starts so, but EOS.
 */
const tables: Int32Array = buildTables();

const leaf = 0x1_0000;

/**
 * Decodes `from[start..end)` into `into`, at most `limit` octets of it. Returns how many octets the string has, which may be more.
 * Throws an HpackError for EOS and for padding that is not the beginning of EOS, or longer than seven bits.
 */
export function decodeHuffman(from: Uint8Array, start: number, end: number, into: Uint8Array, limit: number): number {
  let length = 0;
  let table = 0;
  // Bits not decoded yet, in the lowest places; never more than 15.
  let pending = 0;
  let pendingBits = 0;
  // Bits of the code that has begun, for the length of the padding.
  let begunBits = 0;
  for (let at = start; at < end; at++) {
    pending = ((pending & 0xff) << 8) | (from[at] as number);
    pendingBits += 8;
    begunBits += 8;
    while (pendingBits >= 8) {
      const entry = tables[table + ((pending >>> (pendingBits - 8)) & 0xff)] as number;
      if (entry >= leaf) {
        if (length < limit) into[length] = entry;
        length++;
        pendingBits -= (entry >>> 8) & 0xff;
        begunBits = pendingBits;
        table = 0;
      } else {
        if (entry === 0) throw new HpackError('a Huffman-coded string has EOS in it');
        pendingBits -= 8;
        table = entry;
      }
    }
  }
  while (pendingBits > 0) {
    const entry = tables[table + ((pending << (8 - pendingBits)) & 0xff)] as number;
    const bits = (entry >>> 8) & 0xff;
    if (entry < leaf || bits > pendingBits) break;
    if (length < limit) into[length] = entry;
    length++;
    pendingBits -= bits;
    begunBits = pendingBits;
    table = 0;
  }
  const padding = (1 << pendingBits) - 1;
  if (begunBits > 7 || (pending & padding) !== padding) {
    throw new HpackError(`a Huffman-coded string ends with ${begunBits} bits that are no padding`);
  }
  return length;
}

function buildTables(): Int32Array {
  const built: number[] = new Array(256).fill(0);
  for (let octet = 0; octet < 256; octet++) {
    const code = codes[octet] as number;
    let left = codeLengths[octet] as number;
    let table = 0;
    for (; left > 8; left -= 8) {
      const at = table + ((code >>> (left - 8)) & 0xff);
      if (built[at] === 0) {
        built[at] = built.length;
        built.push(...new Array<number>(256).fill(0));
      }
      table = built[at] as number;
    }
    const first = table + ((code << (8 - left)) & 0xff);
    built.fill(0x1_0000 | (left << 8) | octet, first, first + (1 << (8 - left)));
  }
  return Int32Array.from(built);
}
