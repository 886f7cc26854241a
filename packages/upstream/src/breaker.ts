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
 *
 * An exchange holds the state that it passed in: once that is over, its outcome is about another time and counts no more.
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
    const passedIn = breaker.admit();
    if (passedIn === null) return new RefusedExchange(exchange, sink, breaker.remainingMs);
    return new WatchedExchange(exchange, sink, breaker, passedIn, next);
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

  /** The state in which an exchange passes, null if it does not. Who passes reports how it went, once. */
  admit(): BreakerState | null {
    const state = this.#state;
    switch (state.name) {
      case 'closed':
        return state;
      case 'open':
        if (this.#clock.now() < state.until) return null;
        this.#state = { name: 'half-open', isProbing: true };
        return this.#state;
      case 'half-open':
        if (state.isProbing) return null;
        state.isProbing = true;
        return state;
    }
  }

  /** `nothing`: the exchange ended without a verdict on the origin; a probe leaves its place to another. */
  report(passedIn: BreakerState, verdict: Verdict): void {
    if (passedIn !== this.#state) return;
    switch (passedIn.name) {
      case 'closed':
        if (verdict === 'success') passedIn.failures = 0;
        else if (verdict === 'failure' && ++passedIn.failures >= this.#maxFailures) this.#open();
        break;
      case 'half-open':
        if (verdict === 'success') this.#state = { name: 'closed', failures: 0 };
        else if (verdict === 'failure') this.#open();
        else passedIn.isProbing = false;
        break;
      case 'open':
        break;
    }
  }

  #open(): void {
    this.#state = { name: 'open', until: this.#clock.now() + this.#openMs };
  }
}

type Verdict = 'success' | 'failure' | 'nothing';

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
  readonly #exchange: Exchange;
  readonly #breaker: Breaker;
  readonly #passedIn: BreakerState;
  #hasReported = false;

  constructor(exchange: Exchange, sink: ResponseSink, breaker: Breaker, passedIn: BreakerState, next: Send) {
    super(sink);
    this.#exchange = exchange;
    this.#breaker = breaker;
    this.#passedIn = passedIn;
    this.lower = next(exchange, this);
  }

  override cancel(cause?: UpstreamError): void {
    this.#report(this.#verdictOn(cause));
    super.cancel(cause);
  }

  override onResponse(status: number, fields: Fields): void {
    this.#report('success');
    super.onResponse(status, fields);
  }

  override onError(error: UpstreamError): void {
    this.#report(this.#verdictOn(error));
    super.onError(error);
  }

  #verdictOn(error: UpstreamError | undefined): Verdict {
    if (error === undefined || !verdicts[error.code]) return 'nothing';
    // That a session ended which had served before is in the nature of sessions; whether the origin is well, the next one
    // will tell. Over HTTP/2 one such end may take any number of exchanges with it.
    return error.code === 'origin_closed' && this.#exchange.facts.isOnProvenSession ? 'nothing' : 'failure';
  }

  #report(verdict: Verdict): void {
    if (this.#hasReported) return;
    this.#hasReported = true;
    this.#breaker.report(this.#passedIn, verdict);
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
