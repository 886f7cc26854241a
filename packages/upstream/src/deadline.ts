// The outermost layer: ends an exchange that takes longer than its total, first-byte or idle time.

import type { Fields } from '@hawser/http2';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { UpstreamError } from './errors.ts';
import type { Exchange, ResponseSink, Send } from './exchange.ts';
import { ForwardingExchange } from './forwarding-exchange.ts';
import type { Timeouts } from './options.ts';
import { formatOrigin } from './origin.ts';

export function withDeadline(next: Send, clock: Clock = systemClock): Send {
  return (exchange, sink) => {
    const timed = new TimedExchange(exchange, sink, clock);
    timed.start(next);
    return timed;
  };
}

/**
 * One timer per exchange, set for the earliest moment at which anything could be overdue. Progress only notes the time;
 * the timer, when it fires, looks at the notes and either ends the exchange or is set again.
 */
class TimedExchange extends ForwardingExchange {
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  #timer: Timer = null;
  #timerAt = 0;
  #isOver = false;
  #hasResponse = false;
  /** When the client's request was whole; infinite while it still comes. */
  #wholeAt: number;
  #progressAt: number;
  /** Body bytes that the client has not taken: while there are any, silence is not the origin's. */
  #unconsumedBytes = 0;

  constructor(exchange: Exchange, sink: ResponseSink, clock: Clock) {
    super(sink);
    this.#exchange = exchange;
    this.#clock = clock;
    this.#wholeAt = exchange.body === 'stream' ? Number.POSITIVE_INFINITY : exchange.startedAt;
    this.#progressAt = exchange.startedAt;
  }

  start(next: Send): void {
    this.#setTimer();
    this.lower = next(this.#exchange, this);
  }

  override end(trailers?: Fields): void {
    this.#wholeAt = this.#clock.now();
    super.end(trailers);
    if (!this.#isOver) this.#setTimer();
  }

  override consume(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    this.#progressAt = this.#clock.now();
    super.consume(bytes);
  }

  override cancel(): void {
    this.#finish();
    super.cancel();
  }

  override onResponse(status: number, fields: Fields): void {
    this.#hasResponse = true;
    this.#progressAt = this.#clock.now();
    this.#exchange.facts.firstByteMs = this.#progressAt - this.#exchange.startedAt;
    // From here on silence counts by another measure, which may be the shorter one.
    if (this.#idleAt() < this.#timerAt) this.#setTimer();
    super.onResponse(status, fields);
  }

  override onData(chunk: Buffer): void {
    this.#unconsumedBytes += chunk.length;
    this.#progressAt = this.#clock.now();
    super.onData(chunk);
  }

  override onRestart(): boolean {
    if (!super.onRestart()) return false;
    this.#hasResponse = false;
    this.#unconsumedBytes = 0;
    return true;
  }

  override onEnd(): void {
    this.#finish();
    super.onEnd();
  }

  override onError(error: UpstreamError): void {
    this.#finish();
    super.onError(error);
  }

  #finish(): void {
    this.#isOver = true;
    this.#clock.clearTimeout(this.#timer);
    this.#exchange.facts.totalMs = this.#clock.now() - this.#exchange.startedAt;
  }

  #setTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    const now = this.#clock.now();
    // Without a session the first byte cannot be due before another `firstByteMs`.
    const dueAt = this.#hasResponse ? this.#idleAt() : Math.min(this.#firstByteAt(), now + this.#timeouts.firstByteMs);
    this.#timerAt = Math.max(now + 1, Math.min(this.#exchange.deadlineAt, dueAt));
    this.#timer = this.#clock.setTimeout(this.#check, this.#timerAt - now);
  }

  get #timeouts(): Timeouts {
    return this.#exchange.options.timeouts;
  }

  /** The origin answers for its silence from when it had the whole request: not while that waited for a session. */
  #firstByteAt(): number {
    const { sentAt } = this.#exchange.facts;
    return sentAt < 0 ? Number.POSITIVE_INFINITY : Math.max(this.#wholeAt, sentAt) + this.#timeouts.firstByteMs;
  }

  /** An answer may begin before the request is whole; then the origin may be the one who waits. */
  #idleAt(): number {
    return Math.max(this.#progressAt, this.#wholeAt) + this.#timeouts.idleMs;
  }

  #check = (): void => {
    const now = this.#clock.now();
    const { deadlineAt, startedAt, origin } = this.#exchange;
    const { firstByteMs, idleMs } = this.#timeouts;
    const name = formatOrigin(origin);
    if (now >= deadlineAt) {
      const where = this.#hasResponse ? 'the response had begun' : 'no response had begun';
      this.#end('deadline_exceeded', `${name}: not done within ${Math.round(deadlineAt - startedAt)} ms; ${where}`);
    } else if (!this.#hasResponse && now >= this.#firstByteAt()) {
      this.#end('first_byte_timeout', `${name}: no response within ${firstByteMs} ms (timeouts.firstByte)`);
    } else if (this.#hasResponse && now >= this.#idleAt() && this.#unconsumedBytes === 0) {
      this.#end('idle_timeout', `${name}: the body stopped for ${idleMs} ms (timeouts.idle)`);
    } else {
      if (this.#unconsumedBytes > 0) this.#progressAt = now;
      this.#setTimer();
    }
  };

  #end(code: 'deadline_exceeded' | 'first_byte_timeout' | 'idle_timeout', message: string): void {
    // While no session has the request nothing can have been processed, and the origin is not to blame.
    const { mayBeProcessed } = this.#exchange.facts;
    const error = new UpstreamError(code, message, {
      source: mayBeProcessed ? 'origin' : 'broker',
      processed: mayBeProcessed ? 'maybe' : 'no',
    });
    // The layers below judge the origin by it: the breaker counts it, the pool asks the session whether it lives.
    super.cancel(error);
    this.onError(error);
  }
}
