// Something that layers keep for each pool key: made on first use, shared by all client connections, bounded in number.

import type { Exchange } from './exchange.ts';
import { poolKey } from './pool-key.ts';

/** Beyond so many keys everything is begun anew: a pod talks to few origins, a hostile client to as many as it likes. */
const maxKeys = 10_000;

export class PerPool<T> {
  readonly #create: (exchange: Exchange) => T;
  readonly #kept = new Map<string, T>();

  constructor(create: (exchange: Exchange) => T) {
    this.#create = create;
  }

  /** What is kept for the pool of this exchange. */
  of(exchange: Exchange): T {
    const key = poolKey(exchange.origin, exchange.options);
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      if (this.#kept.size >= maxKeys) this.#kept.clear();
      kept = this.#create(exchange);
      this.#kept.set(key, kept);
    }
    return kept;
  }
}
