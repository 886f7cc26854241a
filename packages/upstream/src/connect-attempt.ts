// One connect from its deadline's point of view: what it waits for, and what ends it.

import type { Socket } from 'node:net';
import type { Address } from './address.ts';
import type { Admission, Admitted, OnWaiting } from './admission.ts';
import type { Clock, Timer } from './clock.ts';
import { UpstreamError } from './errors.ts';
import { formatOrigin, type Origin } from './origin.ts';
import type { Places } from './places.ts';
import { fromConnectError, fromDnsError } from './translate-error.ts';

export class ConnectAttempt {
  readonly #name: string;
  readonly #connectMs: number;
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #abort = new AbortController();
  /** Stands still (null) while the connect waits for room. */
  #timer: Timer | null = null;
  #timerSetAt = 0;
  #leftMs: number;
  #isResolving = true;
  /** Called when the attempt is given up; set for what `signal` does not reach. */
  #onAbort: () => void = () => {};

  constructor(origin: Origin, connectMs: number, clock: Clock, outer: AbortSignal) {
    this.#name = formatOrigin(origin);
    this.#connectMs = connectMs;
    this.#clock = clock;
    this.#outer = outer;
    this.#leftMs = connectMs;
    this.#startTimer();
    if (outer.aborted) this.#abort.abort(outer.reason);
    else outer.addEventListener('abort', this.#onOuterAbort);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The lookup goes on without this attempt: others may wait for it, and the next attempt will. */
  async whileResolving(lookup: Promise<readonly Address[]>): Promise<readonly Address[]> {
    const { promise: abandoned, reject } = Promise.withResolvers<never>();
    this.#onAbort = () => reject(this.signal.reason);
    if (this.signal.aborted) this.#onAbort();
    try {
      return await Promise.race([lookup, abandoned]);
    } catch (cause) {
      throw fromDnsError(cause, this.#name);
    } finally {
      this.#isResolving = false;
      this.#onAbort = () => {};
    }
  }

  /** Room for a connection; the time that this takes is not the origin's. */
  async whileWaiting(
    admission: Admission,
    addresses: readonly Address[],
    port: number,
    onWaiting: OnWaiting | undefined,
  ): Promise<Admitted> {
    const stopAndWait = (places: readonly Places[]) => {
      this.#stopTimer();
      onWaiting?.(places);
    };
    try {
      return await admission.admit(addresses, port, stopAndWait, this.signal);
    } catch (error) {
      if (this.signal.aborted || !(error instanceof UpstreamError)) throw error;
      const { source, processed } = error;
      throw new UpstreamError(error.code, `${this.#name}: ${error.message}`, { source, processed, cause: error });
    } finally {
      this.#startTimer();
    }
  }

  /** From here on the attempt's end is the socket's, until `end`. Throws if it has come already. */
  hold<T extends Socket>(socket: T): T {
    this.#onAbort = () => socket.destroy();
    this.signal.throwIfAborted();
    return socket;
  }

  /** What ended the attempt from here (time, the caller) says more than what the socket made of it. */
  toError(cause: unknown): UpstreamError {
    this.#onAbort();
    return fromConnectError(this.signal.aborted ? this.signal.reason : cause, this.#name);
  }

  end(): void {
    this.#stopTimer();
    this.#outer.removeEventListener('abort', this.#onOuterAbort);
  }

  #startTimer(): void {
    if (this.#timer !== null) return;
    this.#timerSetAt = this.#clock.now();
    this.#timer = this.#clock.setTimeout(() => this.#giveUp(this.#timeout()), this.#leftMs);
  }

  #stopTimer(): void {
    if (this.#timer === null) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#leftMs -= this.#clock.now() - this.#timerSetAt;
  }

  #onOuterAbort = (): void => this.#giveUp(this.#outer.reason);

  #giveUp(reason: unknown): void {
    this.#abort.abort(reason);
    this.#onAbort();
  }

  #timeout(): UpstreamError {
    const [code, missing] = this.#isResolving
      ? (['dns_failed', 'the resolver gave no answer'] as const)
      : (['connect_timeout', 'no session'] as const);
    const message = `${this.#name}: ${missing} within ${this.#connectMs} ms (timeouts.connect)`;
    return new UpstreamError(code, message, { source: 'connect', processed: 'no' });
  }
}
