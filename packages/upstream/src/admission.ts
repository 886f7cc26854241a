// What a connect needs before its first SYN: a place among the connections to its destination, and one among all sessions.

import type { Address } from './address.ts';
import { UpstreamError } from './errors.ts';
import type { NatGovernor } from './nat-governor.ts';
import { maxWaiting, type Place, type Places } from './places.ts';

/** Hears that a connect waits, and for which places; any one of them will do. */
export type OnWaiting = (places: readonly Places[]) => void;

/**
 * Who waits at a destination, perhaps for long, holds no session's place meanwhile: the other destinations can use it. Only
 * who comes from there, and finds that all sessions are taken by now, holds on to what it has waited for.
 */
export class Admission {
  readonly #nat: NatGovernor;
  readonly #sessions: Places;

  constructor(nat: NatGovernor, sessions: Places) {
    this.#nat = nat;
    this.#sessions = sessions;
  }

  /**
   * Resolves when there is room at one of `addresses`, the first that has any. Rejects with an UpstreamError `queue_full`,
   * or with `signal.reason`. How long to wait is the caller's business.
   */
  async admit(
    addresses: readonly Address[],
    port: number,
    onWaiting: OnWaiting,
    signal: AbortSignal,
  ): Promise<Admitted> {
    const destinations = addresses.map((address) => this.#nat.placesAt(address, port));
    const sessions = [this.#sessions];
    const [, session] = await take(sessions, onWaiting, signal);
    const found = tryTake(destinations);
    if (found !== null) return new Admitted(this.#nat, addresses, port, found, session);
    session.release();
    const first = await take(destinations, onWaiting, signal);
    try {
      const [, later] = await take(sessions, onWaiting, signal);
      return new Admitted(this.#nat, addresses, port, first, later);
    } catch (error) {
      first[1].release();
      throw error;
    }
  }
}

/** Room for one session, and for the connections that may come of it. */
export class Admitted {
  /** The addresses in the order in which they are to be tried: the one with the place first. */
  readonly addresses: readonly Address[];
  readonly #nat: NatGovernor;
  readonly #port: number;
  readonly #session: Place;
  #first: Place | null;

  constructor(nat: NatGovernor, addresses: readonly Address[], port: number, [index, place]: Found, session: Place) {
    this.#nat = nat;
    this.#port = port;
    this.#first = place;
    this.#session = session;
    const chosen = addresses[index] as Address;
    this.addresses = [chosen, ...addresses.filter((address) => address !== chosen)];
  }

  /** The session's place; whoever ends the session gives it back. */
  get session(): Place {
    return this.#session;
  }

  /** A place for one connection to `address`; null where none is free. */
  takePlace = (address: Address): Place | null => {
    const first = this.#first;
    this.#first = null;
    return first ?? this.#nat.placesAt(address, this.#port).tryTake();
  };

  /** There will be no session: gives back what no connection took. */
  release(): void {
    this.#first?.release();
    this.#session.release();
  }
}

/** Which of several choices gave a place, and the place. */
type Found = readonly [index: number, place: Place];

function tryTake(choices: readonly Places[]): Found | null {
  for (const [index, places] of choices.entries()) {
    const place = places.tryTake();
    if (place !== null) return [index, place];
  }
  return null;
}

/** The first place that any of `choices` has or gets. */
function take(choices: readonly Places[], onWaiting: OnWaiting, signal: AbortSignal): Promise<Found> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const found = tryTake(choices);
  if (found !== null) return Promise.resolve(found);
  const lines = choices.filter((places) => !places.isLineFull);
  if (lines.length === 0) {
    const message = `${maxWaiting} connects wait already for one of at most ${choices.join(' or ')}`;
    return Promise.reject(new UpstreamError('queue_full', message, { source: 'broker', processed: 'no' }));
  }
  return new Promise((resolve, reject) => {
    const leave = () => {
      for (const leaveLine of leaving) leaveLine();
      signal.removeEventListener('abort', abort);
    };
    const abort = () => {
      leave();
      reject(signal.reason);
    };
    const leaving = lines.map((places) =>
      places.wait((place) => {
        leave();
        resolve([choices.indexOf(places), place]);
      }),
    );
    signal.addEventListener('abort', abort);
    onWaiting(lines);
  });
}
