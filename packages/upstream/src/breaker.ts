// The layer that gives a failing origin a pause: after enough failures in a row nothing is sent for a while.

import type { Fields } from '@hawser/http2';
import { type Clock, systemClock } from './clock.ts';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import type { Exchange, Handle, ResponseSink, Send } from './exchange.ts';
import { ForwardingExchange } from './forwarding-exchange.ts';
import { formatOrigin } from './origin.ts';
import { PerPool } from './per-pool.ts';

/**
 * - `closed`: everything passes; failures in a row are counted.
 * - `open`: nothing passes until `until`.
 * - `half-open`: one exchange passes as a probe; its outcome decides.
 */
type BreakerState =
  | { readonly name: 'closed'; failures: number }
  | { readonly name: 'open'; readonly until: number }
  | { readonly name: 'half-open'; isProbing: boolean };

/** One breaker per pool key, shared by all client connections. */
export function withBreaker(next: Send, clock: Clock = systemClock): Send {
  const breakers = new PerPool(({ options: { breaker } }) => new Breaker(breaker.failures, breaker.openMs, clock));
  return (exchange, sink) => {
    if (exchange.options.breaker.failures === 0) return next(exchange, sink);
    const breaker = breakers.of(exchange);
    if (!breaker.admit()) return new RefusedExchange(exchange, sink, breaker.remainingMs);
    return new WatchedExchange(exchange, sink, breaker, next);
  };
}

/** Counts failures in a row. What counts is that the origin could not be reached or broke off, not what it answered. */
class Breaker {
  readonly #maxFailures: number;
  readonly #openMs: number;
  readonly #clock: Clock;
  #state: BreakerState = { name: 'closed', failures: 0 };

  constructor(maxFailures: number, openMs: number, clock: Clock) {
    this.#maxFailures = maxFailures;
    this.#openMs = openMs;
    this.#clock = clock;
  }

  /** Time until the next probe may pass; 0 unless open. */
  get remainingMs(): number {
    return this.#state.name === 'open' ? Math.max(0, this.#state.until - this.#clock.now()) : 0;
  }

  /** Whether an exchange may pass now. Who passes reports `succeeded`, `failed` or `abandoned` once. */
  admit(): boolean {
    const state = this.#state;
    switch (state.name) {
      case 'closed':
        return true;
      case 'open':
        if (this.#clock.now() < state.until) return false;
        this.#state = { name: 'half-open', isProbing: true };
        return true;
      case 'half-open':
        if (state.isProbing) return false;
        state.isProbing = true;
        return true;
    }
  }

  succeeded(): void {
    if (this.#state.name === 'closed') this.#state.failures = 0;
    // While open, the success of an exchange from before says nothing about now.
    else if (this.#state.name === 'half-open') this.#state = { name: 'closed', failures: 0 };
  }

  failed(): void {
    const state = this.#state;
    switch (state.name) {
      case 'closed':
        state.failures++;
        if (state.failures >= this.#maxFailures) this.#open();
        break;
      case 'half-open':
        this.#open();
        break;
      case 'open':
        break;
    }
  }

  /** The exchange ended without a verdict on the origin: a probe leaves its place to another. */
  abandoned(): void {
    if (this.#state.name === 'half-open') this.#state.isProbing = false;
  }

  #open(): void {
    this.#state = { name: 'open', until: this.#clock.now() + this.#openMs };
  }
}

/** What an error says about the origin: that it fails, or nothing. */
const verdicts = {
  request_invalid: false,
  request_unsupported: false,
  origin_forbidden: false,
  queue_full: false,
  queue_timeout: false,
  breaker_open: false,
  dns_failed: true,
  connect_refused: true,
  connect_timeout: true,
  connect_failed: true,
  tls_untrusted: true,
  tls_expired: true,
  tls_name_mismatch: true,
  tls_failed: true,
  alpn_mismatch: true,
  // The caller's patience ended, which may be short; first_byte_timeout is the origin's own measure.
  deadline_exceeded: false,
  first_byte_timeout: true,
  idle_timeout: true,
  origin_closed: true,
  origin_reset: true,
  origin_protocol_error: true,
  response_too_large: false,
  origin_unprocessed: true,
  broker_draining: false,
  broker_internal: false,
} as const satisfies Record<UpstreamErrorCode, boolean>;

class WatchedExchange extends ForwardingExchange {
  readonly #breaker: Breaker;
  #hasReported = false;

  constructor(exchange: Exchange, sink: ResponseSink, breaker: Breaker, next: Send) {
    super(sink);
    this.#breaker = breaker;
    this.lower = next(exchange, this);
  }

  override cancel(cause?: UpstreamError): void {
    this.#report(cause);
    super.cancel(cause);
  }

  override onResponse(status: number, fields: Fields): void {
    if (!this.#hasReported) this.#breaker.succeeded();
    this.#hasReported = true;
    super.onResponse(status, fields);
  }

  override onError(error: UpstreamError): void {
    this.#report(error);
    super.onError(error);
  }

  #report(error: UpstreamError | undefined): void {
    if (this.#hasReported) return;
    this.#hasReported = true;
    if (error !== undefined && verdicts[error.code]) this.#breaker.failed();
    else this.#breaker.abandoned();
  }
}

/** An exchange that does not pass; it says so on its own turn, as every exchange does. */
class RefusedExchange implements Handle {
  #isCancelled = false;

  constructor(exchange: Exchange, sink: ResponseSink, remainingMs: number) {
    const { failures } = exchange.options.breaker;
    const message =
      `${formatOrigin(exchange.origin)}: failed ${failures} times in a row (breaker.failures); ` +
      `next try in ${Math.ceil(remainingMs)} ms`;
    const error = new UpstreamError('breaker_open', message, { source: 'broker', processed: 'no' });
    queueMicrotask(() => {
      if (!this.#isCancelled) sink.onError(error);
    });
  }

  write(): void {}

  end(): void {}

  consume(): void {}

  cancel(): void {
    this.#isCancelled = true;
  }
}
