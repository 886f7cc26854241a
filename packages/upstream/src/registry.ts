// Pool key → session pool; pools are made on first use and forgotten when nothing is left in them.

import { type Clock, systemClock } from './clock.ts';
import { Connector } from './connector.ts';
import type { NatSnapshot } from './nat-governor.ts';
import type { OriginOptions } from './options.ts';
import { formatOrigin, type Origin } from './origin.ts';
import type { Places } from './places.ts';
import { poolKey } from './pool-key.ts';
import type { SessionSnapshot } from './pooled-session.ts';
import type { OnAddresses } from './resolver.ts';
import { RoomMaker } from './room-maker.ts';
import { type Connect, SessionPool } from './session-pool.ts';

/** Above this many pools the empty ones are forgotten before another is made. */
const sweepAbovePools = 1_000;

export class Registry {
  readonly #pools = new Map<string, SessionPool>();
  readonly #clock: Clock;
  readonly #connector: Connector;
  readonly #roomMaker: RoomMaker;
  #isDraining = false;

  /** The connector is closed with the registry. `onCrowded` is told of each connect that waits for one of these places. */
  constructor(
    clock: Clock = systemClock,
    connector: Connector = new Connector({ clock }),
    onCrowded: (places: Places) => void = () => {},
  ) {
    this.#clock = clock;
    this.#connector = connector;
    this.#roomMaker = new RoomMaker(this.#pools, onCrowded);
  }

  /** The pool that exchanges with this origin and these options share. */
  pool(origin: Origin, options: OriginOptions): SessionPool {
    const key = poolKey(origin, options);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      if (this.#pools.size >= sweepAbovePools) this.#forgetEmpty();
      pool = this.#createPool(origin, options);
      if (this.#isDraining) pool.drain();
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Every session of every pool, draining ones included. */
  snapshot(): SessionSnapshot[] {
    return [...this.#pools.values()].flatMap((pool) => pool.snapshot());
  }

  /** The connections to each destination, and how far that is from what the NAT can hold. */
  natSnapshot(): NatSnapshot {
    return this.#connector.natSnapshot();
  }

  /** Pools kept now: those with sessions or waiters, and empty ones up to a bound. */
  get poolCount(): number {
    return this.#pools.size;
  }

  /** How many sessions there are, draining ones included. */
  get sessionCount(): number {
    let count = 0;
    for (const pool of this.#pools.values()) count += pool.sessionCount;
    return count;
  }

  drain(): void {
    this.#isDraining = true;
    for (const pool of this.#pools.values()) pool.drain();
  }

  destroy(): void {
    this.#isDraining = true;
    for (const pool of this.#pools.values()) pool.destroy();
    this.#connector.close();
  }

  #createPool(origin: Origin, options: OriginOptions): SessionPool {
    const onAddresses: OnAddresses = (addresses) => pool.setAddresses(addresses.map(({ address }) => address));
    const connect: Connect = (events, signal) =>
      this.#connector.connect(origin, options, { ...events, onAddresses }, signal);
    const pool = new SessionPool(formatOrigin(origin), options, connect, this.#clock, this.#roomMaker);
    return pool;
  }

  #forgetEmpty(): void {
    for (const [key, pool] of this.#pools) if (pool.isEmpty) this.#pools.delete(key);
  }
}
