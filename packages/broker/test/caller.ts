// A client of the broker for tests that run many exchanges: each call gathers what its exchange hears, frame by frame.

import {
  type ClientFrame,
  type ErrorFrame,
  type ExchangeFacts,
  type Fields,
  type Frame,
  FrameType,
} from '@hawser/protocol';
import { hello, RawClient } from '@hawser/testkit';

export interface CallOptions {
  readonly fields?: Fields;
  /** A body that is whole, or `'stream'` for one that comes by `write` and `end`. Default: none. */
  readonly body?: string | Buffer | 'stream';
  readonly timeoutMs?: number;
}

/** Far beyond what any exchange of these tests takes, and within the time limit of a test. */
const endsWithinMs = 12_000;

export class Caller implements Disposable {
  readonly raw: RawClient;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;

  private constructor(raw: RawClient) {
    this.raw = raw;
    raw.onFrame = (frame) => this.#take(frame);
  }

  static async connect(path: string): Promise<Caller> {
    const caller = new Caller(await RawClient.connect(path));
    caller.raw.send(hello());
    return caller;
  }

  start(method: string, url: string, options: CallOptions = {}): Call {
    const { fields = [], body, timeoutMs = 0 } = options;
    const exchangeId = ++this.#lastId;
    const call = new Call(exchangeId, this.raw);
    this.#calls.set(exchangeId, call);
    const end = body !== 'stream';
    const whole = body === undefined || body === 'stream' ? null : Buffer.from(body);
    this.raw.send({ type: FrameType.request, exchangeId, end, timeoutMs, method, url, fields, body: whole });
    return call;
  }

  [Symbol.dispose](): void {
    this.raw[Symbol.dispose]();
  }

  #take(frame: Frame): boolean {
    const call = 'exchangeId' in frame ? this.#calls.get(frame.exchangeId) : undefined;
    if (call === undefined) return false;
    if (call.take(frame)) this.#calls.delete(call.id);
    return true;
  }
}

/** One exchange, as far as it has come. */
export class Call {
  readonly id: number;
  readonly informational: { readonly status: number; readonly fields: Fields }[] = [];
  status = 0;
  fields: Fields = [];
  body: Buffer = Buffer.alloc(0);
  trailers: Fields = [];
  error: ErrorFrame | null = null;
  facts: ExchangeFacts | null = null;
  /** Request body bytes that the broker has asked for beyond the first window. */
  grantedBytes = 0;
  isOver = false;
  readonly #raw: RawClient;
  readonly #ended = Promise.withResolvers<Call>();

  constructor(id: number, raw: RawClient) {
    this.id = id;
    this.#raw = raw;
  }

  /** Resolves when the exchange has ended, by an answer that is whole or an error. */
  get ended(): Promise<Call> {
    const timer = setTimeout(() => {
      this.#ended.reject(new Error(`exchange ${this.id} has not ended; so far: ${JSON.stringify(this.outcome)}`));
    }, endsWithinMs);
    return this.#ended.promise.finally(() => clearTimeout(timer));
  }

  /** What a caller acts on, in one comparable piece. */
  get outcome(): { status: number; body: string; error: string | null; processed: string | null; attempts: number } {
    return {
      status: this.status,
      body: this.body.toString('latin1'),
      error: this.error?.name ?? null,
      processed: this.error?.processed ?? null,
      attempts: this.facts?.attempts ?? 0,
    };
  }

  field(name: string): string | undefined {
    const at = this.fields.findIndex((part, index) => index % 2 === 0 && part === name);
    return at < 0 ? undefined : this.fields[at + 1];
  }

  write(chunk: string | Buffer): void {
    this.#send({ type: FrameType.data, exchangeId: this.id, payload: Buffer.from(chunk) });
  }

  end(trailers: Fields = []): void {
    this.#send({ type: FrameType.end, exchangeId: this.id, trailers, facts: null });
  }

  cancel(): void {
    this.#send({ type: FrameType.cancel, exchangeId: this.id });
  }

  /** Takes a frame of this exchange; true if it was the last. */
  take(frame: Frame): boolean {
    switch (frame.type) {
      case FrameType.informational:
        this.informational.push({ status: frame.status, fields: frame.fields });
        return false;
      case FrameType.response:
        this.status = frame.status;
        this.fields = frame.fields;
        this.facts = frame.facts;
        if (frame.body !== null) this.body = frame.body;
        return frame.end && this.#finish();
      case FrameType.data:
        this.body = Buffer.concat([this.body, frame.payload]);
        this.#send({ type: FrameType.window, exchangeId: this.id, increment: frame.payload.length });
        return false;
      case FrameType.end:
        this.trailers = frame.trailers;
        this.facts = frame.facts;
        return this.#finish();
      case FrameType.error:
        this.error = frame;
        this.facts = frame.facts;
        return this.#finish();
      case FrameType.window:
        this.grantedBytes += frame.increment;
        return false;
      default:
        throw new Error(`frame type ${frame.type} for exchange ${this.id}`);
    }
  }

  #finish(): true {
    this.isOver = true;
    this.#ended.resolve(this);
    return true;
  }

  #send(frame: ClientFrame): void {
    this.#raw.send(frame);
  }
}
