// Something that layers keep for each pool key: made on first use, shared by all client connections, bounded in number.

import type { Exchange } from './exchange.ts';
import { poolKey } from './pool-key.ts';

/**
 * After so many new keys, those that nobody used since as many before are forgotten: a pod talks to few origins, a
 * hostile client to as many as it likes, and must not make the others' breakers forget.
 */
export const maxKeys = 5_000;

/** Holds at most twice `maxKeys`: those of this generation, and of the one before while nobody asked for them. */
export class PerPool<T> {
  readonly #create: (exchange: Exchange) => T;
  #kept = new Map<string, T>();
  #keptBefore = new Map<string, T>();

  constructor(create: (exchange: Exchange) => T) {
    this.#create = create;
  }

  /** What is kept for the pool of this exchange. */
  of(exchange: Exchange): T {
    const key = poolKey(exchange.origin, exchange.options);
    return this.#kept.get(key) ?? this.#keep(key, this.#keptBefore.get(key) ?? this.#create(exchange));
  }

  get size(): number {
    return this.#kept.size + this.#keptBefore.size;
  }

  #keep(key: string, value: T): T {
    if (this.#kept.size >= maxKeys) {
      this.#keptBefore = this.#kept;
      this.#kept = new Map();
    }
    this.#keptBefore.delete(key);
    this.#kept.set(key, value);
    return value;
  }
}
