// One question to the name servers: the addresses of one family under exactly one name.

import { Resolver } from 'node:dns/promises';
import type { Address } from './address.ts';

/**
 * - `addresses`: at least one. `ttlMs` is the least of the answer, aliases included.
 * - `none`: the servers say that there is none (no such name, or no such record).
 * - `failed`: nobody can say.
 */
export type Reply =
  | { readonly kind: 'addresses'; readonly addresses: readonly Address[]; readonly ttlMs: number }
  | { readonly kind: 'none' | 'failed'; readonly error: Error };

/** First wait for a server before the next one is asked; it doubles. Half of the default `timeouts.connect`, about. */
const firstTimeoutMs = 400;
const rounds = 3;

/** Addresses taken of one answer; a dozen is many, and the rest would not be tried within any connect time-out. */
const maxAddresses = 64;

/** What c-ares says where a server has answered, and the answer is no. `EBADNAME`: the name cannot be asked for. */
const negativeCodes = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

export class NameServers {
  readonly #resolver = new Resolver({ timeout: firstTimeoutMs, tries: rounds });

  /** Addresses of the servers, `192.0.2.53` or `192.0.2.53:5353`; none leaves it to c-ares, which then asks this host. */
  constructor(servers: readonly string[]) {
    if (servers.length > 0) this.#resolver.setServers(servers);
  }

  /** Never rejects. The search list and the hosts file are not looked at. */
  async ask(name: string, family: 4 | 6): Promise<Reply> {
    try {
      const records = await this.#records(name, family);
      const addresses = records.slice(0, maxAddresses).map(({ address }) => ({ address, family }));
      const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1_000;
      if (addresses.length === 0) return { kind: 'none', error: Object.assign(new Error('no address'), noData) };
      return { kind: 'addresses', addresses, ttlMs };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      return { kind: negativeCodes.has(code) ? 'none' : 'failed', error: error as Error };
    }
  }

  /** Questions on their way fail at once. */
  cancel(): void {
    this.#resolver.cancel();
  }

  #records(name: string, family: 4 | 6): Promise<{ address: string; ttl: number }[]> {
    return family === 4 ? this.#resolver.resolve4(name, { ttl: true }) : this.#resolver.resolve6(name, { ttl: true });
  }
}

const noData = { code: 'ENODATA' };
