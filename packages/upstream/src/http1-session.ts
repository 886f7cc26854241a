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
import { isIdempotent } from './idempotent.ts';
import { InterimResponses } from './interim-responses.ts';

/** Bytes of a response's field section, as towards the PHP client. */
const maxFieldSectionBytes = 192 * 1024;

/** Lines of a response's field section, as towards the PHP client. */
const maxFieldLines = 1_000;

/** Response body bytes handed over but not consumed before the socket is paused. */
const receiveWindowBytes = 256 * 1024;

/** Wraps a connected socket. The session carries one exchange at a time, and ends with its socket. */
export function openHttp1(socket: Socket, events: SessionEvents): Session {
  return new Http1Session(socket, events);
}

class Http1Session implements Session {
  readonly protocol = 'http/1.1';
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #client: Client;
  readonly #interim: InterimResponses;
  readonly #events: SessionEvents;
  #state: SessionState = 'open';
  #exchange: Http1Exchange | null = null;
  #startedStreams = 0;

  constructor(socket: Socket, events: SessionEvents) {
    const { remoteAddress, remotePort } = socket;
    this.remoteAddress = `${socket.remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    this.#socket = socket;
    this.#events = events;
    this.#interim = new InterimResponses(socket, maxFieldSectionBytes);
    let isTaken = false;
    // The URL means nothing here: the socket is connected, and every request says its own host.
    this.#client = new Client('http://localhost', {
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
        socket.off('readable', this.#terminate);
        // undici drops what resumes it while it is still in the call that connects.
        queueMicrotask(() => callback(null, socket));
      },
    });
    // undici takes the socket with the first request. Until then an origin that speaks or closes is seen only here.
    socket.on('readable', this.#terminate);
    // What it means is told by 'close'; without a listener it would end the process.
    socket.on('error', () => {});
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
    const exchange = new Http1Exchange(head.method, body, sink, this.#socket, this.#ended);
    this.#exchange = exchange;
    this.#interim.expectHead((status, raw) => exchange.onInterim(status, raw));
    const headers = ['host', head.authority];
    for (let i = 0; i + 1 < head.fields.length; i += 2) {
      const name = head.fields[i] as string;
      // No 100 (Continue) is waited for: a client may always send the body at once (RFC 9110 section 10.1.1).
      // TE needs `connection: te` beside it (section 10.1.4), which undici does not send.
      if (name !== 'expect' && name !== 'te') headers.push(name, head.fields[i + 1] as string);
    }
    const method = head.method as Dispatcher.HttpMethod;
    // Without `reset: false` undici closes the connection after a HEAD.
    const request = { path: head.path, method, headers, body: exchange.body, reset: false };
    // undici looks at a kept connection once more before it writes. Where a close that goes unseen could not be made good by
    // a repeat, that look has to be a new one, and not at what this turn of the event loop has been told already.
    if (this.#startedStreams === 1 || isIdempotent(method)) this.#client.dispatch(request, exchange);
    else setImmediate(() => exchange.isOver || this.#client.dispatch(request, exchange));
    return exchange;
  }

  ping(): Promise<number> {
    if (this.#state !== 'closed') return Promise.resolve(0);
    return Promise.reject(new SessionError('session_closed', 'the connection is closed', { processed: 'no' }));
  }

  drain(): void {
    this.#leaveOpen('local');
    if (this.#exchange === null) this.#terminate();
  }

  destroy(error = new SessionError('session_destroyed', 'the session was ended here', { processed: 'maybe' })): void {
    this.#leaveOpen('local');
    this.#exchange?.fail(error);
    this.#terminate();
  }

  /** The exchange is over, and so is the connection if `cause` says by whom it ended. */
  #ended = (cause: 'local' | 'closed' | null): void => {
    this.#exchange = null;
    if (cause !== null) this.#leaveOpen(cause);
    if (this.#state === 'open') this.#events.onRoom();
    else this.#terminate();
  };

  #terminate = (): void => {
    void this.#client.destroy();
    this.#socket.destroy();
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
    const processed = this.#exchange?.hasBegun === false ? 'no' : 'maybe';
    const error = new SessionError('session_closed', 'the origin closed the connection', { processed, cause });
    this.#exchange?.fail(error);
    this.#exchange = null;
    void this.#client.destroy();
    this.#events.onClosed(cause === null || isOrderly(cause) ? null : error);
  }
}

/** undici ends every connection with an error: these are its names for an end that is not one. */
function isOrderly(cause: Error): boolean {
  return (
    cause instanceof errors.InformationalError ||
    cause instanceof errors.ClientDestroyedError ||
    (cause instanceof errors.SocketError && cause.message === 'other side closed')
  );
}

/** undici's dispatch handler on one side, our sink and handle on the other. */
class Http1Exchange implements ExchangeHandle, Dispatcher.DispatchHandler {
  readonly body: Buffer | Readable | null;
  readonly #method: string;
  readonly #sink: ExchangeSink;
  readonly #socket: Socket;
  readonly #ended: (cause: 'local' | 'closed' | null) => void;
  readonly #upload: Readable | null;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;
  #isHeadSeen = false;
  /** The origin takes no more requests on this connection, and does not say so by `connection: close`. */
  #isLast = false;
  #isUploaded: boolean;
  #unconsumedBytes = 0;
  #receivedBytes = 0;
  /** Request body bytes given to the socket and not told yet. */
  #sentBytes = 0;

  constructor(
    method: string,
    body: RequestBody,
    sink: ExchangeSink,
    socket: Socket,
    ended: (cause: 'local' | 'closed' | null) => void,
  ) {
    this.#method = method;
    this.#sink = sink;
    this.#socket = socket;
    this.#ended = ended;
    this.#upload = body === 'stream' ? new Readable({ read() {} }) : null;
    this.#isUploaded = this.#upload === null;
    this.body = this.#upload ?? (body as Buffer | null);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something of it may have been written. */
  get hasBegun(): boolean {
    return this.#controller !== null;
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
    const error = new SessionError('unsupported', message, { processed: 'maybe' });
    queueMicrotask(() => this.fail(error, 'local'));
  }

  consume(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    if (this.#controller?.paused && this.#unconsumedBytes < receiveWindowBytes / 2) queueMicrotask(this.#resume);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#abort();
    this.#ended('local');
  }

  /** Ends the exchange with `error`, unless it is over; `cause` as for the session. */
  fail(error: SessionError, cause: 'local' | 'closed' | null = 'closed'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onError(error);
    this.#abort();
    this.#ended(cause);
  }

  #abort(): void {
    this.#controller?.abort(new errors.RequestAbortedError());
    this.#upload?.destroy();
  }

  /** Gives undici's parser its bytes, and with them the sink: not from inside the sink's own `consume`. */
  #resume = (): void => {
    if (!this.#isOver && this.#unconsumedBytes < receiveWindowBytes) this.#controller?.resume();
  };

  // undici's calls

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new errors.RequestAbortedError());
  }

  onBodySent(chunk: Buffer): void {
    if (this.#upload === null || this.#isOver) return;
    // A chunk may be sent from inside the sink's own `write`.
    if (this.#sentBytes === 0) queueMicrotask(this.#tellSent);
    this.#sentBytes += chunk.length;
  }

  #tellSent = (): void => {
    const bytes = this.#sentBytes;
    this.#sentBytes = 0;
    if (!this.#isOver) this.#sink.onRequestConsumed(bytes);
  };

  onRequestSent(): void {
    this.#isUploaded = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#isOver) return;
    const raw = controller.rawHeaders as Buffer[];
    const error = this.#checkHead(status, raw);
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.#isHeadSeen = true;
    this.#isLast = saysLast(raw);
    this.#sink.onResponse(status, decodeFields(raw));
  }

  /** An interim response, which undici does not see. */
  onInterim(status: number, raw: readonly Buffer[]): void {
    if (this.#isOver) return;
    const error = checkFieldLines(raw);
    if (error === null) this.#sink.onInformational(status, decodeFields(raw));
    else this.fail(error);
  }

  #checkHead(status: number, raw: readonly Buffer[]): SessionError | null {
    // RFC 9110 section 15: a status beyond these is invalid. An interim one comes here only where its head is not in order.
    if (status < 200 || status > 599) {
      return new SessionError('protocol_error', `the answer has the status ${status}`, { processed: 'maybe' });
    }
    return checkFieldLines(raw);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // A parser that is resumed over an empty socket reports a piece of body without octets.
    if (this.#isOver || chunk.length === 0) return;
    this.#receivedBytes += chunk.length;
    this.#unconsumedBytes += chunk.length;
    if (this.#unconsumedBytes >= receiveWindowBytes) controller.pause();
    this.#sink.onData(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) return;
    // undici takes a reset for the end of a body that is delimited by the end of the connection (RFC 9112 section 8).
    if (this.#socket.errored !== null) {
      this.fail(this.#translate(this.#socket.errored));
      return;
    }
    const trailers = (controller.rawTrailers ?? []) as Buffer[];
    const error = checkFieldLines(trailers);
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.#isOver = true;
    if (trailers.length > 0) this.#sink.onTrailers(decodeFields(trailers));
    this.#sink.onEnd();
    // undici decides after this call whether it closes the connection (RFC 9112 section 9.3, or a keep-alive time that is
    // almost over): there is room only after that.
    queueMicrotask(() => {
      // An answer that came before the request was sent whole leaves the connection in the middle of it.
      const isReusable = this.#isUploaded && !this.#isLast && !this.#socket.destroyed;
      this.#ended(isReusable ? null : 'closed');
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    if (this.#isOver) return;
    const error = this.#translate(cause);
    // undici refuses a request it cannot write from inside `dispatch`; the connection is none the worse for it.
    if (this.#controller === null) queueMicrotask(() => this.fail(error, this.#socket.destroyed ? 'closed' : null));
    else this.fail(error);
  }

  #translate(cause: Error): SessionError {
    const processed = this.hasBegun ? 'maybe' : 'no';
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
    // Before the head it is undici's word for a head that contradicts itself about the length.
    if (cause instanceof errors.ResponseContentLengthMismatchError && this.#isHeadSeen) {
      return new SessionError('body_incomplete', 'the body and its content-length disagree', { processed, cause });
    }
    const isRubbish =
      cause instanceof errors.ResponseContentLengthMismatchError ||
      (cause instanceof errors.HTTPParserError && !/EOF/.test(cause.message));
    if (isRubbish || (cause instanceof errors.SocketError && /^bad /.test(cause.message))) {
      return new SessionError('protocol_error', `the answer is not HTTP/1.1 (${cause.message})`, { processed, cause });
    }
    const where = this.#isHeadSeen ? `after ${this.#receivedBytes} bytes of the body` : 'before it answered';
    // A system error or a TLS alert says more: a client certificate that is missing shows only now (TLS 1.3).
    const { code = '' } = cause as { code?: string };
    const reason = code === '' || code.startsWith('UND_ERR_') ? '' : `, ${code}`;
    return new SessionError(
      this.#isHeadSeen ? 'body_incomplete' : 'session_closed',
      `the origin closed the connection ${where} (${this.#method}${reason})`,
      { processed, cause },
    );
  }
}

function checkFieldLines(raw: readonly Buffer[]): SessionError | null {
  const lines = raw.length / 2;
  if (lines <= maxFieldLines) return null;
  const message = `the response has ${lines} field lines; allowed are ${maxFieldLines}`;
  return new SessionError('fields_too_large', message, { processed: 'maybe' });
}

/** The fields that go on, without what concerns this connection alone (RFC 9110 section 7.6.1). */
function decodeFields(raw: readonly Buffer[]): string[] {
  const fields: string[] = [];
  const connectionOptions: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1').toLowerCase();
    const value = decodeValue(raw[i + 1] as Buffer);
    if (name === 'connection') connectionOptions.push(...value.toLowerCase().split(/[\s,]+/));
    else if (!hopByHop.has(name)) fields.push(name, value);
  }
  if (
    connectionOptions.length === 0 ||
    connectionOptions.every((option) => option === 'keep-alive' || option === 'close')
  ) {
    return fields;
  }
  const isKept = (index: number) => !connectionOptions.includes(fields[index - (index % 2)] as string);
  return fields.filter((_, index) => isKept(index));
}

/** `keep-alive: max=0`: how many more requests the origin takes, as Apache httpd says it (RFC 2068 section 19.7.1.1). */
function saysLast(raw: readonly Buffer[]): boolean {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as Buffer;
    if (name.length !== keepAlive.length || name.toString('latin1').toLowerCase() !== keepAlive) continue;
    if (/(^|[\s,;])max\s*=\s*"?0+"?\s*($|[,;])/i.test((raw[i + 1] as Buffer).toString('latin1'))) return true;
  }
  return false;
}

const keepAlive = 'keep-alive';

/** Without the white space after it, which the parser leaves there (RFC 9110 section 5.5). */
function decodeValue(raw: Buffer): string {
  let end = raw.length;
  while (end > 0 && (raw[end - 1] === 0x20 || raw[end - 1] === 0x09)) end--;
  return raw.toString('latin1', 0, end);
}

const hopByHop = new Set(['keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
