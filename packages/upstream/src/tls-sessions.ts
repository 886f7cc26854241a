// The last TLS session of each pool key, so that the next connection to the origin resumes it (RFC 8446 section 2.2).

/** Kept sessions; a few KiB each, as a session holds the origin's certificates. */
const maxSessions = 1_000;

/** A session is only ever offered under the key it came from: identity, trust and client certificate are those it was made with. */
export class TlsSessions {
  readonly #sessions = new Map<string, Buffer>();

  get size(): number {
    return this.#sessions.size;
  }

  get(poolKey: string): Buffer | undefined {
    return this.#sessions.get(poolKey);
  }

  /** The last one wins; the key that was set longest ago goes first. */
  set(poolKey: string, session: Buffer): void {
    this.#sessions.delete(poolKey);
    if (this.#sessions.size >= maxSessions) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest);
        break;
      }
    }
    this.#sessions.set(poolKey, session);
  }

  delete(poolKey: string): void {
    this.#sessions.delete(poolKey);
  }
}
