// Remembers what the literals of late blocks meant: many origins send the same ones in every response and index none.

const slots = 64;

/** Longest literal remembered, in octets as it is coded. */
const slotBytes = 64;

/** One per decoder, so that no origin can tell from timing what another one sent. Takes 4 KiB and the strings. */
export class LiteralCache {
  readonly #octets = new Uint8Array(slots * slotBytes);
  readonly #lengths = new Uint8Array(slots);
  readonly #strings: string[] = new Array(slots).fill('');
  #slot = 0;

  /** What the coded octets `block[start..end)` meant last time; undefined if they are not remembered. */
  find(block: Buffer, start: number, end: number, isHuffman: boolean): string | undefined {
    const length = end - start;
    this.#slot = -1;
    if (length > slotBytes || length === 0) return undefined;
    // Dates of one origin share a slot, whatever the second: the newest one takes the place of the one before.
    const mix =
      (block[start] as number) * 5 + (block[end - 1] as number) * 3 + (block[start + (length >>> 2)] as number);
    const slot = (mix + length * 7 + (isHuffman ? 1 : 0)) % slots;
    this.#slot = slot;
    if (this.#lengths[slot] !== (isHuffman ? length | huffmanMark : length)) return undefined;
    const octets = this.#octets;
    for (let from = start, at = slot * slotBytes; from < end; from++, at++) {
      if (octets[at] !== block[from]) return undefined;
    }
    return this.#strings[slot];
  }

  /** Remembers the meaning of the octets that `find` was asked for last. */
  put(block: Buffer, start: number, end: number, isHuffman: boolean, meaning: string): void {
    const slot = this.#slot;
    if (slot < 0) return;
    const octets = this.#octets;
    for (let from = start, at = slot * slotBytes; from < end; from++, at++) octets[at] = block[from] as number;
    this.#lengths[slot] = isHuffman ? (end - start) | huffmanMark : end - start;
    this.#strings[slot] = meaning;
  }
}

const huffmanMark = 0x80;
