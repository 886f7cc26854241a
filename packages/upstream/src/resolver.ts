// Host name → addresses: hosts file, then name servers; answers are kept for their TTL, and beyond it while nobody can say.

import { type Address, parseAddress } from './address.ts';
import { AddressHistory } from './address-history.ts';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { HostsFile } from './hosts-file.ts';
import { NameServers, type Reply } from './name-servers.ts';
import { candidateNames, ResolvConf, type ResolverSettings } from './resolv-conf.ts';

export interface ResolverOptions {
  readonly clock?: Clock;
  /** Asked instead of the ones in `resolvConf`: `192.0.2.53`, or `192.0.2.53:5353`. */
  readonly servers?: readonly string[];
  /** Default `/etc/hosts`. */
  readonly hostsFile?: string;
  /** Default `/etc/resolv.conf`. */
  readonly resolvConf?: string;
}

export type OnAddresses = (addresses: readonly Address[]) => void;

/** A TTL of 0 would mean a question per connection; one of a day, an address that left this morning. */
const minTtlMs = 1_000;
const maxTtlMs = 5 * 60_000;

/** How long "no such name" and "nobody answers" hold: short, as a Service in Kubernetes may be seconds from existing. */
const negativeTtlMs = 1_000;

/**
 * Serve-stale (RFC 8767): where the servers fail, the last good answer holds this long beyond its TTL, the servers are
 * asked again in these steps, and a connect waits for them no longer than that. RFC 8767 would allow days; an hour outlasts
 * an outage of the cluster's DNS and is over before addresses are commonly given to somebody else.
 */
const maxStaleMs = 60 * 60_000;
const staleRecheckMs = 5_000;
const staleWaitMs = 300;

/** RFC 8305 section 3: with the addresses of one family at hand, the other's are waited for no longer. */
const resolutionDelayMs = 50;

/** A name that rotates or stands in the hosts file is looked at anew in these steps while it is watched. */
const rotatingPollMs = 60_000;
const hostsPollMs = 5_000;

/** Names kept; the one kept longest goes first. A pod talks to few, a hostile client asks for as many as it likes. */
const maxNames = 10_000;

/** RFC 6761 section 6.3: these never go to a name server. */
const loopback: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** The last good answer. */
interface Answer {
  readonly addresses: readonly Address[];
  /** The name of the search list that has them. */
  readonly name: string;
  readonly expiresAt: number;
}

/** What is known of one name. */
class Entry {
  readonly host: string;
  good: Answer | null = null;
  /** Why the last question brought no addresses; null where it did. */
  error: Error | null = null;
  /** When the name is next to be asked for. */
  askAgainAt = Number.NEGATIVE_INFINITY;
  /** When the search list is to be walked from its start again, rather than asking for the name that answered. */
  walkAgainAt = Number.NEGATIVE_INFINITY;
  /** The question on its way, shared by all who wait; never rejects. */
  pending: Promise<void> | null = null;
  readonly history = new AddressHistory();
  readonly watchers = new Set<OnAddresses>();
  timer: Timer = null;

  constructor(host: string) {
    this.host = host;
  }

  isUsable(now: number): boolean {
    return this.good !== null && now < this.good.expiresAt + maxStaleMs;
  }
}

export class Resolver {
  readonly #clock: Clock;
  readonly #hosts: HostsFile;
  readonly #resolvConf: ResolvConf;
  readonly #fixedServers: readonly string[] | null;
  readonly #entries = new Map<string, Entry>();
  #servers: { readonly of: ResolverSettings; readonly ask: NameServers } | null = null;
  #isClosed = false;

  constructor(options: ResolverOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#hosts = new HostsFile(options.hostsFile ?? '/etc/hosts');
    this.#resolvConf = new ResolvConf(options.resolvConf ?? '/etc/resolv.conf');
    this.#fixedServers = options.servers ?? null;
  }

  /** Names kept now. */
  get nameCount(): number {
    return this.#entries.size;
  }

  /**
   * The addresses of `host`, at least one, in the order of the answer; an address is its own answer. Rejects with what
   * node:dns said (`ENOTFOUND`, `ENODATA`, `ESERVFAIL`, `ETIMEOUT`, …). It may take seconds where servers are silent and
   * no earlier answer is left: the caller has a deadline.
   */
  async lookup(host: string): Promise<readonly Address[]> {
    const name = host.toLowerCase();
    const known = this.#known(name);
    if (known !== null) return known;
    const entry = this.#entry(name);
    if (this.#clock.now() >= entry.askAgainAt) {
      const asked = this.#ask(entry);
      await (entry.isUsable(this.#clock.now()) ? this.#atMost(asked, staleWaitMs) : asked);
    }
    if (entry.good !== null && entry.isUsable(this.#clock.now())) return entry.good.addresses;
    throw entry.error ?? new Error(`${host}: no answer`);
  }

  /**
   * Tells a pool that holds sessions which addresses of `host` count, until the result is called.
   *
   * - The name is asked for whenever its TTL is over (at least a second apart), whether or not anybody connects.
   * - `onAddresses` gets all addresses that count, once soon after this call and then after every answer, changed or
   *   not: a session whose address is not among them is to be replaced, and what could not be replaced is told again.
   * - It is never called from inside `watch`, never with an empty list, and not at all when the servers fail or say that
   *   the name is gone: there is nothing to move to then, and the sessions that are open are all there is.
   * - For a name that answers with other addresses each time, an address counts for ten minutes after its last answer.
   * - For an address instead of a name it is never called.
   */
  watch(host: string, onAddresses: OnAddresses): () => void {
    if (parseAddress(host) !== null) return () => {};
    const entry = this.#entry(host.toLowerCase());
    entry.watchers.add(onAddresses);
    if (entry.watchers.size === 1) this.#pollIn(entry, 0);
    return () => {
      entry.watchers.delete(onAddresses);
      if (entry.watchers.size > 0) return;
      this.#clock.clearTimeout(entry.timer);
      entry.timer = null;
    };
  }

  /** Ends questions and watches; whoever waits is told that the question was cancelled. */
  close(): void {
    this.#isClosed = true;
    this.#servers?.ask.cancel();
    for (const entry of this.#entries.values()) {
      entry.watchers.clear();
      this.#clock.clearTimeout(entry.timer);
    }
    this.#entries.clear();
  }

  /** What needs no question: addresses, the hosts file, localhost. */
  #known(name: string): readonly Address[] | null {
    const literal = parseAddress(name);
    if (literal !== null) return [literal];
    const listed = this.#hosts.lookup(name);
    if (listed !== null) return listed;
    return /(^|\.)localhost\.?$/.test(name) ? loopback : null;
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      if (this.#entries.size >= maxNames) this.#forgetOne();
      entry = new Entry(name);
      this.#entries.set(name, entry);
    }
    return entry;
  }

  /** The oldest that nobody watches; its waiters, if it has any, still get their answer. */
  #forgetOne(): void {
    for (const [name, entry] of this.#entries) {
      if (entry.watchers.size > 0) continue;
      this.#entries.delete(name);
      return;
    }
  }

  #ask(entry: Entry): Promise<void> {
    entry.pending ??= this.#askServers(entry).finally(() => {
      entry.pending = null;
    });
    return entry.pending;
  }

  async #askServers(entry: Entry): Promise<void> {
    const settings = this.#resolvConf.settings;
    const { good } = entry;
    const isKnown = good !== null && this.#clock.now() < entry.walkAgainAt;
    let outcome = isKnown ? await this.#askBoth(entry, good.name, settings) : null;
    if (outcome === null || outcome.kind === 'none') {
      outcome = await this.#walk(entry, settings);
      entry.walkAgainAt = this.#clock.now() + maxTtlMs;
    }
    const now = this.#clock.now();
    if (outcome.kind === 'addresses') {
      this.#keep(entry, outcome.name, outcome.addresses, now + clamp(outcome.ttlMs, minTtlMs, maxTtlMs));
      return;
    }
    entry.error = outcome.error;
    if (outcome.kind === 'none') entry.good = null;
    entry.askAgainAt = now + (entry.isUsable(now) ? staleRecheckMs : negativeTtlMs);
  }

  /**
   * Asks for the names that `entry` may stand for until one has addresses. As in glibc, a server's failure does not end
   * the walk and silence does; either way the name is then not known to be missing.
   */
  async #walk(entry: Entry, settings: ResolverSettings): Promise<Outcome> {
    let none: Outcome | null = null;
    let failed: Outcome | null = null;
    for (const name of candidateNames(entry.host, settings)) {
      const outcome = await this.#askBoth(entry, name, settings);
      if (outcome.kind === 'addresses') return outcome;
      if (outcome.kind === 'none') {
        none = outcome;
        continue;
      }
      failed = outcome;
      if ((outcome.error as NodeJS.ErrnoException).code === 'ETIMEOUT') break;
    }
    return failed ?? none ?? { kind: 'none', error: Object.assign(new Error('the name is too long'), tooLong) };
  }

  /** Both families at once. One that fails while the other answers keeps its addresses of before. */
  async #askBoth(entry: Entry, name: string, settings: ResolverSettings): Promise<Outcome> {
    const servers = this.#serversOf(settings);
    const replies: { 4: Reply | null; 6: Reply | null } = { 4: null, 6: null };
    const questions = ([4, 6] as const).map(async (family) => {
      const reply = await servers.ask(name, family);
      replies[family] = reply;
      return reply;
    });
    const both = Promise.all(questions);
    const first = await Promise.race(questions);
    if (first.kind !== 'addresses') await both;
    else if (!(await this.#atMost(both, resolutionDelayMs))) void both.then(() => this.#addLate(entry, name, replies));
    return this.#join(entry, name, replies);
  }

  #join(entry: Entry, name: string, replies: Readonly<Record<4 | 6, Reply | null>>): Outcome {
    const addresses: Address[] = [];
    let ttlMs = Number.POSITIVE_INFINITY;
    for (const family of [4, 6] as const) {
      const reply = replies[family];
      if (reply?.kind === 'addresses') {
        addresses.push(...reply.addresses);
        ttlMs = Math.min(ttlMs, reply.ttlMs);
      } else if (reply?.kind !== 'none') {
        addresses.push(...this.#addressesBefore(entry, name, family));
      }
    }
    if (ttlMs !== Number.POSITIVE_INFINITY) return { kind: 'addresses', name, addresses, ttlMs };
    // That a name does not exist holds for both families, whoever of the two was told so.
    const errors = [replies[4], replies[6]].filter((reply) => reply !== null && reply.kind !== 'addresses');
    const isMissing = errors.some((reply) => (reply.error as NodeJS.ErrnoException).code === 'ENOTFOUND');
    const telling = errors.find((reply) => (isMissing ? reply.kind === 'none' : reply.kind === 'failed')) ?? errors[0];
    return telling ?? { kind: 'failed', error: new Error('no reply') };
  }

  #addressesBefore(entry: Entry, name: string, family: 4 | 6): readonly Address[] {
    const { good } = entry;
    if (good?.name !== name || !entry.isUsable(this.#clock.now())) return [];
    return good.addresses.filter((address) => address.family === family);
  }

  /** The other family came after all: it joins the answer it belongs to. */
  #addLate(entry: Entry, name: string, replies: Readonly<Record<4 | 6, Reply | null>>): void {
    const { good } = entry;
    if (good?.name !== name || entry.pending !== null || this.#isClosed) return;
    const outcome = this.#join(entry, name, replies);
    if (outcome.kind === 'addresses') this.#keep(entry, name, outcome.addresses, good.expiresAt);
  }

  #keep(entry: Entry, name: string, addresses: readonly Address[], expiresAt: number): void {
    entry.good = { name, addresses, expiresAt };
    entry.error = null;
    entry.askAgainAt = expiresAt;
    const now = this.#clock.now();
    entry.history.record(addresses, now);
    this.#tell(entry, entry.history.counted(now));
  }

  #tell(entry: Entry, addresses: readonly Address[]): void {
    for (const onAddresses of [...entry.watchers]) onAddresses(addresses);
  }

  #pollIn(entry: Entry, ms: number): void {
    this.#clock.clearTimeout(entry.timer);
    entry.timer = this.#clock.setTimeout(() => void this.#poll(entry), ms);
  }

  async #poll(entry: Entry): Promise<void> {
    const known = this.#known(entry.host);
    if (known !== null) {
      this.#tell(entry, known);
      this.#pollIn(entry, hostsPollMs);
      return;
    }
    // An answer that came for somebody else has been told; one from before the watch has not.
    if (entry.good !== null && this.#clock.now() < entry.askAgainAt)
      this.#tell(entry, entry.history.counted(this.#clock.now()));
    else await this.#ask(entry);
    if (entry.watchers.size === 0 || this.#isClosed) return;
    const now = this.#clock.now();
    const dueInMs = Math.max(minTtlMs, entry.askAgainAt - now);
    this.#pollIn(entry, entry.history.isRotating(now) ? Math.max(rotatingPollMs, dueInMs) : dueInMs);
  }

  #serversOf(settings: ResolverSettings): NameServers {
    if (this.#servers === null || (this.#fixedServers === null && this.#servers.of !== settings)) {
      this.#servers = { of: settings, ask: new NameServers(this.#fixedServers ?? settings.servers) };
    }
    return this.#servers.ask;
  }

  /** Waits for `promise`, but no longer than `ms`; true if it came. */
  async #atMost(promise: Promise<unknown>, ms: number): Promise<boolean> {
    const { promise: elapsed, resolve } = Promise.withResolvers<false>();
    const timer = this.#clock.setTimeout(() => resolve(false), ms);
    const hasCome = await Promise.race([promise.then(() => true), elapsed]);
    this.#clock.clearTimeout(timer);
    return hasCome;
  }
}

type Outcome =
  | {
      readonly kind: 'addresses';
      readonly name: string;
      readonly addresses: readonly Address[];
      readonly ttlMs: number;
    }
  | { readonly kind: 'none' | 'failed'; readonly error: Error };

const tooLong = { code: 'EBADNAME' };

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
