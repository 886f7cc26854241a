// A bounded number of places, given in the order in which they were asked for.

/** Connects that may wait for places of one kind; one more is refused. */
export const maxWaiting = 1_000;

/** One of the places. Whoever took it gives it back once; what comes after that does nothing. */
export class Place {
  #giveBack: (() => void) | null;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  release(): void {
    const giveBack = this.#giveBack;
    this.#giveBack = null;
    giveBack?.();
  }
}

export class Places {
  readonly max: number;
  /** Address and port, where only connections to there take these places; null where all do. */
  readonly destination: string | null;
  readonly #what: string;
  readonly #line = new Set<(place: Place) => void>();
  #taken = 0;
  #peak = 0;

  /** `what` names what takes a place, in the plural, and `option` the key that bounds it; for messages. */
  constructor(max: number, what: { readonly plural: string; readonly option: string; readonly destination?: string }) {
    this.max = max;
    this.destination = what.destination ?? null;
    const where = this.destination === null ? '' : ` to ${this.destination}`;
    this.#what = `${max} ${what.plural}${where} (${what.option})`;
  }

  get taken(): number {
    return this.#taken;
  }

  /** The most that were taken at one time. */
  get peak(): number {
    return this.#peak;
  }

  get waiting(): number {
    return this.#line.size;
  }

  get isLineFull(): boolean {
    return this.#line.size >= maxWaiting;
  }

  /** `500 connections to 192.0.2.1:443 (nat.pods)`. */
  toString(): string {
    return this.#what;
  }

  /** A place if one is free: then nobody waits, as a place that is given back goes to the first in line. */
  tryTake(): Place | null {
    if (this.#taken >= this.max) return null;
    this.#taken++;
    this.#peak = Math.max(this.#peak, this.#taken);
    return new Place(this.#giveBack);
  }

  /** Stands in line; the caller has seen that there is none free, and `isLineFull`. The result leaves the line. */
  wait(onPlace: (place: Place) => void): () => void {
    this.#line.add(onPlace);
    return () => this.#line.delete(onPlace);
  }

  #giveBack = (): void => {
    for (const first of this.#line) {
      this.#line.delete(first);
      first(new Place(this.#giveBack));
      return;
    }
    this.#taken--;
  };
}
