// The dynamic table of an encoder (RFC 7541 section 2.3.2), found by name and then by value.

import { type Indexing, indexingOf } from './indexing-policy.ts';
import { entryOverheadBytes, staticLength, staticNames, staticValues } from './static-table.ts';

/** An entry of either table. */
export interface TableEntry {
  readonly field: KnownField;
  readonly value: string;
  /** Index in the static table; 0 for an entry of the dynamic one. */
  readonly staticIndex: number;
  /** Ordinal of its insertion, from 1; 0 for an entry of the static table. */
  readonly ordinal: number;
}

/** What is known of a field name. */
export class KnownField {
  readonly name: string;
  readonly indexing: Indexing;
  /** Index of the name in the static table; 0 where it has none. */
  readonly staticIndex: number;
  /** Entries with this name, by value. */
  readonly entries = new Map<string, TableEntry>();
  /** The entry that served last. */
  last: TableEntry | null = null;
  /** The newest entry of the dynamic table, whose index stands for the name. */
  newest: TableEntry | null = null;
  /** Values that came lately and are in no table. */
  readonly #lately: string[] = [];
  #nextLately = 0;

  constructor(name: string) {
    this.name = name;
    this.indexing = indexingOf(name);
    this.staticIndex = staticNames.indexOf(name, 1);
    if (this.staticIndex < 0) this.staticIndex = 0;
    else {
      for (let index = this.staticIndex; staticNames[index] === name; index++) {
        const value = staticValues[index] as string;
        if (value !== '') this.entries.set(value, { field: this, value, staticIndex: index, ordinal: 0 });
      }
    }
  }

  /** Whether `value` came lately; from now on it did. */
  cameLately(value: string): boolean {
    if (this.#lately.includes(value)) return true;
    this.#lately[this.#nextLately] = value;
    this.#nextLately = (this.#nextLately + 1) % rememberedValues;
    return false;
  }
}

/** Values remembered for each name; the traffic of as many tenants or paths in turn is still seen to repeat. */
const rememberedValues = 4;

/** Names remembered at once. Past that, those without an entry are forgotten. */
const maxKnownFields = 256;

/** Longest name that is remembered. */
const maxKnownNameBytes = 128;

export class EncoderTable {
  #maxBytes: number;
  #bytes = 0;
  readonly #fields = new Map<string, KnownField>();
  /** Entries from the oldest, at `#oldest`, to the newest. */
  #entries: TableEntry[] = [];
  #oldest = 0;
  #insertions = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** What is known of `name`, from now on. */
  field(name: string): KnownField {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const field = new KnownField(name);
    if (name.length > maxKnownNameBytes) return field;
    if (this.#fields.size >= maxKnownFields) this.#forget();
    this.#fields.set(name, field);
    return field;
  }

  /** The index of an entry in both tables together (RFC 7541 section 2.3.3). */
  indexOf(entry: TableEntry): number {
    return entry.staticIndex > 0 ? entry.staticIndex : staticLength + 1 + this.#insertions - entry.ordinal;
  }

  /** Inserts an entry that fits, evicting the oldest. */
  add(field: KnownField, value: string): void {
    const bytes = sizeOf(field.name, value);
    this.#evictTo(this.#maxBytes - bytes);
    const entry = { field, value, staticIndex: 0, ordinal: ++this.#insertions };
    this.#entries.push(entry);
    this.#bytes += bytes;
    field.entries.set(value, entry);
    field.newest = entry;
    field.last = entry;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const entry = this.#entries[this.#oldest++] as TableEntry;
      const { field, value } = entry;
      this.#bytes -= sizeOf(field.name, value);
      field.entries.delete(value);
      if (field.last === entry) field.last = null;
      if (field.newest === entry) field.newest = null;
    }
    // The evicted are let go of in one go: seldom, so that an eviction costs next to nothing.
    if (this.#oldest > 64) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  /** Lets go of the names that have no entry: they may be anybody's inventions. */
  #forget(): void {
    for (const [name, field] of this.#fields) if (field.newest === null) this.#fields.delete(name);
  }
}

/** What an entry counts (RFC 7541 section 4.1). */
export function sizeOf(name: string, value: string): number {
  return name.length + value.length + entryOverheadBytes;
}
