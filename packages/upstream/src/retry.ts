// The layer that sends an unprocessed exchange again: whatever its method, as nothing can have happened at the origin.

import type { ExchangeHandle, Fields } from '@hawser/http2';
import type { UpstreamError } from './errors.ts';
import type { Exchange, ResponseSink, Send } from './exchange.ts';

/** Attempts of one exchange, the first included. Each repeat follows a kept session's end, which a second rarely shares. */
const maxAttempts = 3;

export function withRetry(next: Send): Send {
  return (exchange, sink) => {
    // A streamed body is gone once it was sent: there is nothing to send again.
    if (exchange.body === 'stream') return next(exchange, sink);
    const retried = new RetriedExchange(exchange, sink, next);
    retried.attempt();
    return retried;
  };
}

class RetriedExchange implements ExchangeHandle, ResponseSink {
  readonly #exchange: Exchange;
  readonly #sink: ResponseSink;
  readonly #next: Send;
  #handle: ExchangeHandle | null = null;
  #isCancelled = false;
  #hasResponse = false;

  constructor(exchange: Exchange, sink: ResponseSink, next: Send) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.#next = next;
  }

  attempt(): void {
    if (!this.#isCancelled) this.#handle = this.#next(this.#exchange, this);
  }

  write(chunk: Buffer): void {
    this.#handle?.write(chunk);
  }

  end(trailers?: Fields): void {
    this.#handle?.end(trailers);
  }

  consume(bytes: number): void {
    this.#handle?.consume(bytes);
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#handle?.cancel();
  }

  onInformational(status: number, fields: Fields): void {
    this.#sink.onInformational(status, fields);
  }

  onResponse(status: number, fields: Fields): void {
    this.#hasResponse = true;
    this.#sink.onResponse(status, fields);
  }

  onData(chunk: Buffer): void {
    this.#sink.onData(chunk);
  }

  onTrailers(fields: Fields): void {
    this.#sink.onTrailers(fields);
  }

  onEnd(): void {
    this.#sink.onEnd();
  }

  onRequestConsumed(bytes: number): void {
    this.#sink.onRequestConsumed(bytes);
  }

  onError(error: UpstreamError): void {
    if (this.#mayRepeat(error)) queueMicrotask(() => this.attempt());
    else this.#sink.onError(error);
  }

  /** What failed while connecting, in the queue or here would fail again; what a session gave back would not. */
  #mayRepeat(error: UpstreamError): boolean {
    return (
      error.processed === 'no' &&
      (error.code === 'origin_unprocessed' || error.code === 'origin_closed') &&
      !this.#hasResponse &&
      this.#exchange.facts.attempts < maxAttempts
    );
  }
}
