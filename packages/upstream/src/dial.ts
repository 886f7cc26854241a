// One TCP connection to the first of several addresses that answers (Happy Eyeballs, RFC 8305 section 5).

import { connect, type Socket } from 'node:net';
import type { Address } from './address.ts';
import type { Clock, Timer } from './clock.ts';
import type { Place } from './places.ts';

/** RFC 8305 section 8: Connection Attempt Delay. */
const attemptDelayMs = 250;

/** Silence after which the kernel asks the peer for a sign of life: below the 240 s and 350 s of cloud NATs. */
const tcpKeepAliveMs = 60_000;

/** A place for a connection to this address, held from its SYN to its close, or null: then the address is passed over. */
export type TakePlace = (address: Address) => Place | null;

/**
 * Tries the addresses in their order: the next one as soon as one fails, or after 250 ms beside those that are still
 * trying. Nothing but these addresses is connected to, of which `takePlace` gives a place to one at least. Rejects with the most telling error when all have failed, or with
 * `signal.reason`; no socket is left behind then.
 *
 * Node's own `autoSelectFamily` ends an attempt when it starts the next, which no origin farther than 250 ms survives.
 */
export function dial(
  addresses: readonly Address[],
  port: number,
  takePlace: TakePlace,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    new Race(addresses, port, takePlace, clock, signal, { resolve, reject }).start();
  });
}

interface Outcome {
  readonly resolve: (socket: Socket) => void;
  readonly reject: (reason: unknown) => void;
}

class Race {
  readonly #addresses: readonly Address[];
  readonly #port: number;
  readonly #takePlace: TakePlace;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #outcome: Outcome;
  readonly #running = new Set<Socket>();
  readonly #errors: NodeJS.ErrnoException[] = [];
  #started = 0;
  #timer: Timer = null;

  constructor(
    addresses: readonly Address[],
    port: number,
    takePlace: TakePlace,
    clock: Clock,
    signal: AbortSignal,
    outcome: Outcome,
  ) {
    this.#addresses = addresses;
    this.#port = port;
    this.#takePlace = takePlace;
    this.#clock = clock;
    this.#signal = signal;
    this.#outcome = outcome;
  }

  start(): void {
    if (this.#signal.aborted) {
      this.#outcome.reject(this.#signal.reason);
      return;
    }
    this.#signal.addEventListener('abort', this.#abort);
    this.#next();
  }

  #next = (): void => {
    this.#clock.clearTimeout(this.#timer);
    const target = this.#nextTarget();
    if (target === null) {
      if (this.#running.size === 0) this.#fail(this.#mostTelling());
      return;
    }
    const socket = connect({
      host: target.address.address,
      port: this.#port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
    });
    socket.once('close', () => target.place.release());
    this.#running.add(socket);
    const failed = (error: NodeJS.ErrnoException) => {
      this.#running.delete(socket);
      this.#errors.push(error);
      this.#next();
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      this.#running.delete(socket);
      this.#end();
      this.#outcome.resolve(socket);
    });
    if (this.#started < this.#addresses.length) this.#timer = this.#clock.setTimeout(this.#next, attemptDelayMs);
  };

  #nextTarget(): { readonly address: Address; readonly place: Place } | null {
    for (;;) {
      const address = this.#addresses[this.#started++];
      if (address === undefined) return null;
      const place = this.#takePlace(address);
      if (place !== null) return { address, place };
    }
  }

  #abort = (): void => this.#fail(this.#signal.reason);

  #fail(reason: unknown): void {
    this.#end();
    this.#outcome.reject(reason);
  }

  #end(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#abort);
    for (const socket of this.#running) {
      // An attempt may fail in the very turn in which it is given up.
      socket
        .removeAllListeners('connect')
        .removeAllListeners('error')
        .on('error', () => {});
      socket.destroy();
    }
    this.#running.clear();
  }

  /** That a whole family has no route here says less than what an address said for itself. */
  #mostTelling(): unknown {
    return this.#errors.find(({ code }) => !unreachable.has(code ?? '')) ?? this.#errors[0];
  }
}

const unreachable = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']);
