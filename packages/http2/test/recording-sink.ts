// A sink that writes down what it hears, and complains about what the contract forbids.

import type { ExchangeHandle, ExchangeSink, Fields, SessionError } from '@hawser/http2';

export interface Outcome {
  readonly status: number;
  readonly fields: Fields;
  readonly informational: readonly { readonly status: number; readonly fields: Fields }[];
  readonly trailers: Fields | null;
  readonly body: Buffer;
  readonly error: SessionError | null;
}

export class RecordingSink implements ExchangeSink {
  /** Names of the calls, in order; runs of onData and of onRequestConsumed count as one. */
  readonly calls: string[] = [];
  /** Calls that the contract forbids. */
  readonly violations: string[] = [];
  readonly informational: { status: number; fields: Fields }[] = [];
  readonly done: Promise<Outcome>;
  /** Given by the test as soon as it has it; with it, the sink consumes what it gets. */
  handle: ExchangeHandle | null = null;
  /** Whether body bytes are consumed as they come; default true. */
  consumes: boolean;
  /** False: body bytes are counted only. */
  keepsBody = true;
  receivedBytes = 0;
  consumedBytes = 0;
  status = 0;
  fields: Fields = [];
  trailers: Fields | null = null;
  error: SessionError | null = null;
  /** Set by the test after `cancel`. */
  isCancelled = false;
  /** Set by the test around calls into the session: no call may come meanwhile. */
  isInsideCall = false;
  readonly #chunks: Buffer[] = [];
  #isOver = false;
  #resolve: (outcome: Outcome) => void = () => {};

  constructor(options: { consumes?: boolean } = {}) {
    this.consumes = options.consumes ?? true;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  onInformational(status: number, fields: Fields): void {
    this.#called('onInformational');
    this.informational.push({ status, fields });
  }

  onResponse(status: number, fields: Fields): void {
    this.#called('onResponse');
    this.status = status;
    this.fields = fields;
  }

  onData(chunk: Buffer): void {
    this.#called('onData');
    this.receivedBytes += chunk.length;
    if (this.keepsBody) this.#chunks.push(chunk);
    if (this.consumes) this.handle?.consume(chunk.length);
  }

  onTrailers(fields: Fields): void {
    this.#called('onTrailers');
    this.trailers = fields;
  }

  onEnd(): void {
    this.#called('onEnd');
    this.#finish();
  }

  onError(error: SessionError): void {
    this.#called('onError');
    this.error = error;
    this.#finish();
  }

  onRequestConsumed(bytes: number): void {
    this.#called('onRequestConsumed');
    this.consumedBytes += bytes;
  }

  /** `[name, value, …]` → the first value of `name`. */
  field(name: string): string | undefined {
    for (let i = 0; i < this.fields.length; i += 2) if (this.fields[i] === name) return this.fields[i + 1];
    return undefined;
  }

  #called(name: string): void {
    if (this.#isOver) this.violations.push(`${name} after the last call`);
    if (this.isCancelled) this.violations.push(`${name} after cancel`);
    if (this.isInsideCall) this.violations.push(`${name} from inside a call`);
    const mayRepeat = name === 'onData' || name === 'onRequestConsumed';
    if (!mayRepeat || this.calls.at(-1) !== name) this.calls.push(name);
  }

  #finish(): void {
    this.#isOver = true;
    const { status, fields, informational, trailers, error } = this;
    this.#resolve({ status, fields, informational, trailers, error, body: Buffer.concat(this.#chunks) });
  }
}
