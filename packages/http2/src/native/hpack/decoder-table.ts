// The dynamic table of a decoder (RFC 7541 section 2.3.2): newest entry first, oldest evicted first.

import { entryOverheadBytes } from './static-table.ts';

/** A ring of entries. What is evicted is let go of at once. */
export class DecoderTable {
  /** Entries that are in it. */
  length = 0;
  #maxBytes: number;
  #bytes = 0;
  /** Place of the next entry. */
  #next = 0;
  #mask = 15;
  #names: string[] = new Array(16).fill('');
  #values: string[] = new Array(16).fill('');

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** `place` counts from 0, the newest entry, to below `length`. */
  nameAt(place: number): string {
    return this.#names[(this.#next - 1 - place) & this.#mask] as string;
  }

  valueAt(place: number): string {
    return this.#values[(this.#next - 1 - place) & this.#mask] as string;
  }

  /** Evicts until the entry fits; one that is larger than the table empties it (RFC 7541 section 4.4). */
  add(name: string, value: string): void {
    const bytes = name.length + value.length + entryOverheadBytes;
    if (bytes > this.#maxBytes) {
      this.clear();
      return;
    }
    this.#evictTo(this.#maxBytes - bytes);
    if (this.length > this.#mask) this.#grow();
    this.#names[this.#next] = name;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) & this.#mask;
    this.#bytes += bytes;
    this.length++;
  }

  clear(): void {
    this.#evictTo(0);
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const oldest = (this.#next - this.length) & this.#mask;
      this.#bytes -= this.nameAt(this.length - 1).length + this.valueAt(this.length - 1).length + entryOverheadBytes;
      this.#names[oldest] = '';
      this.#values[oldest] = '';
      this.length--;
    }
  }

  #grow(): void {
    const names: string[] = [];
    const values: string[] = [];
    for (let place = this.length - 1; place >= 0; place--) {
      names.push(this.nameAt(place));
      values.push(this.valueAt(place));
    }
    this.#next = this.length;
    this.#mask = this.#mask * 2 + 1;
    for (let place = this.length; place <= this.#mask; place++) {
      names.push('');
      values.push('');
    }
    this.#names = names;
    this.#values = values;
  }
}
