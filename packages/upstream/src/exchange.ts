// What travels down the layers: one exchange, the sink that hears of it, and the handle that steers it.

import type { ExchangeHandle, Fields, RequestBody, RequestHead } from '@hawser/http2';
import type { UpstreamError } from './errors.ts';
import type { OriginOptions } from './options.ts';
import type { Origin } from './origin.ts';

/** How an exchange went, filled in by the layers on its way. Times in milliseconds; -1 where there is none. */
export interface Facts {
  /** `h2` or `http/1.1`; empty where no session was reached. */
  protocol: string;
  /** `reused`, or why a new session was opened; empty where none was reached. */
  session: string;
  attempts: number;
  /** Cache status; empty where the cache was not asked. */
  cache: string;
  /** Waiting for room on a session, connecting included; of all attempts together. */
  queueMs: number;
  /** Connecting, where this exchange waited for a connect. */
  connectMs: number;
  /** From the start of the exchange to the final response's head. */
  firstByteMs: number;
  totalMs: number;
  remoteAddress: string;
  /** When the attempt that runs was given to a session, by the layers' clock; -1 while it was not, or none runs. */
  sentAt: number;
  /** The attempt that runs, or one before it, was given to a session and not proved unprocessed. */
  mayBeProcessed: boolean;
  /** The session of the last attempt had answered another exchange before it was given this one. */
  isOnProvenSession: boolean;
}

/** One request on its way to `origin`, and what is known of it. */
export interface Exchange {
  readonly origin: Origin;
  readonly options: OriginOptions;
  readonly head: RequestHead;
  readonly body: RequestBody;
  /** Whose exchange it is: the wait queue is fair between these. */
  readonly client: object;
  /** By the layers' clock, in milliseconds. */
  readonly startedAt: number;
  /** The absolute end, by the same clock. */
  readonly deadlineAt: number;
  readonly facts: Facts;
}

/** As http2's ExchangeSink, with every error in this package's words. The order of calls is the same. */
export interface ResponseSink {
  onInformational(status: number, fields: Fields): void;
  onResponse(status: number, fields: Fields): void;
  onData(chunk: Buffer): void;
  onTrailers(fields: Fields): void;
  onEnd(): void;
  onError(error: UpstreamError): void;
  onRequestConsumed(bytes: number): void;
  /**
   * The response that had begun broke off, and the request is sent again. True: nothing of it was shown to anybody, and it
   * is forgotten. Where this is missing or false, the error ends the exchange.
   */
  onRestart?(): boolean;
}

/** What steers an exchange: http2's handle, told why where the caller's wish is not the reason to give up. */
export interface Handle extends ExchangeHandle {
  cancel(cause?: UpstreamError): void;
}

/** Sends an exchange towards its origin. Every layer has this signature, so any can be tested alone. */
export type Send = (exchange: Exchange, sink: ResponseSink) => Handle;

/** A fresh record for an exchange that has not begun. */
export function createFacts(): Facts {
  return {
    protocol: '',
    session: '',
    attempts: 0,
    cache: '',
    queueMs: -1,
    connectMs: -1,
    firstByteMs: -1,
    totalMs: -1,
    remoteAddress: '',
    sentAt: -1,
    mayBeProcessed: false,
    isOnProvenSession: false,
  };
}
