// What the integration tests of this package stand on: sessions and pools towards real sockets, and sinks that remember.

import {
  type Engine,
  type ExchangeSink,
  engines,
  type Fields,
  type RequestBody,
  type RequestHead,
  type Session,
  type SessionError,
  type SessionEvents,
} from '@hawser/http2';
import { expect } from 'vitest';
import { checkOutAndSend } from '../src/check-out.ts';
import type { Clock, Timer } from '../src/clock.ts';
import { Connector, type ConnectorOptions } from '../src/connector.ts';
import type { UpstreamError } from '../src/errors.ts';
import { createFacts, type Exchange, type Facts, type Handle, type Send } from '../src/exchange.ts';
import { defaultOriginOptions, type OriginOptions } from '../src/options.ts';
import { formatOrigin, type Origin, parseTarget } from '../src/origin.ts';
import { Registry } from '../src/registry.ts';

/** The defaults, with the HTTP/2 engine that this run of the tests is about. */
export const defaults: OriginOptions = { ...defaultOriginOptions, http2: { engine: engineUnderTest() } };

function engineUnderTest(): Engine {
  const name = process.env.HAWSER_TEST_ENGINE ?? defaultOriginOptions.http2.engine;
  const engine = engines.find((each) => each === name);
  if (engine === undefined) throw new Error(`HAWSER_TEST_ENGINE is ${name}; allowed: ${engines.join(', ')}`);
  return engine;
}

/** Real time that counts the timers set and neither fired nor cleared. */
export class CountingClock implements Clock {
  readonly #timers = new Set<NodeJS.Timeout>();

  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return performance.now();
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    clearTimeout(timer as NodeJS.Timeout);
    this.#timers.delete(timer as NodeJS.Timeout);
  }
}

/** Remembers the answer, and checks the order of calls that the contract promises. Takes each chunk as it comes. */
export class Answer implements ExchangeSink {
  readonly informational: { status: number; fields: Fields }[] = [];
  status = 0;
  fields: Fields = [];
  readonly chunks: Buffer[] = [];
  trailers: Fields = [];
  error: SessionError | UpstreamError | null = null;
  requestConsumed = 0;
  /** Resolves at the end, good or bad. */
  readonly ended: Promise<this>;
  handle: Handle | null = null;
  /** Set before the answer comes: bytes stay unconsumed. */
  isHolding = false;
  /** A call of ours into the session that is not over: nothing may be called back from inside it. */
  inside = '';
  #state: 'head' | 'body' | 'trailers' | 'over' = 'head';
  readonly #settle: PromiseWithResolvers<this>;

  constructor() {
    this.#settle = Promise.withResolvers<this>();
    this.ended = this.#settle.promise;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.body.toString('latin1');
  }

  get receivedBytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get hasEnded(): boolean {
    return this.#state === 'over';
  }

  field(name: string): string | undefined {
    const at = this.fields.findIndex((part, index) => index % 2 === 0 && part === name);
    return at < 0 ? undefined : this.fields[at + 1];
  }

  /** Calls into the session, guarded: `call('write', …)`. */
  call(name: 'write' | 'end' | 'consume' | 'cancel', ...args: unknown[]): void {
    this.inside = name;
    (this.handle as unknown as Record<string, (...args: unknown[]) => void>)[name]?.(...args);
    this.inside = '';
  }

  onInformational(status: number, fields: Fields): void {
    this.#enter('onInformational', ['head']);
    this.informational.push({ status, fields });
  }

  onResponse(status: number, fields: Fields): void {
    this.#enter('onResponse', ['head']);
    this.#state = 'body';
    this.status = status;
    this.fields = fields;
  }

  onData(chunk: Buffer): void {
    this.#enter('onData', ['body']);
    this.chunks.push(chunk);
    if (!this.isHolding) this.handle?.consume(chunk.length);
  }

  onTrailers(fields: Fields): void {
    this.#enter('onTrailers', ['body']);
    this.#state = 'trailers';
    this.trailers = fields;
  }

  onEnd(): void {
    this.#enter('onEnd', ['body', 'trailers']);
    this.#state = 'over';
    this.#settle.resolve(this);
  }

  onError(error: SessionError | UpstreamError): void {
    this.#enter('onError', ['head', 'body', 'trailers']);
    this.#state = 'over';
    this.error = error;
    this.#settle.resolve(this);
  }

  onRequestConsumed(bytes: number): void {
    expect(this.inside, 'onRequestConsumed from inside').toBe('');
    expect(this.#state, 'onRequestConsumed after the end').not.toBe('over');
    this.requestConsumed += bytes;
  }

  #enter(call: string, allowed: readonly string[]): void {
    expect(this.inside, `${call} from inside`).toBe('');
    expect(allowed, `${call} in state`).toContain(this.#state);
  }
}

/** One session towards `url`, and what its events said. */
export class OpenSession implements SessionEvents, Disposable {
  readonly origin: Origin;
  readonly authority: string;
  /** `room`, `draining goaway`, `closed`, `closed with an error`. */
  readonly events: string[] = [];
  #session: Session | null = null;

  private constructor(url: string) {
    const target = parseTarget(url);
    this.origin = target.origin;
    this.authority = target.authority;
  }

  /** Opens it with `connector`, or with one of its own. */
  static async open(
    url: string,
    options: Partial<OriginOptions> = {},
    connector: Connector | null = null,
  ): Promise<OpenSession> {
    const open = new OpenSession(url);
    const { signal } = new AbortController();
    const clock = new CountingClock();
    const merged = { ...defaults, ...options };
    open.#session = await (connector ?? new Connector({ clock })).connect(open.origin, merged, open, signal);
    expect(clock.pendingTimers, 'timers left by connecting').toBe(0);
    return open;
  }

  get session(): Session {
    return this.#session as Session;
  }

  request(
    path: string,
    options: { method?: string; fields?: Fields; body?: RequestBody; hold?: boolean } = {},
  ): Answer {
    const { method = 'GET', fields = [], body = null, hold = false } = options;
    const { scheme } = this.origin;
    const head: RequestHead = { method, scheme, authority: this.authority, path, fields };
    const answer = new Answer();
    answer.isHolding = hold;
    answer.inside = 'request';
    answer.handle = this.session.request(head, body, answer);
    answer.inside = '';
    return answer;
  }

  onRoom(): void {
    this.events.push('room');
  }

  onDraining(cause: string): void {
    this.events.push(`draining ${cause}`);
  }

  onClosed(error: SessionError | null): void {
    this.events.push(error === null ? 'closed' : 'closed with an error');
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

export interface SendOptions extends Partial<OriginOptions> {
  readonly method?: string;
  readonly fields?: Fields;
  readonly body?: RequestBody;
}

/** An answer, and the facts that the layers noted on its way. */
export class Sent extends Answer {
  readonly facts: Facts = createFacts();
}

/** A registry with a layer or more above it, as the broker composes them. */
export class Upstream implements Disposable {
  readonly clock = new CountingClock();
  readonly registry: Registry;
  readonly #send: Send;

  constructor(
    compose: (send: Send, clock: Clock) => Send = (send) => send,
    network: Omit<ConnectorOptions, 'clock'> = {},
  ) {
    this.registry = new Registry(this.clock, new Connector({ ...network, clock: this.clock }));
    this.#send = compose(checkOutAndSend(this.registry, this.clock), this.clock);
  }

  send(url: string, options: SendOptions = {}): Sent {
    const { method = 'GET', fields = [], body = null, ...rest } = options;
    const { origin, authority, path } = parseTarget(url);
    const startedAt = this.clock.now();
    const merged = { ...defaults, ...rest };
    const answer = new Sent();
    const exchange: Exchange = {
      origin,
      options: merged,
      head: { method, scheme: origin.scheme, authority, path, fields },
      body,
      client: this,
      startedAt,
      deadlineAt: startedAt + merged.timeouts.totalMs,
      facts: answer.facts,
    };
    answer.inside = 'send';
    answer.handle = this.#send(exchange, answer);
    answer.inside = '';
    return answer;
  }

  [Symbol.dispose](): void {
    this.registry.destroy();
  }
}

/** What connecting failed with. */
export async function connectError(
  url: string,
  options: Partial<OriginOptions> = {},
  connector: Connector | null = null,
): Promise<UpstreamError> {
  try {
    using open = await OpenSession.open(url, options, connector);
    throw new Error(`connected to ${formatOrigin(open.origin)}`);
  } catch (error) {
    return error as UpstreamError;
  }
}
