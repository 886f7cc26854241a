// One HTTP/1.1 connection as a Session; the only file that knows undici, whose Client does the parsing and writing.

import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import {
  type ExchangeHandle,
  type ExchangeSink,
  type Fields,
  type RequestBody,
  type RequestHead,
  type Session,
  SessionError,
  type SessionEvents,
  type SessionState,
} from '@hawser/http2';
import { Client, type Dispatcher, errors } from 'undici';
import { formatOrigin, type Origin } from './origin.ts';

/** Bytes of a response's field section, as towards the PHP client. */
const maxFieldSectionBytes = 192 * 1024;

/** Response body bytes handed over but not consumed before the socket is paused. */
const receiveWindowBytes = 256 * 1024;

/** Wraps a connected socket. The session carries one exchange at a time, and ends with its socket. */
export function openHttp1(socket: Socket, origin: Origin, events: SessionEvents): Session {
  return new Http1Session(socket, origin, events);
}

class Http1Session implements Session {
  readonly protocol = 'http/1.1';
  readonly remoteAddress: string;
  readonly #client: Client;
  readonly #events: SessionEvents;
  #state: SessionState = 'open';
  #exchange: Http1Exchange | null = null;
  #startedStreams = 0;

  constructor(socket: Socket, origin: Origin, events: SessionEvents) {
    this.remoteAddress = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#events = events;
    let isTaken = false;
    this.#client = new Client(formatOrigin(origin), {
      allowH2: false,
      pipelining: 1,
      // Deadlines are kept above; a kept connection ends when the pool or the origin says so.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 600_000,
      maxHeaderSize: maxFieldSectionBytes,
      connect: (_options, callback) => {
        // undici would open a second connection after the first; a session is one connection.
        if (isTaken) return callback(new Error('the session has ended'), null);
        isTaken = true;
        // undici drops what resumes it while it is still in the call that connects.
        queueMicrotask(() => callback(null, socket));
      },
    });
    socket.once('close', () => {
      this.#leaveOpen('closed');
      // undici hears of it after us, and knows better how far the answer came.
      setImmediate(() => this.#close(socket.errored));
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  get freeStreams(): number {
    return this.#state === 'open' && this.#exchange === null ? 1 : 0;
  }

  get activeStreams(): number {
    return this.#exchange === null ? 0 : 1;
  }

  get startedStreams(): number {
    return this.#startedStreams;
  }

  request(head: RequestHead, body: RequestBody, sink: ExchangeSink): ExchangeHandle {
    if (this.freeStreams === 0)
      throw new SessionError('no_room', 'the HTTP/1.1 connection is busy', { processed: 'no' });
    this.#startedStreams++;
    const exchange = new Http1Exchange(head.method, body, sink, this.#ended);
    this.#exchange = exchange;
    const headers = ['host', head.authority];
    for (let i = 0; i + 1 < head.fields.length; i += 2) {
      const name = head.fields[i] as string;
      // No 100 (Continue) is waited for: a client may always send the body at once (RFC 9110 section 10.1.1).
      if (name !== 'expect') headers.push(name, head.fields[i + 1] as string);
    }
    this.#client.dispatch(
      // Without `reset: false` undici closes the connection after a HEAD.
      { path: head.path, method: head.method as Dispatcher.HttpMethod, headers, body: exchange.body, reset: false },
      exchange,
    );
    return exchange;
  }

  ping(): Promise<number> {
    if (this.#state !== 'closed') return Promise.resolve(0);
    return Promise.reject(new SessionError('session_closed', 'the connection is closed', { processed: 'no' }));
  }

  drain(): void {
    this.#leaveOpen('local');
    if (this.#exchange === null) void this.#client.destroy();
  }

  destroy(error = new SessionError('session_destroyed', 'the session was ended here', { processed: 'maybe' })): void {
    this.#leaveOpen('local');
    this.#exchange?.fail(error);
    void this.#client.destroy();
  }

  #ended = (isReusable: boolean): void => {
    this.#exchange = null;
    if (!isReusable) this.#leaveOpen('closed');
    if (this.#state === 'open') this.#events.onRoom();
    else void this.#client.destroy();
  };

  #leaveOpen(cause: 'local' | 'closed'): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#events.onDraining(cause);
  }

  #close(cause: Error | null): void {
    if (this.#state === 'closed') return;
    this.#leaveOpen('closed');
    this.#state = 'closed';
    const error = new SessionError('session_closed', 'the origin closed the connection', { processed: 'maybe', cause });
    this.#exchange?.fail(error);
    this.#exchange = null;
    void this.#client.destroy();
    this.#events.onClosed(cause === null ? null : error);
  }
}

/** undici's dispatch handler on one side, our sink and handle on the other. */
class Http1Exchange implements ExchangeHandle, Dispatcher.DispatchHandler {
  readonly body: Buffer | Readable | null;
  readonly #method: string;
  readonly #sink: ExchangeSink;
  readonly #ended: (isReusable: boolean) => void;
  readonly #upload: Readable | null;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;
  #isCancelled = false;
  #isReusable = true;
  #isHeadSeen = false;
  #isUploaded: boolean;
  #unconsumedBytes = 0;
  #receivedBytes = 0;

  constructor(method: string, body: RequestBody, sink: ExchangeSink, ended: (isReusable: boolean) => void) {
    this.#method = method;
    this.#sink = sink;
    this.#ended = ended;
    this.#upload = body === 'stream' ? new Readable({ read() {} }) : null;
    this.#isUploaded = this.#upload === null;
    this.body = this.#upload ?? (body as Buffer | null);
  }

  // The handle

  write(chunk: Buffer): void {
    if (!this.#isOver) this.#upload?.push(chunk);
  }

  end(trailers?: Fields): void {
    if (this.#isOver || this.#upload === null) return;
    if (trailers === undefined || trailers.length === 0) {
      this.#upload.push(null);
      return;
    }
    const message = 'request trailers cannot be sent on this HTTP/1.1 session; they need HTTP/2';
    this.#abort();
    queueMicrotask(() => this.fail(new SessionError('unsupported', message, { processed: 'maybe' })));
  }

  consume(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    if (this.#controller?.paused && this.#unconsumedBytes < receiveWindowBytes / 2) this.#controller.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isCancelled = true;
    this.#isOver = true;
    this.#abort();
    this.#ended(false);
  }

  /** Ends the exchange with `error`, unless it is over. */
  fail(error: SessionError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onError(error);
    this.#abort();
    this.#ended(false);
  }

  #abort(): void {
    this.#controller?.abort(new errors.RequestAbortedError());
    this.#upload?.destroy();
  }

  // undici's calls

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isCancelled) controller.abort(new errors.RequestAbortedError());
  }

  onBodySent(chunk: Buffer): void {
    if (this.#upload !== null && !this.#isOver) this.#sink.onRequestConsumed(chunk.length);
  }

  onRequestSent(): void {
    this.#isUploaded = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#isOver) return;
    const { fields, connectionOptions } = decodeFields(controller.rawHeaders as Buffer[]);
    if (status < 200) {
      this.#sink.onInformational(status, fields);
      return;
    }
    this.#isHeadSeen = true;
    // RFC 9112 section 9.6
    if (connectionOptions.includes('close')) this.#isReusable = false;
    this.#sink.onResponse(status, fields);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#receivedBytes += chunk.length;
    this.#unconsumedBytes += chunk.length;
    if (this.#unconsumedBytes >= receiveWindowBytes) controller.pause();
    this.#sink.onData(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const trailers = controller.rawTrailers as Buffer[] | null;
    if (trailers && trailers.length > 0) this.#sink.onTrailers(decodeFields(trailers).fields);
    this.#sink.onEnd();
    // An answer that came before the request was sent whole leaves the connection in the middle of it.
    this.#ended(this.#isReusable && this.#isUploaded);
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    if (this.#isOver) return;
    this.fail(this.#translate(cause));
  }

  #translate(cause: Error): SessionError {
    const processed = this.#controller === null ? 'no' : 'maybe';
    if (cause instanceof errors.InvalidArgumentError || cause instanceof errors.NotSupportedError) {
      return new SessionError('unsupported', cause.message, { processed: 'no', cause });
    }
    if (cause instanceof errors.RequestContentLengthMismatchError) {
      return new SessionError('unsupported', 'the request body and its content-length disagree', { processed, cause });
    }
    if (cause instanceof errors.HeadersOverflowError) {
      const message = `the response's fields are longer than ${maxFieldSectionBytes} bytes`;
      return new SessionError('fields_too_large', message, { processed, cause });
    }
    if (cause instanceof errors.ResponseContentLengthMismatchError) {
      return new SessionError('body_incomplete', 'the body and its content-length disagree', { processed, cause });
    }
    const isRubbish = cause instanceof errors.HTTPParserError && !/EOF/.test(cause.message);
    if (isRubbish || (cause instanceof errors.SocketError && /^bad /.test(cause.message))) {
      return new SessionError('protocol_error', `the answer is not HTTP/1.1 (${cause.message})`, { processed, cause });
    }
    const where = this.#isHeadSeen ? `after ${this.#receivedBytes} bytes of the body` : 'before it answered';
    return new SessionError(
      this.#isHeadSeen ? 'body_incomplete' : 'session_closed',
      `the origin closed the connection ${where} (${this.#method})`,
      { processed, cause },
    );
  }
}

/** The fields that go on, without what concerns this connection alone (RFC 9110 section 7.6.1), and its options. */
function decodeFields(raw: readonly Buffer[]): { fields: string[]; connectionOptions: string[] } {
  const fields: string[] = [];
  const connectionOptions: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1').toLowerCase();
    const value = (raw[i + 1] as Buffer).toString('latin1');
    if (name === 'connection') connectionOptions.push(...value.toLowerCase().split(/[\s,]+/));
    else if (!hopByHop.has(name)) fields.push(name, value);
  }
  if (
    connectionOptions.length === 0 ||
    connectionOptions.every((option) => option === 'keep-alive' || option === 'close')
  ) {
    return { fields, connectionOptions };
  }
  const isKept = (index: number) => !connectionOptions.includes(fields[index - (index % 2)] as string);
  return { fields: fields.filter((_, index) => isKept(index)), connectionOptions };
}

const hopByHop = new Set(['keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
