// Counts the connections to each destination, so that this pod leaves its NAT gateway ports enough for the others.

import type { Address } from './address.ts';
import { Places } from './places.ts';

export interface NatOptions {
  /**
   * Connections that the NAT in front of this pod can hold to one address and port. Default 55,000, which is one address
   * of an AWS NAT gateway.
   */
  readonly ports: number;
  /** Pods that share it; null where nobody said. Default null. */
  readonly pods: number | null;
}

export const defaultNatOptions: NatOptions = Object.freeze({ ports: 55_000, pods: null });

/** Of the ports, what pods may have open: the rest is for connections that have ended and that the NAT still remembers. */
const openShare = 0.5;

/** Cap while the number of pods is not known: half of 55,000 ports for 55 pods. */
const maxWithoutPods = 500;

/** Above this many destinations those without connections are forgotten before another is counted. */
const maxIdleDestinations = 1_000;

/** One destination, as `hawser_nat_…` figures will show it. */
export interface NatDestination {
  /** `192.0.2.1:443`. */
  readonly destination: string;
  /** Connections from SYN to close. */
  readonly open: number;
  /** The most that were open at one time, for as long as the destination is remembered. */
  readonly peak: number;
  /** Connects that wait for one of them to close. */
  readonly waiting: number;
  /** Ports that are left at the NAT if every pod has as many open as this one; null where `nat.pods` is not given. */
  readonly portsLeft: number | null;
}

export interface NatSnapshot extends NatOptions {
  /** Connections that this pod may have open to one destination. */
  readonly max: number;
  /** Those with most connections first. */
  readonly destinations: readonly NatDestination[];
}

export class NatGovernor {
  readonly max: number;
  readonly #options: NatOptions;
  readonly #destinations = new Map<string, Places>();

  constructor(options: NatOptions = defaultNatOptions) {
    this.#options = options;
    this.max = maxPerDestination(options);
  }

  /** The places for connections to `address` and `port`. */
  placesAt({ address, family }: Address, port: number): Places {
    const destination = family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
    let places = this.#destinations.get(destination);
    if (places === undefined) {
      if (this.#destinations.size >= maxIdleDestinations) this.#forgetIdle();
      const option = this.#options.pods === null ? 'nat.pods is not set' : 'nat.ports / 2 / nat.pods';
      places = new Places(this.max, { plural: 'connections', option, destination });
      this.#destinations.set(destination, places);
    }
    return places;
  }

  snapshot(): NatSnapshot {
    const { ports, pods } = this.#options;
    const destinations = [...this.#destinations].map(([destination, { taken, peak, waiting }]) => {
      return { destination, open: taken, peak, waiting, portsLeft: pods === null ? null : ports - pods * taken };
    });
    destinations.sort((a, b) => b.open - a.open || b.peak - a.peak);
    return { ports, pods, max: this.max, destinations };
  }

  #forgetIdle(): void {
    for (const [destination, { taken, waiting }] of this.#destinations) {
      if (taken + waiting === 0) this.#destinations.delete(destination);
    }
  }
}

/** At least 1, or nothing could be reached. */
function maxPerDestination({ ports, pods }: NatOptions): number {
  const open = ports * openShare;
  return Math.max(1, Math.floor(pods === null ? Math.min(maxWithoutPods, open) : open / pods));
}
