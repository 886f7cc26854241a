// The innermost layer: checks a stream out of the exchange's pool and sends the request on it.

import type { ExchangeHandle, ExchangeSink, Fields, SessionError } from '@hawser/http2';
import { type Clock, systemClock } from './clock.ts';
import { UpstreamError } from './errors.ts';
import type { Exchange, Handle, ResponseSink, Send } from './exchange.ts';
import { formatOrigin } from './origin.ts';
import type { OpenReason, PooledSession } from './pooled-session.ts';
import type { Registry } from './registry.ts';
import type { SessionPool } from './session-pool.ts';
import { fromSessionError } from './translate-error.ts';
import type { Waiter } from './waiter.ts';

/** 1xx responses passed on for one request; an origin that sends more only costs memory. */
const maxInformational = 100;

export function checkOutAndSend(registry: Registry, clock: Clock = systemClock): Send {
  return (exchange, sink) => new Attempt(exchange, sink, registry, clock);
}

/** One try of an exchange on a session: a waiter first, then a pair of handle and sink around the session's own. */
class Attempt implements Handle, ExchangeSink, Waiter {
  readonly client: object;
  readonly #exchange: Exchange;
  readonly #sink: ResponseSink;
  readonly #clock: Clock;
  readonly #waitingSince: number;
  readonly #pool: SessionPool;
  readonly #withdraw: () => void;
  #entry: PooledSession | null = null;
  /** What its session had answered when this began. */
  #answeredBefore = 0;
  #handle: ExchangeHandle | null = null;
  #isOver = false;
  #informational = 0;
  /** A response, a 1xx included, has come: the origin acts on the request, whatever it says afterwards. */
  #isAnswered = false;
  /** Request body that came before there was a session; bounded by the window that the client was given. */
  #early: Buffer[] | null = null;
  #earlyEnd: Fields | null = null;

  constructor(exchange: Exchange, sink: ResponseSink, registry: Registry, clock: Clock) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.#clock = clock;
    this.client = exchange.client;
    this.#waitingSince = clock.now();
    exchange.facts.attempts++;
    this.#pool = registry.pool(exchange.origin, exchange.options);
    this.#withdraw = this.#pool.checkOut(this);
  }

  // The waiter

  onRoom(entry: PooledSession, reason: OpenReason | 'reused', connectMs: number): void {
    const { facts, head, body } = this.#exchange;
    const { session } = entry;
    this.#entry = entry;
    this.#answeredBefore = entry.answeredStreams;
    facts.session = reason;
    facts.protocol = session.protocol;
    facts.remoteAddress = session.remoteAddress;
    facts.connectMs = connectMs;
    facts.sentAt = this.#clock.now();
    facts.mayBeProcessed = true;
    facts.isOnProvenSession = entry.answeredStreams > 0;
    facts.queueMs = Math.max(0, facts.queueMs) + facts.sentAt - this.#waitingSince;
    try {
      this.#handle = session.request(head, body, this);
    } catch (error) {
      queueMicrotask(() => this.onError(error as SessionError));
      return;
    }
    if (this.#early !== null) for (const chunk of this.#early) this.#handle.write(chunk);
    if (this.#earlyEnd !== null) this.#handle.end(this.#earlyEnd);
    this.#early = null;
  }

  // The handle

  write(chunk: Buffer): void {
    if (this.#handle !== null) {
      this.#handle.write(chunk);
    } else if (!this.#isOver) {
      this.#early ??= [];
      this.#early.push(chunk);
    }
  }

  end(trailers?: Fields): void {
    if (this.#handle !== null) this.#handle.end(trailers);
    else this.#earlyEnd = trailers ?? [];
  }

  consume(bytes: number): void {
    this.#handle?.consume(bytes);
  }

  cancel(cause?: UpstreamError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#handle === null) this.#withdraw();
    else this.#handle.cancel();
    if (this.#entry === null || cause === undefined) return;
    this.#entry.lastError = cause.message;
    // What went silent may be this exchange alone, or the whole path to the origin.
    this.#pool.suspect(this.#entry, this.#answeredBefore, cause.code !== 'deadline_exceeded');
  }

  // The session's sink

  onInformational(status: number, fields: Fields): void {
    this.#isAnswered = true;
    if (status < 100 || status === 101) this.#refuseStatus(status);
    else if (++this.#informational > maxInformational)
      this.#refuse(`more than ${maxInformational} answers are interim ones`);
    else this.#sink.onInformational(status, fields);
  }

  onResponse(status: number, fields: Fields): void {
    this.#isAnswered = true;
    (this.#entry as PooledSession).noteAnswer();
    if (status > 599) this.#refuseStatus(status);
    else this.#sink.onResponse(status, fields);
  }

  onData(chunk: Buffer): void {
    this.#sink.onData(chunk);
  }

  onTrailers(fields: Fields): void {
    this.#sink.onTrailers(fields);
  }

  onEnd(): void {
    this.#isOver = true;
    this.#sink.onEnd();
  }

  onRequestConsumed(bytes: number): void {
    this.#sink.onRequestConsumed(bytes);
  }

  /** Not all that parsers take for a status is one (RFC 9110 section 15); the layers above know no other. */
  #refuseStatus(status: number): void {
    this.#refuse(`the answer has the status ${status}`);
  }

  #refuse(what: string): void {
    this.#handle?.cancel();
    const message = `${formatOrigin(this.#exchange.origin)}: ${what}`;
    this.onError(new UpstreamError('origin_protocol_error', message, { source: 'origin', processed: 'maybe' }));
  }

  /** From the session, or from the pool while waiting. */
  onError(error: SessionError | UpstreamError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#entry !== null) {
      this.#entry.lastError = error.message;
      if (error.code === 'stream_refused') this.#pool.noteRefusal(this.#entry);
    }
    const isOurs = error instanceof UpstreamError;
    this.#sink.onError(isOurs ? error : fromSessionError(error, formatOrigin(this.#exchange.origin), this.#isAnswered));
  }
}
