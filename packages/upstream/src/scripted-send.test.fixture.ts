// What tests of a layer put below it and above it: a Send that does as the test says, and a sink that notes what it hears.

import type { Fields } from '@hawser/http2';
import type { UpstreamError } from './errors.ts';
import { createFacts, type Exchange, type Handle, type ResponseSink, type Send } from './exchange.ts';
import { defaultOriginOptions, type OriginOptions, type Timeouts } from './options.ts';

/** Every call in order: `response 200`, `data 5`, `error idle_timeout`. */
export class RecordingSink implements ResponseSink {
  readonly calls: string[] = [];
  error: UpstreamError | null = null;
  /** Nothing of the response is passed on. */
  mayRestart = false;

  onInformational(status: number): void {
    this.calls.push(`informational ${status}`);
  }

  onResponse(status: number): void {
    this.calls.push(`response ${status}`);
  }

  onData(chunk: Buffer): void {
    this.calls.push(`data ${chunk.length}`);
  }

  onTrailers(fields: Fields): void {
    this.calls.push(`trailers ${fields.join(' ')}`);
  }

  onEnd(): void {
    this.calls.push('end');
  }

  onError(error: UpstreamError): void {
    this.calls.push(`error ${error.code}`);
    this.error = error;
  }

  onRequestConsumed(bytes: number): void {
    this.calls.push(`consumed ${bytes}`);
  }

  onRestart(): boolean {
    if (this.mayRestart) this.calls.push('restart');
    return this.mayRestart;
  }
}

/** One call of a Send: the test speaks through `sink` and reads what came down in `calls`. */
export class ScriptedAttempt implements Handle {
  readonly exchange: Exchange;
  readonly sink: ResponseSink;
  readonly calls: string[] = [];

  constructor(exchange: Exchange, sink: ResponseSink) {
    this.exchange = exchange;
    this.sink = sink;
  }

  write(chunk: Buffer): void {
    this.calls.push(`write ${chunk}`);
  }

  end(trailers: Fields = []): void {
    this.calls.push(['end', ...trailers].join(' '));
  }

  consume(bytes: number): void {
    this.calls.push(`consume ${bytes}`);
  }

  cancel(cause?: UpstreamError): void {
    this.calls.push(cause === undefined ? 'cancel' : `cancel ${cause.code}`);
  }
}

/** A layer's lower neighbour: `attempts` fills as exchanges come down. */
export function scriptSend(): { send: Send; attempts: ScriptedAttempt[] } {
  const attempts: ScriptedAttempt[] = [];
  const send: Send = (exchange, sink) => {
    exchange.facts.attempts++;
    const attempt = new ScriptedAttempt(exchange, sink);
    attempts.push(attempt);
    return attempt;
  };
  return { send, attempts };
}

export interface ExchangeScript {
  readonly method?: string;
  readonly body?: Exchange['body'];
  readonly startedAt?: number;
  readonly totalMs?: number;
  readonly timeouts?: Partial<Timeouts>;
  readonly retry?: OriginOptions['retry'];
}

export function scriptExchange(script: ExchangeScript = {}): Exchange {
  const {
    method = 'GET',
    body = null,
    startedAt = 0,
    totalMs = 60_000,
    timeouts = {},
    retry = defaultOriginOptions.retry,
  } = script;
  return {
    origin: { scheme: 'https', host: 'api.example.com', port: 443 },
    options: { ...defaultOriginOptions, retry, timeouts: { ...defaultOriginOptions.timeouts, ...timeouts } },
    head: { method, scheme: 'https', authority: 'api.example.com', path: '/', fields: [] },
    body,
    client: {},
    startedAt,
    deadlineAt: startedAt + totalMs,
    facts: createFacts(),
  };
}
