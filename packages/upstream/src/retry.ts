// The layer that sends an exchange again where that is safe: unprocessed, or idempotent and caught by a closing connection.

import type { ExchangeHandle, Fields } from '@hawser/http2';
import { UpstreamError } from './errors.ts';
import type { Exchange, ResponseSink, Send } from './exchange.ts';

/** Attempts of one exchange, the first included. Each repeat follows a kept session's end, which a second rarely shares. */
const maxAttempts = 3;

export function withRetry(next: Send): Send {
  return (exchange, sink) => {
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
  /** An attempt that failed may have been processed: from then on every error says so. */
  #maybeProcessed = false;
  /**
   * Streamed request body from its first byte, to be sent again; null once a session has let go of any of it, for then
   * more may come than is worth keeping. Until then the client's window bounds it.
   */
  #written: Buffer[] | null;
  #trailers: Fields | null = null;

  constructor(exchange: Exchange, sink: ResponseSink, next: Send) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.#next = next;
    this.#written = exchange.body === 'stream' ? [] : null;
  }

  attempt(): void {
    this.#handle = this.#next(this.#exchange, this);
  }

  write(chunk: Buffer): void {
    this.#written?.push(chunk);
    this.#handle?.write(chunk);
  }

  end(trailers?: Fields): void {
    this.#trailers = trailers ?? [];
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
    this.#written = null;
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
    this.#written = null;
    this.#sink.onRequestConsumed(bytes);
  }

  onError(error: UpstreamError): void {
    if (this.#mayRepeat(error)) {
      this.#maybeProcessed ||= error.processed === 'maybe';
      queueMicrotask(this.#repeat);
    } else if (this.#maybeProcessed && error.processed === 'no') {
      const { code, message, source } = error;
      this.#sink.onError(new UpstreamError(code, message, { source, processed: 'maybe', cause: error }));
    } else {
      this.#sink.onError(error);
    }
  }

  #repeat = (): void => {
    if (this.#isCancelled) return;
    // What ends the exchange while it waits anew finds that no session has it.
    if (!this.#maybeProcessed) this.#exchange.facts.protocol = '';
    this.attempt();
    for (const chunk of this.#written ?? []) this.#handle?.write(chunk);
    if (this.#trailers !== null) this.#handle?.end(this.#trailers);
  };

  /** What failed while connecting, in the queue or here would fail again; what a session gave back would not. */
  #mayRepeat(error: UpstreamError): boolean {
    const { body, facts } = this.#exchange;
    if (error.code !== 'origin_unprocessed' && error.code !== 'origin_closed') return false;
    if (this.#hasResponse || facts.attempts >= maxAttempts) return false;
    if (body === 'stream' && this.#written === null) return false;
    return error.processed === 'no' || this.#isKeptConnectionRace();
  }

  /**
   * An origin may close a kept HTTP/1.1 connection at the moment a request is written on it, and nothing tells whether it
   * saw it; RFC 9110 section 9.2.2 lets a client repeat an idempotent request then. HTTP/2 has GOAWAY for this.
   */
  #isKeptConnectionRace(): boolean {
    const { facts, head } = this.#exchange;
    return facts.protocol === 'http/1.1' && facts.session === 'reused' && idempotent.has(head.method);
  }
}

/** RFC 9110 section 9.2.2, and QUERY. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY']);
