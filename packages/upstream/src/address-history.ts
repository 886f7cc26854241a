// Which addresses of a name still count: those of the last answer, or for a name that rotates, of all late answers.

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
  readonly #lastSeen = new Map<string, number>();
  #latest: ReadonlySet<string> = new Set();
  readonly #changes: number[] = [];

  isRotating(now: number): boolean {
    const [oldest] = this.#changes;
    return this.#changes.length === changesThatRotate && now - (oldest as number) < windowMs;
  }

  /** Takes the addresses of an answer and returns those that count after it. */
  record(addresses: readonly string[], now: number): readonly string[] {
    const latest = new Set(addresses);
    if ([...this.#latest].some((address) => !latest.has(address))) {
      this.#changes.push(now);
      if (this.#changes.length > changesThatRotate) this.#changes.shift();
    }
    this.#latest = latest;
    for (const address of latest) {
      this.#lastSeen.delete(address);
      this.#lastSeen.set(address, now);
    }
    for (const [address, seenAt] of this.#lastSeen) {
      if (now - seenAt < windowMs && this.#lastSeen.size <= maxRemembered) break;
      this.#lastSeen.delete(address);
    }
    return this.isRotating(now) ? [...this.#lastSeen.keys()] : addresses;
  }
}
