// The layer that sends an exchange again: always what is unprocessed, else what is idempotent, within a budget.

import { type Fields, SessionError } from '@hawser/http2';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import type { Exchange, ResponseSink, Send } from './exchange.ts';
import { ForwardingExchange } from './forwarding-exchange.ts';
import { PerPool } from './per-pool.ts';
import { RetryBudget } from './retry-budget.ts';

/**
 * Attempts at most where each was unprocessed. An origin that takes ten requests per connection needs one attempt in
 * ten of a large burst; the deadline is the real bound.
 */
const maxUnprocessedAttempts = 50;

/** Pause before a repeat: random between nothing and this, doubled with each attempt (full jitter). */
const backOffMs = 25;
const maxBackOffMs = 1_000;

/** What is left of the deadline after a pause must be worth an attempt. */
const minAttemptMs = 10;

/** Methods that may be repeated by themselves (RFC 9110 section 9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Budgets are per pool key, shared by all client connections. */
export function withRetry(next: Send, clock: Clock = systemClock): Send {
  const budgets = new PerPool(({ options }) => new RetryBudget(options.retry.budget, clock));
  return (exchange, sink) => {
    const budget = budgets.of(exchange);
    budget.countFirst();
    // A streamed body is gone once it was sent: there is nothing to send again.
    if (exchange.body === 'stream') return next(exchange, sink);
    const retried = new RetriedExchange(exchange, sink, budget, next, clock);
    retried.attempt();
    return retried;
  };
}

/** How the failure of an attempt that may have been processed, or never began, is to be taken. */
type Cure =
  /** Another session will do: at once. */
  | 'session'
  /** The origin is in trouble: after a pause, on the budget. */
  | 'pause'
  /** It would fail again, or is not about the origin. */
  | 'none';

const cures = {
  request_invalid: 'none',
  request_unsupported: 'none',
  origin_forbidden: 'none',
  queue_full: 'none',
  queue_timeout: 'none',
  breaker_open: 'none',
  dns_failed: 'none',
  connect_refused: 'pause',
  connect_timeout: 'pause',
  connect_failed: 'pause',
  tls_untrusted: 'none',
  tls_expired: 'none',
  tls_name_mismatch: 'none',
  tls_failed: 'none',
  alpn_mismatch: 'none',
  deadline_exceeded: 'none',
  first_byte_timeout: 'none',
  idle_timeout: 'none',
  origin_closed: 'session',
  origin_reset: 'pause',
  origin_protocol_error: 'none',
  response_too_large: 'none',
  origin_unprocessed: 'session',
  broker_draining: 'none',
  broker_internal: 'none',
} as const satisfies Record<UpstreamErrorCode, Cure>;

class RetriedExchange extends ForwardingExchange {
  readonly #exchange: Exchange;
  readonly #budget: RetryBudget;
  readonly #next: Send;
  readonly #clock: Clock;
  #timer: Timer = null;
  #isCancelled = false;
  #hasResponse = false;
  /** Attempts that the origin refused so far (REFUSED_STREAM). */
  #refusals = 0;
  /** An attempt before this one may have been processed: no later one can take that back. */
  #mayBeProcessed = false;

  constructor(exchange: Exchange, sink: ResponseSink, budget: RetryBudget, next: Send, clock: Clock) {
    super(sink);
    this.#exchange = exchange;
    this.#budget = budget;
    this.#next = next;
    this.#clock = clock;
  }

  attempt(): void {
    this.#timer = null;
    if (!this.#isCancelled) this.lower = this.#next(this.#exchange, this);
  }

  // The handle. The body is whole: `write` and `end` have nothing to say.

  override write(): void {}

  override end(): void {}

  override cancel(cause?: UpstreamError): void {
    this.#isCancelled = true;
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    super.cancel(cause);
  }

  override onResponse(status: number, fields: Fields): void {
    const waitMs = status === 503 || status === 429 ? retryAfterMs(fields) : null;
    if (
      waitMs !== null &&
      this.#isIdempotent &&
      this.#hasAttemptsLeft &&
      this.#fits(waitMs) &&
      this.#budget.takeRepeat()
    ) {
      this.lower?.cancel();
      this.#mayBeProcessed = true;
      this.#attemptAfter(waitMs);
      return;
    }
    this.#hasResponse = true;
    super.onResponse(status, fields);
  }

  override onError(error: UpstreamError): void {
    const waitMs = this.#hasResponse ? null : this.#pauseBeforeRepeat(error);
    if (waitMs === null) {
      super.onError(this.#mayBeProcessed ? asMaybeProcessed(error) : error);
      return;
    }
    this.#mayBeProcessed ||= error.processed === 'maybe';
    this.#attemptAfter(waitMs);
  }

  /** Milliseconds until the next attempt; null where there is to be none. */
  #pauseBeforeRepeat(error: UpstreamError): number | null {
    const cure = cures[error.code];
    if (cure === 'none') return null;
    const { attempts } = this.#exchange.facts;
    if (error.processed === 'no' && cure === 'session') return this.#pauseBeforeAnotherSession(error, attempts);
    if (error.processed === 'maybe' && !this.#isIdempotent) return null;
    const waitMs = backOff(attempts);
    return this.#hasAttemptsLeft && this.#fits(waitMs) && this.#budget.takeRepeat() ? waitMs : null;
  }

  /** None, but where the origin refuses again and again: it is asked less and less often then. */
  #pauseBeforeAnotherSession(error: UpstreamError, attempts: number): number | null {
    if (attempts >= maxUnprocessedAttempts) return null;
    const isRefused = error.cause instanceof SessionError && error.cause.code === 'stream_refused';
    if (!isRefused || ++this.#refusals === 1) return 0;
    const waitMs = backOff(this.#refusals - 1);
    return this.#fits(waitMs) ? waitMs : null;
  }

  get #isIdempotent(): boolean {
    return idempotent.has(this.#exchange.head.method);
  }

  get #hasAttemptsLeft(): boolean {
    return this.#exchange.facts.attempts < this.#exchange.options.retry.attempts;
  }

  #fits(waitMs: number): boolean {
    return this.#clock.now() + waitMs + minAttemptMs < this.#exchange.deadlineAt;
  }

  #attemptAfter(waitMs: number): void {
    this.lower = null;
    if (waitMs === 0) queueMicrotask(() => this.attempt());
    else this.#timer = this.#clock.setTimeout(() => this.attempt(), waitMs);
  }
}

/** The pause after so many attempts. */
function backOff(attempts: number): number {
  return Math.random() * Math.min(maxBackOffMs, backOffMs * 2 ** (attempts - 1));
}

function asMaybeProcessed(error: UpstreamError): UpstreamError {
  if (error.processed === 'maybe') return error;
  const { code, message, source } = error;
  return new UpstreamError(code, message, { source, processed: 'maybe', cause: error });
}

/** Retry-After (RFC 9110 section 10.2.3) as milliseconds from now; null where there is none that can be read. */
function retryAfterMs(fields: Fields): number | null {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'retry-after') continue;
    const value = fields[i + 1] as string;
    if (/^[0-9]{1,6}$/.test(value)) return Number(value) * 1000;
    const at = Date.parse(value);
    return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
  }
  return null;
}
