// A small file that others may rewrite at any time, parsed anew when it has changed.

import { readFileSync, type Stats, statSync } from 'node:fs';

/** A file changed so lately may change again without its times showing it: they move in steps of several ms. */
const settledAfterMs = 100;

export class ParsedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #value: T;
  #seen: Stats | null = null;

  /** Reads nothing yet. A file that is missing or unreadable at first counts as empty; later what was read last holds. */
  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#value = parse('');
  }

  /** What the file says now; costs a `stat`. */
  get value(): T {
    try {
      const stats = statSync(this.#path);
      if (this.#seen !== null && isSame(stats, this.#seen)) return this.#value;
      this.#value = this.#parse(readFileSync(this.#path, 'utf8'));
      this.#seen = Date.now() - stats.mtimeMs > settledAfterMs ? stats : null;
    } catch {
      // Missing, or not readable for now.
    }
    return this.#value;
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.mtimeMs === other.mtimeMs && one.size === other.size && one.ino === other.ino;
}
