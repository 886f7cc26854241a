// Which addresses of a name still count: those of its last answer or, for a name that rotates, of all its recent ones.

import type { Address } from './address.ts';

/** Answers that left out an address of the one before; as many within the window make a name one that rotates. */
const changesThatRotate = 5;

/** As long as a session lives by default (`connections.maxAge`), so a name that rotates leaves ending it to its age. */
const windowMs = 10 * 60_000;

/** A name with 8 addresses per answer and a TTL of 5 s shows 960 in that time. */
const maxRemembered = 1_000;

/**
 * Some names answer with a few of many addresses, others each time (DynamoDB, S3, most CDNs): that an address is left out
 * says nothing then, and a session drained for it would be replaced at every TTL. Of such a name an address counts until
 * no answer had it for ten minutes. The first changes are taken at their word.
 */
export class AddressHistory {
  /** Address → when an answer had it last; the one seen longest ago first. */
  readonly #seen = new Map<string, { readonly address: Address; readonly at: number }>();
  #latest: readonly Address[] = [];
  /** When the last answers came that left something out. */
  readonly #changes: number[] = [];

  isRotating(now: number): boolean {
    const [oldest] = this.#changes;
    return this.#changes.length === changesThatRotate && now - (oldest as number) < windowMs;
  }

  /** Takes the addresses of an answer. */
  record(addresses: readonly Address[], now: number): void {
    const isLeftOut = ({ address }: Address) => !addresses.some((other) => other.address === address);
    if (this.#latest.some(isLeftOut)) {
      this.#changes.push(now);
      if (this.#changes.length > changesThatRotate) this.#changes.shift();
    }
    this.#latest = addresses;
    for (const address of addresses) {
      this.#seen.delete(address.address);
      this.#seen.set(address.address, { address, at: now });
    }
    for (const [key, { at }] of this.#seen) {
      if (now - at < windowMs && this.#seen.size <= maxRemembered) break;
      this.#seen.delete(key);
    }
  }

  /** The addresses that count now. */
  counted(now: number): readonly Address[] {
    if (!this.isRotating(now)) return this.#latest;
    return [...this.#seen.values()].map(({ address }) => address);
  }
}
