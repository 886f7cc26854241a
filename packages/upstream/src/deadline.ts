// The outermost layer: ends an exchange that takes longer than its total, first-byte or idle time.

import type { ExchangeHandle, Fields } from '@hawser/http2';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { UpstreamError } from './errors.ts';
import type { Exchange, ResponseSink, Send } from './exchange.ts';
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
class TimedExchange implements ExchangeHandle, ResponseSink {
  readonly #exchange: Exchange;
  readonly #sink: ResponseSink;
  readonly #clock: Clock;
  #next: ExchangeHandle | null = null;
  #timer: Timer = null;
  #isOver = false;
  #hasResponse = false;
  /** When the request was whole; infinite while the client still sends it. */
  #sentAt: number;
  #progressAt: number;
  /** Body bytes that the client has not taken: while there are any, silence is not the origin's. */
  #unconsumedBytes = 0;

  constructor(exchange: Exchange, sink: ResponseSink, clock: Clock) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.#clock = clock;
    this.#sentAt = exchange.body === 'stream' ? Number.POSITIVE_INFINITY : exchange.startedAt;
    this.#progressAt = exchange.startedAt;
  }

  start(next: Send): void {
    this.#setTimer();
    this.#next = next(this.#exchange, this);
  }

  // The handle

  write(chunk: Buffer): void {
    this.#next?.write(chunk);
  }

  end(trailers?: Fields): void {
    this.#sentAt = this.#clock.now();
    this.#next?.end(trailers);
    if (!this.#isOver) this.#setTimer();
  }

  consume(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    this.#progressAt = this.#clock.now();
    this.#next?.consume(bytes);
  }

  cancel(): void {
    this.#finish();
    this.#next?.cancel();
  }

  // The sink

  onInformational(status: number, fields: Fields): void {
    this.#sink.onInformational(status, fields);
  }

  onResponse(status: number, fields: Fields): void {
    this.#hasResponse = true;
    this.#progressAt = this.#clock.now();
    this.#exchange.facts.firstByteMs = this.#progressAt - this.#exchange.startedAt;
    this.#sink.onResponse(status, fields);
  }

  onData(chunk: Buffer): void {
    this.#unconsumedBytes += chunk.length;
    this.#progressAt = this.#clock.now();
    this.#sink.onData(chunk);
  }

  onTrailers(fields: Fields): void {
    this.#sink.onTrailers(fields);
  }

  onEnd(): void {
    this.#finish();
    this.#sink.onEnd();
  }

  onError(error: UpstreamError): void {
    this.#finish();
    this.#sink.onError(error);
  }

  onRequestConsumed(bytes: number): void {
    this.#sink.onRequestConsumed(bytes);
  }

  #finish(): void {
    this.#isOver = true;
    this.#clock.clearTimeout(this.#timer);
    this.#exchange.facts.totalMs = this.#clock.now() - this.#exchange.startedAt;
  }

  #setTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    const delay = Math.max(1, this.#dueAt() - this.#clock.now());
    this.#timer = this.#clock.setTimeout(this.#check, delay);
  }

  #dueAt(): number {
    const { deadlineAt, options } = this.#exchange;
    const { firstByteMs, idleMs } = options.timeouts;
    return Math.min(deadlineAt, this.#hasResponse ? this.#progressAt + idleMs : this.#sentAt + firstByteMs);
  }

  #check = (): void => {
    const now = this.#clock.now();
    const { deadlineAt, startedAt, options, origin } = this.#exchange;
    const name = formatOrigin(origin);
    if (now >= deadlineAt) {
      const where = this.#hasResponse ? 'the response had begun' : 'no response had begun';
      this.#end('deadline_exceeded', `${name}: not done within ${Math.round(deadlineAt - startedAt)} ms; ${where}`);
    } else if (!this.#hasResponse && now >= this.#sentAt + options.timeouts.firstByteMs) {
      this.#end(
        'first_byte_timeout',
        `${name}: no response within ${options.timeouts.firstByteMs} ms (timeouts.firstByte)`,
      );
    } else if (this.#hasResponse && now >= this.#progressAt + options.timeouts.idleMs && this.#unconsumedBytes === 0) {
      this.#end('idle_timeout', `${name}: the body stopped for ${options.timeouts.idleMs} ms (timeouts.idle)`);
    } else {
      if (this.#unconsumedBytes > 0) this.#progressAt = now;
      this.#setTimer();
    }
  };

  #end(code: 'deadline_exceeded' | 'first_byte_timeout' | 'idle_timeout', message: string): void {
    // Before a session was reached nothing can have been processed.
    const processed = this.#exchange.facts.protocol === '' ? 'no' : 'maybe';
    this.#next?.cancel();
    this.onError(new UpstreamError(code, message, { source: 'origin', processed }));
  }
}
