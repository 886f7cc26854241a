// `Expect: 100-continue` (RFC 9110 section 10.1.1): the body waits until the origin asks for it, for all engines alike.

import type { Clock, Timer } from './clock.ts';
import type { ExchangeHandle, ExchangeSink, Fields, RequestBody, RequestHead, SessionError } from './session.ts';

/**
 * Longest wait for a 100. Origins that do not know the expectation send none, so the body goes without one; a second is
 * what curl waits.
 */
const continueTimeoutMs = 1000;

/** Whether the request has a body and asks to be told before it is sent. */
export function expectsContinue(head: RequestHead, body: RequestBody): body is Buffer | 'stream' {
  if (body === null || (body !== 'stream' && body.length === 0)) return false;
  const { fields } = head;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'expect' && (fields[i + 1] as string).toLowerCase() === '100-continue') return true;
  }
  return false;
}

/**
 * Stands between a caller and an engine whose exchange it starts without its body. The body goes on with a 100, with a
 * final response of 2xx, or after `continueTimeoutMs`. After any other final response it is not sent: the origin has
 * answered without it.
 */
export class HeldBody implements ExchangeSink, ExchangeHandle {
  readonly #sink: ExchangeSink;
  readonly #clock: Clock;
  /** What waits: `null` once it went on, or never will. */
  #held: Buffer[] | null = [];
  #hasEnded = false;
  #trailers: Fields | undefined;
  /** The caller gave the body whole, and is told nothing of its way. */
  readonly #isWhole: boolean;
  #timer: Timer | null;
  readonly #handle: ExchangeHandle;

  /** `start` begins the exchange with a streamed body. What it throws passes. */
  constructor(
    body: Buffer | 'stream',
    sink: ExchangeSink,
    clock: Clock,
    start: (body: 'stream', sink: ExchangeSink) => ExchangeHandle,
  ) {
    this.#sink = sink;
    this.#clock = clock;
    this.#isWhole = body !== 'stream';
    if (body !== 'stream') {
      this.#held = [body];
      this.#hasEnded = true;
    }
    this.#handle = start('stream', this);
    this.#timer = clock.setTimeout(() => this.#release(), continueTimeoutMs);
  }

  write(chunk: Buffer): void {
    if (this.#isWhole) return;
    if (this.#held === null) this.#handle.write(chunk);
    else if (!this.#hasEnded) this.#held.push(chunk);
  }

  end(trailers?: Fields): void {
    if (this.#isWhole) return;
    if (this.#held === null) this.#handle.end(trailers);
    else if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#trailers = trailers;
    }
  }

  consume(bytes: number): void {
    this.#handle.consume(bytes);
  }

  cancel(): void {
    this.#stopWaiting();
    this.#held = [];
    this.#hasEnded = true;
    this.#handle.cancel();
  }

  onInformational(status: number, fields: Fields): void {
    if (status === 100) this.#release();
    this.#sink.onInformational(status, fields);
  }

  onResponse(status: number, fields: Fields): void {
    if (status < 300) this.#release();
    else this.#stopWaiting();
    this.#sink.onResponse(status, fields);
  }

  onData(chunk: Buffer): void {
    this.#sink.onData(chunk);
  }

  onTrailers(fields: Fields): void {
    this.#sink.onTrailers(fields);
  }

  onEnd(): void {
    this.#stopWaiting();
    this.#sink.onEnd();
  }

  onError(error: SessionError): void {
    this.#stopWaiting();
    this.#sink.onError(error);
  }

  onRequestConsumed(bytes: number): void {
    if (!this.#isWhole) this.#sink.onRequestConsumed(bytes);
  }

  #release(): void {
    const held = this.#held;
    if (held === null || this.#timer === null) return;
    this.#stopWaiting();
    this.#held = null;
    for (const chunk of held) this.#handle.write(chunk);
    if (this.#hasEnded) this.#handle.end(this.#trailers);
  }

  #stopWaiting(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
