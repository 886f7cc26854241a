// The layer that sends an exchange again: always what is unprocessed, else what is idempotent, within a budget.

import { type Fields, SessionError } from '@hawser/http2';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import type { Exchange, ResponseSink, Send } from './exchange.ts';
import { ForwardingExchange } from './forwarding-exchange.ts';
import { isIdempotent } from './idempotent.ts';
import { KeptBody } from './kept-body.ts';
import { PerPool } from './per-pool.ts';
import { RetryBudget } from './retry-budget.ts';

/**
 * Repeats at most of what was unprocessed. An origin that takes ten requests per connection needs one repeat in ten of a
 * large burst; the deadline is the real bound.
 */
const maxUnprocessedRepeats = 49;

/**
 * Attempts at most where only sessions broke off, unless `retry.attempts` is higher. A server that is reloaded may reset
 * several connections in a row that it has just accepted; the failures say nothing of the request.
 */
const maxBrokenOffAttempts = 5;

/** Pause before a repeat: random between nothing and this, doubled with each attempt (full jitter). */
const backOffMs = 25;
const maxBackOffMs = 1_000;

/** What is left of the deadline after a pause must be worth an attempt. */
const minAttemptMs = 10;

/** Budgets are per pool key, shared by all client connections. */
export function withRetry(next: Send, clock: Clock = systemClock): Send {
  const budgets = new PerPool(({ options }) => new RetryBudget(options.retry.budget, clock));
  return (exchange, sink) => {
    const budget = budgets.of(exchange);
    budget.countFirst();
    const retried = new RetriedExchange(exchange, sink, budget, next, clock);
    retried.attempt();
    return retried;
  };
}

/** How the failure of an attempt is to be taken. */
type Cure =
  /** A session ended under it, or before it was ready: another one will do. */
  | 'session'
  /** The origin is in trouble, and may get over it. */
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
  connect_failed: 'session',
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
  /** Null where the body is whole from the start. */
  readonly #body: KeptBody | null;
  #timer: Timer = null;
  #isCancelled = false;
  #hasResponse = false;
  /** Attempts that the origin refused so far (REFUSED_STREAM). */
  #refusals = 0;
  /** An attempt before this one may have been processed: no later one can take that back. */
  #mayBeProcessed = false;
  /** Attempts that failed, by what they count against. */
  #unprocessed = 0;
  #brokenOff = 0;
  #failed = 0;
  /** Request body bytes that the running attempt has taken, and those that were told above. */
  #takenBytes = 0;
  #toldBytes = 0;

  constructor(exchange: Exchange, sink: ResponseSink, budget: RetryBudget, next: Send, clock: Clock) {
    super(sink);
    this.#exchange = exchange;
    this.#budget = budget;
    this.#next = next;
    this.#clock = clock;
    this.#body = exchange.body === 'stream' ? new KeptBody() : null;
  }

  attempt(): void {
    this.#timer = null;
    if (this.#isCancelled) return;
    this.#takenBytes = 0;
    const lower = this.#next(this.#exchange, this);
    this.lower = lower;
    this.#body?.sendTo(lower);
  }

  override write(chunk: Buffer): void {
    this.#body?.write(chunk);
    super.write(chunk);
  }

  override end(trailers?: Fields): void {
    this.#body?.end(trailers);
    super.end(trailers);
  }

  override cancel(cause?: UpstreamError): void {
    this.#isCancelled = true;
    this.#clock.clearTimeout(this.#timer);
    this.#body?.drop();
    super.cancel(cause);
  }

  /** What a repeat sends again was told already: the client would get room for it twice. */
  override onRequestConsumed(bytes: number): void {
    this.#takenBytes += bytes;
    const untold = this.#takenBytes - this.#toldBytes;
    if (untold <= 0) return;
    this.#toldBytes = this.#takenBytes;
    super.onRequestConsumed(untold);
  }

  override onResponse(status: number, fields: Fields): void {
    const waitMs = status === 503 || status === 429 ? this.#pauseAsTold(fields) : null;
    if (waitMs !== null) {
      this.lower?.cancel();
      this.#repeat(waitMs, 'maybe');
      return;
    }
    this.#hasResponse = true;
    this.#body?.drop();
    super.onResponse(status, fields);
  }

  override onError(error: UpstreamError): void {
    const waitMs = this.#hasResponse && !this.#restart(error) ? null : this.#pauseBeforeRepeat(error);
    if (waitMs === null) super.onError(this.#mayBeProcessed ? asMaybeProcessed(error) : error);
    else this.#repeat(waitMs, error.processed);
  }

  /** An answer that broke off may be asked for again while nobody has seen its beginning. */
  #restart(error: UpstreamError): boolean {
    if (cures[error.code] === 'none' || !this.#isIdempotent || !this.#isReplayable || !super.onRestart()) return false;
    this.#hasResponse = false;
    return true;
  }

  /** Milliseconds until the next attempt; null where there is to be none. */
  #pauseBeforeRepeat(error: UpstreamError): number | null {
    const cure = cures[error.code];
    if (cure === 'none' || !this.#isReplayable) return null;
    // A connection that could not be set up is unprocessed too, but cost the origin something.
    if (error.processed === 'no' && cure === 'session' && error.source !== 'connect')
      return this.#pauseUnprocessed(error);
    if (error.processed === 'maybe' && !this.#isIdempotent) return null;
    return cure === 'session' ? this.#pauseBrokenOff(error) : this.#pauseFailed();
  }

  /** None, but where the origin refuses again and again: it is asked less and less often then. */
  #pauseUnprocessed(error: UpstreamError): number | null {
    if (++this.#unprocessed > maxUnprocessedRepeats) return null;
    const isRefused = error.cause instanceof SessionError && error.cause.code === 'stream_refused';
    if (!isRefused || ++this.#refusals === 1) return 0;
    return this.#ifFits(backOff(this.#refusals - 1));
  }

  /** The end of a session that had served before costs no budget, once: it says nothing of how the origin is. */
  #pauseBrokenOff(error: UpstreamError): number | null {
    this.#brokenOff++;
    const { facts, options } = this.#exchange;
    const { attempts } = options.retry;
    const maxAttempts = attempts === 1 ? 1 : Math.max(maxBrokenOffAttempts, attempts);
    if (this.#brokenOff >= maxAttempts) return null;
    const waitMs = backOff(this.#brokenOff);
    const isFree = this.#brokenOff === 1 && error.code === 'origin_closed' && facts.isOnProvenSession;
    return isFree ? this.#ifFits(waitMs) : this.#takeRepeat(waitMs);
  }

  #pauseFailed(): number | null {
    this.#failed++;
    return this.#hasAttemptsLeft ? this.#takeRepeat(backOff(this.#failed)) : null;
  }

  /** As Retry-After says, and a little more, so that not everybody who was told so comes at once. */
  #pauseAsTold(fields: Fields): number | null {
    this.#failed++;
    const toldMs = retryAfterMs(fields);
    if (toldMs === null || !this.#isIdempotent || !this.#isReplayable || !this.#hasAttemptsLeft) return null;
    return this.#takeRepeat(toldMs + backOff(1));
  }

  /** `waitMs`, if the deadline leaves time for it and the budget a repeat. */
  #takeRepeat(waitMs: number): number | null {
    return this.#ifFits(waitMs) !== null && this.#budget.takeRepeat() ? waitMs : null;
  }

  /** `waitMs`, if the deadline leaves time for it. */
  #ifFits(waitMs: number): number | null {
    return this.#clock.now() + waitMs + minAttemptMs < this.#exchange.deadlineAt ? waitMs : null;
  }

  get #isIdempotent(): boolean {
    return isIdempotent(this.#exchange.head.method);
  }

  get #isReplayable(): boolean {
    return this.#body === null || this.#body.isWhole;
  }

  /** Whether another attempt is left after the one that runs, if that fails for the origin's sake. */
  get #hasAttemptsLeft(): boolean {
    return this.#failed < this.#exchange.options.retry.attempts;
  }

  #repeat(waitMs: number, processed: 'no' | 'maybe'): void {
    this.#mayBeProcessed ||= processed === 'maybe';
    const { facts } = this.#exchange;
    facts.sentAt = -1;
    facts.mayBeProcessed = this.#mayBeProcessed;
    this.#body?.holdBack();
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
    if (/^[0-9]+$/.test(value)) return Number(value) * 1000;
    // Date.parse takes all sorts of things for dates, `-5` among them.
    if (!httpDate.test(value)) return null;
    const at = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`);
    return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
  }
  return null;
}

/** The three forms that must be accepted (RFC 9110 section 5.6.7): IMF-fixdate, that of RFC 850, and asctime's. */
const httpDate =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT|[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/;
