// Encodes request heads and trailers (RFC 7541): what repeats becomes one octet, secrets and one-time values stay out of the table.

import type { Fields, RequestHead } from '../../session.ts';
import { maxIntegerBytes, writeInteger, writeShortestString, writeString } from './encode-primitives.ts';
import { EncoderTable, type KnownField, sizeOf } from './encoder-table.ts';
import { isIndexablePath } from './indexing-policy.ts';
import { initialTableBytes } from './static-table.ts';

/** Bound of our side's dynamic table, however much more the origin would keep. */
const maxOwnTableBytes = 16 * 1024;

/** An entry may take this part of the table, so that a single one cannot clear it of all that repeats. */
const maxShareOfTable = 4;

/** Octets around a name and a value: the representation, and two lengths. */
const maxLineOverheadBytes = 1 + 2 * maxIntegerBytes;

/** The pseudo-fields of a request, and two table size updates. */
const maxHeadOverheadBytes = 4 * maxLineOverheadBytes + ':method:scheme:authority:path'.length + 2 * maxIntegerBytes;

/** One per session. What is encoded must be sent, in the order in which it was encoded. */
export class HpackEncoder {
  readonly #table = new EncoderTable(initialTableBytes);
  readonly #method = this.#table.field(':method');
  readonly #scheme = this.#table.field(':scheme');
  readonly #authority = this.#table.field(':authority');
  readonly #path = this.#table.field(':path');
  /** The smallest size since the last block, which the next one has to announce; -1: nothing to announce. */
  #smallestBytes = -1;

  /**
   * The origin's SETTINGS_HEADER_TABLE_SIZE; at most 16 KiB of it are used. The next block announces the change
   * (RFC 7541 section 4.2).
   */
  setMaxTableBytes(bytes: number): void {
    const bounded = Math.min(bytes, maxOwnTableBytes);
    if (bounded === this.#table.maxBytes) return;
    this.#smallestBytes = this.#smallestBytes < 0 ? bounded : Math.min(this.#smallestBytes, bounded);
    this.#table.resize(bounded);
  }

  /** Octets that `encodeRequest` writes at most. */
  maxEncodedBytes(head: RequestHead): number {
    const { method, scheme, authority, path, fields } = head;
    const pseudoBytes = method.length + scheme.length + authority.length + path.length;
    return maxHeadOverheadBytes + pseudoBytes + maxFieldBytes(fields);
  }

  /** Octets that `encodeTrailers` writes at most. */
  maxEncodedTrailerBytes(fields: Fields): number {
    return 2 * maxIntegerBytes + maxFieldBytes(fields);
  }

  /** Writes a whole block, pseudo-fields first. `into` has room for `maxEncodedBytes(head)` at `offset`. Returns the offset behind it. */
  encodeRequest(head: RequestHead, into: Buffer, offset: number): number {
    let at = this.#announceSize(into, offset);
    at = this.#write(into, at, this.#method, head.method, true);
    at = this.#write(into, at, this.#scheme, head.scheme, true);
    at = this.#write(into, at, this.#authority, head.authority, true);
    at = this.#write(into, at, this.#path, head.path, isIndexablePath(head.path));
    return this.#writeFields(into, at, head.fields);
  }

  /** Writes a whole block of trailers. `into` has room for `maxEncodedTrailerBytes(fields)` at `offset`. Returns the offset behind it. */
  encodeTrailers(fields: Fields, into: Buffer, offset: number): number {
    return this.#writeFields(into, this.#announceSize(into, offset), fields);
  }

  #announceSize(into: Buffer, offset: number): number {
    if (this.#smallestBytes < 0) return offset;
    const { maxBytes } = this.#table;
    let at = offset;
    if (this.#smallestBytes < maxBytes) at = writeInteger(into, at, 0x20, 0x1f, this.#smallestBytes);
    this.#smallestBytes = -1;
    return writeInteger(into, at, 0x20, 0x1f, maxBytes);
  }

  #writeFields(into: Buffer, offset: number, fields: Fields): number {
    let at = offset;
    for (let i = 0; i < fields.length; i += 2) {
      at = this.#write(into, at, this.#table.field(fields[i] as string), fields[i + 1] as string, true);
    }
    return at;
  }

  #write(into: Buffer, offset: number, field: KnownField, value: string, mayIndex: boolean): number {
    const { last } = field;
    if (last !== null && last.value === value) return writeInteger(into, offset, 0x80, 0x7f, this.#table.indexOf(last));
    if (field.entries.size > 0) {
      const entry = field.entries.get(value);
      if (entry !== undefined) {
        field.last = entry;
        return writeInteger(into, offset, 0x80, 0x7f, this.#table.indexOf(entry));
      }
    }
    const nameIndex = field.newest === null ? field.staticIndex : this.#nameIndex(field);
    const isIndexed = mayIndex && this.#shouldIndex(field, value);
    if (!isIndexed) {
      let at = writeInteger(into, offset, field.indexing === 'never' ? 0x10 : 0, 0x0f, nameIndex);
      if (nameIndex === 0) at = writeString(into, at, field.name);
      return writeString(into, at, value);
    }
    let at = writeInteger(into, offset, 0x40, 0x3f, nameIndex);
    if (nameIndex === 0) at = writeShortestString(into, at, field.name);
    this.#table.add(field, value);
    return writeShortestString(into, at, value);
  }

  #nameIndex(field: KnownField): number {
    if (field.staticIndex > 0 || field.newest === null) return field.staticIndex;
    return this.#table.indexOf(field.newest);
  }

  #shouldIndex(field: KnownField, value: string): boolean {
    const { indexing } = field;
    if (indexing === 'never' || indexing === 'plain') return false;
    if (sizeOf(field.name, value) > this.#table.maxBytes / maxShareOfTable) return false;
    return indexing === 'always' || field.cameLately(value);
  }
}

function maxFieldBytes(fields: Fields): number {
  let bytes = (fields.length / 2) * maxLineOverheadBytes;
  for (const part of fields) bytes += part.length;
  return bytes;
}
