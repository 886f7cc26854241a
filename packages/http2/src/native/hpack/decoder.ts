// Decodes header blocks (RFC 7541): limits hold while it decodes, and the dynamic table stays right beyond them.

import { DecoderTable } from './decoder-table.ts';
import { HpackError } from './hpack-error.ts';
import { decodeHuffman } from './huffman-decoder.ts';
import { LiteralCache } from './literal-cache.ts';
import { maxShortLength, readOctets } from './octet-string.ts';
import { initialTableBytes, staticLength, staticNames, staticValues } from './static-table.ts';

export interface HpackDecoderOptions {
  /**
   * What our SETTINGS_HEADER_TABLE_SIZE tells the origin: the bound of its table size updates, in octets as RFC 7541
   * section 4.1 counts them. At least 4,096: the origin may use as much before it has our SETTINGS.
   */
  readonly maxTableBytes: number;
  /** Field lines in a block, without pseudo-fields. */
  readonly maxFieldLines: number;
  /** Octets of all names and values in a block, without pseudo-fields. */
  readonly maxFieldSectionBytes: number;
}

/**
 * Pseudo-fields of a block that do not count towards the limits, and the octets that each may have. A response has one,
 * a request at most five; a block of nothing else must be bounded as well.
 */
const maxFreePseudoFields = 8;
const maxFreePseudoFieldBytes = 1024;

/** Table size updates at the beginning of a block: the smallest and the last size of the time before (RFC 7541 section 4.2). */
const maxSizeUpdates = 2;

/** Largest integer that is taken: far above every limit, and far from where arithmetic ends (RFC 7541 section 5.1). */
const maxInteger = 2 ** 28;

/** Where Huffman-coded strings are decoded to: one for all decoders, as no call is interrupted. Longer ones get their own. */
const scratch = Buffer.allocUnsafeSlow(8 * 1024);

/** One per session: blocks have to come whole, each once, in the order in which they came. */
export class HpackDecoder {
  readonly #options: HpackDecoderOptions;
  readonly #table = new DecoderTable(initialTableBytes);
  readonly #literals = new LiteralCache();
  /** The block and the place in it. */
  #block: Buffer = scratch;
  #at = 0;

  /** Throws a RangeError for a table below 4,096 octets. */
  constructor(options: HpackDecoderOptions) {
    if (options.maxTableBytes < initialTableBytes) {
      throw new RangeError(`maxTableBytes is ${options.maxTableBytes}; allowed: ${initialTableBytes} and more`);
    }
    this.#options = options;
  }

  /**
   * One whole block as `[name, value, …]`, pseudo-fields included, one character per octet; null if it is beyond the limits:
   * later blocks can still be decoded. Throws an HpackError where it breaks RFC 7541: later blocks cannot.
   */
  decode(block: Buffer): readonly string[] | null {
    const { maxFieldLines, maxFieldSectionBytes } = this.#options;
    const table = this.#table;
    this.#block = block;
    this.#at = 0;
    let fields: string[] | null = [];
    let roomLines = maxFieldLines;
    let roomBytes = maxFieldSectionBytes;
    let freePseudoFields = maxFreePseudoFields;
    let sizeUpdates = 0;
    while (this.#at < block.length) {
      const first = block[this.#at++] as number;
      let name: string | null;
      let value: string | null;
      if (first >= 0x80) {
        const index = this.#integer(first, 0x7f);
        name = this.#nameAt(index);
        value = index <= staticLength ? (staticValues[index] as string) : table.valueAt(index - staticLength - 1);
      } else if (first >= 0x20 && first < 0x40) {
        this.#updateSize(first, sizeUpdates++);
        continue;
      } else {
        const isIndexed = first >= 0x40;
        const index = this.#integer(first, isIndexed ? 0x3f : 0x0f);
        const keepBytes = Math.max(
          fields === null ? 0 : roomBytes + maxFreePseudoFieldBytes,
          isIndexed ? table.maxBytes : 0,
        );
        name = index === 0 ? this.#string(keepBytes) : this.#nameAt(index);
        value = this.#string(keepBytes);
        if (isIndexed) {
          // A string that was not kept is longer than the table.
          if (name === null || value === null) table.clear();
          else table.add(name, value);
        }
      }
      // A size update behind this field line is out of place.
      sizeUpdates = maxSizeUpdates;
      if (fields === null) continue;
      if (name === null || value === null) {
        fields = null;
        continue;
      }
      const bytes = name.length + value.length;
      if (name.charCodeAt(0) === colon && bytes <= maxFreePseudoFieldBytes && freePseudoFields > 0) freePseudoFields--;
      else {
        roomLines--;
        roomBytes -= bytes;
      }
      if (roomLines < 0 || roomBytes < 0) fields = null;
      else fields.push(name, value);
    }
    return fields;
  }

  #updateSize(first: number, before: number): void {
    if (before >= maxSizeUpdates) {
      throw new HpackError(`a table size update at octet ${this.#at - 1} is behind a field line or one too many`);
    }
    const bytes = this.#integer(first, 0x1f);
    if (bytes > this.#options.maxTableBytes) {
      throw new HpackError(`a table size update to ${bytes}; allowed are ${this.#options.maxTableBytes}`);
    }
    this.#table.resize(bytes);
  }

  #nameAt(index: number): string {
    if (index <= staticLength && index > 0) return staticNames[index] as string;
    const place = index - staticLength - 1;
    if (index === 0 || place >= this.#table.length) {
      throw new HpackError(
        `index ${index} before octet ${this.#at}; the tables end at ${staticLength + this.#table.length}`,
      );
    }
    return this.#table.nameAt(place);
  }

  /** An integer with the prefix that `mask` leaves of its first octet (RFC 7541 section 5.1). */
  #integer(first: number, mask: number): number {
    const prefix = first & mask;
    if (prefix < mask) return prefix;
    let value = mask;
    for (let factor = 1; factor <= maxInteger; factor *= 128) {
      const octet = this.#block[this.#at++];
      if (octet === undefined) throw new HpackError('the block ends inside an integer');
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) {
        if (value <= maxInteger) return value;
        break;
      }
    }
    throw new HpackError(`the integer before octet ${this.#at} is above ${maxInteger} or too long`);
  }

  /** A string literal (RFC 7541 section 5.2); null if it has more than `keepBytes` octets. */
  #string(keepBytes: number): string | null {
    const block = this.#block;
    const first = block[this.#at++];
    if (first === undefined) throw new HpackError('the block ends before a string');
    const length = this.#integer(first, 0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > block.length)
      throw new HpackError(`a string of ${length} octets at octet ${start} is longer than the block`);
    this.#at = end;
    const isHuffman = first >= 0x80;
    if (!isHuffman) {
      if (length > keepBytes) return null;
      if (length <= maxShortLength) return readOctets(block, start, end);
    }
    const known = this.#literals.find(block, start, end, isHuffman);
    if (known !== undefined) return known.length > keepBytes ? null : known;
    const meaning = isHuffman ? readHuffman(block, start, end, keepBytes) : readOctets(block, start, end);
    if (meaning !== null) this.#literals.put(block, start, end, isHuffman, meaning);
    return meaning;
  }
}

/** A Huffman-coded string; null if it has more than `keepBytes` octets. */
function readHuffman(block: Buffer, start: number, end: number, keepBytes: number): string | null {
  // The shortest code has five bits.
  const mostBytes = Math.min(Math.floor(((end - start) * 8) / 5), keepBytes);
  const into = mostBytes <= scratch.length ? scratch : Buffer.allocUnsafeSlow(mostBytes);
  const length = decodeHuffman(block, start, end, into, mostBytes);
  return length > keepBytes ? null : readOctets(into, 0, length);
}

const colon = ':'.charCodeAt(0);
