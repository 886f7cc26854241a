// The engine `node`: the session contract kept by node:http2. Above 300 lines because session and exchange are one state
// machine, and because no other file may import node:http2.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Clock, Timer } from './clock.ts';
import { expectedLength, readFields } from './field-section.ts';
import { expectsContinue, HeldBody } from './held-body.ts';
import type { Http2Options } from './options.ts';
import type {
  ExchangeHandle,
  ExchangeSink,
  Fields,
  RequestBody,
  RequestHead,
  Session,
  SessionEvents,
  SessionState,
} from './session.ts';
import { SessionError } from './session.ts';
import { fromGoaway, fromReset, fromSessionEnd, fromUnsent, http2Code } from './translate-error.ts';

/** Opens a session on a connected socket; see `connectHttp2`. */
export function openNodeSession(
  socket: Socket,
  options: Http2Options,
  events: SessionEvents,
  clock: Clock,
): Promise<Session> {
  return new Promise((resolve, reject) => {
    new NodeSession(socket, options, events, clock, { resolve, reject });
  });
}

interface Opening {
  readonly resolve: (session: Session) => void;
  readonly reject: (error: SessionError) => void;
}

/**
 * - `opening`: waits for the origin's SETTINGS; the caller has no session yet.
 * - `open`, `draining`, `closed`: as the contract says. `lingerTimer` bounds the farewell of a session that is done.
 *   A `closed` session may still wait for its socket; `onClosed` tells that it is gone.
 */
type State =
  | { readonly name: 'opening'; readonly opening: Opening; readonly timer: Timer }
  | { readonly name: 'open' }
  | { readonly name: 'draining'; lingerTimer: Timer | null }
  | { readonly name: 'closed'; readonly error: SessionError | null };

/** Time for the last frames to leave and the origin to close its end, before the socket is destroyed. */
const lingerMs = 1000;

/** Largest frame that nghttp2 takes: SETTINGS_MAX_FRAME_SIZE is left at its initial value. */
const maxFrameSizeBytes = 16 * 1024;

/** Bytes that SETTINGS_MAX_HEADER_LIST_SIZE counts for each line beside name and value (RFC 9113 section 6.5.2). */
const fieldLineOverheadBytes = 32;

/** MiB that nghttp2 may allocate for a session. Node's default of 10 refuses field sections while large bodies are sent. */
const maxSessionMemoryMiB = 64;

/** Bytes of an encoded request field section; nghttp2's default of 64 KiB is below what the wire protocol lets through. */
const maxSendFieldSectionBytes = 512 * 1024;

class NodeSession implements Session {
  readonly protocol = 'h2';
  readonly remoteAddress: string;
  readonly options: Http2Options;
  /** Delivered and not consumed bytes at which a stream's window stops being renewed. */
  readonly pauseAtBytes: number;
  startedStreams = 0;
  readonly #socket: Socket;
  readonly #http2: ClientHttp2Session;
  readonly #events: SessionEvents;
  readonly #clock: Clock;
  readonly #exchanges = new Set<NodeExchange>();
  #state: State;
  #maxConcurrentStreams = 0;
  #goaway: { readonly code: number; readonly lastStreamId: number } | null = null;
  #hasBeenOpen = false;

  constructor(socket: Socket, options: Http2Options, events: SessionEvents, clock: Clock, opening: Opening) {
    this.options = options;
    this.#socket = socket;
    this.#events = events;
    this.#clock = clock;
    this.remoteAddress = formatAddress(socket);
    // The origin may always send a full stream window more than was consumed when renewal stopped, so the two make up the
    // bound together; one frame of it because a frame is delivered whole.
    const initialWindowSize = (options.receiveWindowBytes / 4) * 3;
    this.pauseAtBytes = options.receiveWindowBytes - initialWindowSize - maxFrameSizeBytes;
    // Listening before node:http2 does: whether the transport is gone must be known before its streams report it.
    socket.on('close', () => this.#socketClosed());
    socket.on('end', () => this.#drain('closed'));
    const http2Options: ClientSessionOptions & { strictSingleValueFields: boolean } = {
      createConnection: () => socket,
      settings: {
        enablePush: false,
        initialWindowSize,
        maxHeaderListSize: options.maxFieldSectionBytes + options.maxFieldLines * fieldLineOverheadBytes,
      },
      // nghttp2 resets a stream that has more, with a code that the origin could have sent as well. The exact limit is
      // ours, in readFields, and says what happened.
      maxHeaderListPairs: options.maxFieldLines * 2,
      maxSendHeaderBlockLength: maxSendFieldSectionBytes,
      maxSessionMemory: maxSessionMemoryMiB,
      // Repeats of a field pass as they are: whether they may be is for the two ends to say.
      strictSingleValueFields: false,
    };
    this.#http2 = connect(unusedAuthority, http2Options);
    const timer = clock.setTimeout(() => this.destroy(settingsTimeout(options)), options.settingsTimeoutMs);
    this.#state = { name: 'opening', opening, timer };
    this.#http2.setLocalWindowSize(options.sessionWindowBytes);
    this.#http2.on('remoteSettings', (settings) => this.#takeSettings(settings.maxConcurrentStreams));
    this.#http2.on('goaway', (code, lastStreamId) => this.#takeGoaway(code, lastStreamId));
    this.#http2.on('error', (error) => this.#ended(error));
    this.#http2.once('close', () => this.#closed());
  }

  get state(): SessionState {
    const { name } = this.#state;
    return name === 'opening' ? 'open' : name;
  }

  get activeStreams(): number {
    return this.#exchanges.size;
  }

  get freeStreams(): number {
    if (this.#state.name !== 'open') return 0;
    return Math.max(0, Math.min(this.#maxConcurrentStreams, this.options.maxStreams) - this.#exchanges.size);
  }

  request(head: RequestHead, body: RequestBody, sink: ExchangeSink): ExchangeHandle {
    if (this.freeStreams === 0) {
      throw new SessionError('no_room', `session with ${this.remoteAddress} is ${this.state} and has no free stream`, {
        processed: 'no',
      });
    }
    if (!expectsContinue(head, body)) return this.#exchange(head, body, sink);
    return new HeldBody(body, sink, this.#clock, (streamed, held) => this.#exchange(head, streamed, held));
  }

  #exchange(head: RequestHead, body: RequestBody, sink: ExchangeSink): NodeExchange {
    const stream = this.#start(head, body);
    const exchange = new NodeExchange(this, stream, head.method, sink);
    this.#exchanges.add(exchange);
    this.startedStreams++;
    if (body === 'stream') exchange.expectBody();
    else if (body !== null && body.length > 0) stream.end(body);
    return exchange;
  }

  ping(timeoutMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#http2.destroyed) {
        reject(new SessionError('session_closed', 'PING on a session that has ended', { processed: 'no' }));
        return;
      }
      const timer = this.#clock.setTimeout(() => {
        const message = `no answer to PING from ${this.remoteAddress} within ${timeoutMs} ms`;
        // The session is ended with it, and what runs there may have been processed.
        reject(new SessionError('ping_timeout', message, { processed: 'maybe' }));
      }, timeoutMs);
      this.#http2.ping((error, durationMs) => {
        this.#clock.clearTimeout(timer);
        if (error === null) resolve(durationMs);
        else reject(new SessionError('session_closed', 'the session ended', { processed: 'no', cause: error }));
      });
    });
  }

  drain(): void {
    this.#drain('local');
  }

  destroy(
    error = new SessionError('session_destroyed', `session with ${this.remoteAddress} was ended here`, {
      processed: 'maybe',
    }),
  ): void {
    this.#ended(error);
  }

  /** A stream is gone for good: only now does the origin count it no more. */
  release(exchange: NodeExchange): void {
    this.#exchanges.delete(exchange);
  }

  /** The exchange of a stream that was released has been told. */
  released(): void {
    if (this.freeStreams > 0) this.#events.onRoom();
  }

  /** An exchange has had its last call. */
  finished(): void {
    if (this.#state.name === 'draining') this.#lingerOnceIdle(this.#state);
  }

  /** Why a stream that was reset with `code`, or destroyed with `cause`, ended before its response was whole. */
  errorFor(streamId: number | undefined, code: number, cause: unknown): SessionError {
    const unsent = fromUnsent(cause);
    // The streams of a session learn of its end before its own events say so.
    if (this.#http2.destroyed) this.#ended(cause);
    if (unsent !== null) return unsent;
    if (this.#state.name === 'closed' && this.#state.error !== null) {
      return this.#goawayErrorFor(streamId) ?? this.#state.error;
    }
    return this.#goawayErrorFor(streamId) ?? fromReset(code);
  }

  #start(head: RequestHead, body: RequestBody): ClientHttp2Stream {
    const { method, scheme, authority, path, fields } = head;
    const pseudo = [':method', method, ':scheme', scheme, ':authority', authority, ':path', path];
    try {
      return this.#http2.request(fields.length === 0 ? pseudo : pseudo.concat(fields), streamOptions(body));
    } catch (cause) {
      throw fromUnsent(cause) ?? cause;
    }
  }

  #takeSettings(maxConcurrentStreams: number | undefined): void {
    const freeBefore = this.freeStreams;
    // Absent means without limit (RFC 9113 section 6.5.2).
    this.#maxConcurrentStreams = maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
    if (this.#state.name === 'opening') this.#enter({ name: 'open' });
    else if (this.freeStreams > freeBefore) this.#events.onRoom();
  }

  #takeGoaway(code: number, lastStreamId: number): void {
    this.#goaway = { code, lastStreamId };
    this.#drain('goaway');
    // After this event nghttp2 closes the streams above the last stream id, which `errorFor` then explains; node:http2 goes
    // on with the others for NO_ERROR, and destroys the session for any other code.
  }

  #goawayErrorFor(streamId: number | undefined): SessionError | null {
    if (this.#goaway === null) return null;
    const { code, lastStreamId } = this.#goaway;
    return streamId === undefined || streamId > lastStreamId ? fromGoaway(streamId, lastStreamId, code) : null;
  }

  #drain(cause: 'goaway' | 'local' | 'closed'): void {
    if (this.#state.name !== 'open') return;
    const draining: State = { name: 'draining', lingerTimer: null };
    this.#enter(draining);
    this.#events.onDraining(cause);
    this.#http2.close();
    this.#lingerOnceIdle(draining);
  }

  /**
   * node:http2 ends a closed session whose streams are gone by itself, but then waits for the origin to close its end, for
   * ever. The socket goes as soon as the last frames are written, and if they cannot be, after `lingerMs`.
   */
  #lingerOnceIdle(draining: Extract<State, { name: 'draining' }>): void {
    if (this.#state !== draining || this.#isBusy() || draining.lingerTimer !== null) return;
    draining.lingerTimer = this.#clock.setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.once('finish', () => this.#socket.destroy());
  }

  /** Whether a sink still waits; a cancelled stream may stay until its RST_STREAM could be written. */
  #isBusy(): boolean {
    for (const exchange of this.#exchanges) if (!exchange.isOver) return true;
    return false;
  }

  #socketClosed(): void {
    // If node:http2 has ended the session, its `close` event follows and tells why.
    if (!this.#http2.destroyed) this.#ended(null);
  }

  /** The session is over: by `destroy`, by an error of the socket or the protocol, or because the socket closed. */
  #ended(cause: unknown): void {
    if (this.#state.name === 'closed') return;
    const before = this.#state;
    const isOrderly = before.name === 'draining' && (cause ?? null) === null && !this.#isBusy();
    const error = isOrderly ? null : fromSessionEnd(cause, this.#goaway?.code ?? null);
    this.#enter({ name: 'closed', error });
    if (before.name === 'open') this.#events.onDraining('closed');
    if (error !== null) {
      for (const exchange of this.#exchanges) {
        exchange.sessionEnded(this.#goawayErrorFor(exchange.streamId) ?? error);
      }
    }
    this.#http2.destroy(undefined, http2Code.NO_ERROR);
    // GOAWAY is in the kernel by the next turn, or the origin does not read and will not get it.
    setImmediate(() => this.#socket.destroy());
    if (before.name === 'opening') before.opening.reject(unprocessed(error));
  }

  /** The last event of node:http2: socket and streams are gone. */
  #closed(): void {
    this.#ended(null);
    if (this.#hasBeenOpen && this.#state.name === 'closed') this.#events.onClosed(this.#state.error);
  }

  #enter(next: State): void {
    const before = this.#state;
    switch (before.name) {
      case 'opening':
        this.#clock.clearTimeout(before.timer);
        break;
      case 'draining':
        if (before.lingerTimer !== null) this.#clock.clearTimeout(before.lingerTimer);
        break;
      case 'open':
      case 'closed':
        break;
    }
    this.#state = next;
    if (before.name === 'opening' && next.name === 'open') {
      this.#hasBeenOpen = true;
      before.opening.resolve(this);
    }
  }
}

/** What a stream shows of itself beside node:http2's own type. */
interface ExchangeStream extends ClientHttp2Stream {
  [exchangeOf]: NodeExchange;
}

/** On the stream, so that its listeners are functions made once and not once per exchange. */
const exchangeOf = Symbol('exchange');

/**
 * One exchange. Body octets are taken where node:http2 hands them to its stream, not from the stream's buffer: so whatever
 * came is with the sink, and a response that is whole is told as whole even if the session ends with it.
 */
class NodeExchange implements ExchangeHandle {
  readonly #session: NodeSession;
  readonly #stream: ClientHttp2Stream;
  readonly #method: string;
  /** Null once it has had its last call. */
  #sink: ExchangeSink | null;
  #hasHead = false;
  /** What came before the head was told: node:http2 tells a head one tick after it came. */
  #early: Buffer[] | null = null;
  #receivedBytes = 0;
  /** By content-length; -1: unknown. */
  #expectedBytes = -1;
  #unconsumedBytes = 0;
  #isPaused = false;
  /** The origin ended the response by END_STREAM; without it, an end is a reset. */
  #isWhole = false;
  #responseTrailers: readonly string[] | null = null;
  #requestTrailers: Fields | null = null;
  /** Lengths of the body chunks that node:http2 has not let go of, oldest first. */
  #writtenBytes: number[] | null = null;
  #cause: unknown = null;

  constructor(session: NodeSession, stream: ClientHttp2Stream, method: string, sink: ExchangeSink) {
    this.#session = session;
    this.#stream = stream;
    this.#method = method;
    this.#sink = sink;
    (stream as ExchangeStream)[exchangeOf] = this;
    stream.push = onPush;
    stream.on('headers', onHeaders);
    stream.on('response', onResponse);
    stream.on('trailers', onTrailers);
    stream.on('end', onEnd);
    stream.on('error', onError);
    stream.on('close', onClose);
    stream.resume();
  }

  get isOver(): boolean {
    return this.#sink === null;
  }

  get streamId(): number | undefined {
    return this.#stream.id;
  }

  /** The body comes by `write` and `end`. */
  expectBody(): void {
    this.#writtenBytes = [];
    this.#stream.on('wantTrailers', onWantTrailers);
  }

  write(chunk: Buffer): void {
    if (this.#sink === null || this.#writtenBytes === null || this.#stream.writableEnded) return;
    this.#writtenBytes.push(chunk.length);
    this.#stream.write(chunk, () => this.#written());
  }

  end(trailers: Fields = []): void {
    if (this.#sink === null || this.#stream.writableEnded) return;
    this.#requestTrailers = trailers;
    this.#stream.end();
  }

  consume(bytes: number): void {
    this.#unconsumedBytes -= bytes;
    if (!this.#isPaused || this.#unconsumedBytes >= this.#session.pauseAtBytes) return;
    this.#isPaused = false;
    // Readable's own way to ask for more; node:http2 then renews the window by what came meanwhile.
    if (!this.#stream.destroyed) this.#stream._read(0);
  }

  cancel(): void {
    if (this.#sink === null) return;
    this.#sink = null;
    this.#stream.close(http2Code.CANCEL);
    this.#session.finished();
  }

  /** Ends the exchange with an error and the stream with CANCEL. */
  fail(error: SessionError): void {
    const sink = this.#sink;
    if (sink === null) return;
    this.#sink = null;
    this.#stream.close(http2Code.CANCEL);
    sink.onError(error);
    this.#session.finished();
  }

  /** The session is over. A response that is whole has still to be told, by `end` or `close` of the stream. */
  sessionEnded(error: SessionError): void {
    if (!this.#isWhole) this.fail(error);
  }

  pushed(chunk: Buffer): boolean {
    const sink = this.#sink;
    if (sink === null) return true;
    this.#receivedBytes += chunk.length;
    this.#unconsumedBytes += chunk.length;
    if (this.#hasHead) sink.onData(chunk);
    else if (this.#early === null) this.#early = [chunk];
    else this.#early.push(chunk);
    this.#isPaused = this.#unconsumedBytes >= this.#session.pauseAtBytes;
    return !this.#isPaused;
  }

  /** The readable side ends: by END_STREAM, unless the stream is closed already. */
  pushedEnd(): void {
    if (!this.#stream.closed) this.#isWhole = true;
  }

  informational(status: number, raw: readonly string[]): void {
    if (this.#hasHead) return;
    const fields = this.#read(raw);
    if (fields !== null) this.#sink?.onInformational(status, fields);
  }

  response(status: number, raw: readonly string[]): void {
    const fields = this.#read(raw);
    if (fields === null) return;
    this.#hasHead = true;
    this.#expectedBytes = expectedLength(this.#method, status, fields);
    this.#sink?.onResponse(status, fields);
    const early = this.#early;
    this.#early = null;
    if (early !== null) for (const chunk of early) this.#sink?.onData(chunk);
  }

  trailers(raw: readonly string[]): void {
    this.#responseTrailers = raw;
  }

  ended(): void {
    if (!this.#isWhole || !this.#hasHead) return;
    const trailers = this.#responseTrailers === null ? null : this.#read(this.#responseTrailers);
    if (trailers !== null) this.#sink?.onTrailers(trailers);
    const sink = this.#sink;
    if (sink === null) return;
    this.#sink = null;
    sink.onEnd();
    this.#session.finished();
    // RFC 9113 section 8.1: what is left of a request is of no use to an origin that has answered it. `close` would wait
    // for the very octets that the origin may not take; `destroy` resets with NO_ERROR at once.
    if (!this.#stream.writableFinished && !this.#stream.closed) this.#stream.destroy();
  }

  failed(cause: unknown): void {
    this.#cause = cause;
  }

  closed(): void {
    this.#session.release(this);
    this.ended();
    if (this.#sink !== null) this.fail(this.#closeError());
    this.#session.released();
  }

  wantTrailers(): void {
    const record: Record<string, string[]> = {};
    const trailers = this.#requestTrailers ?? [];
    for (let i = 0; i < trailers.length; i += 2) {
      const name = trailers[i] as string;
      record[name] = [...(record[name] ?? []), trailers[i + 1] as string];
    }
    try {
      this.#stream.sendTrailers(record);
    } catch (cause) {
      const message = 'the request trailers cannot be sent';
      this.fail(fromUnsent(cause) ?? new SessionError('unsupported', message, { processed: 'maybe', cause }));
    }
  }

  #read(raw: readonly string[]): Fields | null {
    try {
      return readFields(raw, this.#session.options);
    } catch (error) {
      this.fail(error as SessionError);
      return null;
    }
  }

  #written(): void {
    const bytes = this.#writtenBytes?.shift() ?? 0;
    this.#sink?.onRequestConsumed(bytes);
  }

  #closeError(): SessionError {
    const error = this.#session.errorFor(this.#stream.id, this.#stream.rstCode, this.#cause);
    // nghttp2 itself resets a stream whose body and content-length disagree, with the code that an origin could send too.
    if (error.http2Code !== 'PROTOCOL_ERROR' || error.code !== 'stream_reset' || this.#expectedBytes < 0) return error;
    const message = `content-length said ${this.#expectedBytes} bytes; the stream ended with ${this.#receivedBytes}`;
    return new SessionError('body_incomplete', message, {
      processed: 'maybe',
      http2Code: error.http2Code,
      cause: error,
    });
  }
}

function onPush(this: ExchangeStream, chunk: Buffer | null): boolean {
  if (chunk !== null) return this[exchangeOf].pushed(chunk);
  this[exchangeOf].pushedEnd();
  return Readable.prototype.push.call(this, null);
}

function onHeaders(this: ExchangeStream, headers: IncomingHttpHeaders, _flags: number, raw: string[]): void {
  this[exchangeOf].informational(Number(headers[':status']), raw);
}

function onResponse(this: ExchangeStream, headers: IncomingHttpHeaders, _flags: number, raw: string[]): void {
  this[exchangeOf].response(Number(headers[':status']), raw);
}

function onTrailers(this: ExchangeStream, _headers: IncomingHttpHeaders, _flags: number, raw: string[]): void {
  this[exchangeOf].trailers(raw);
}

function onEnd(this: ExchangeStream): void {
  this[exchangeOf].ended();
}

function onError(this: ExchangeStream, error: unknown): void {
  this[exchangeOf].failed(error);
}

function onClose(this: ExchangeStream): void {
  this[exchangeOf].closed();
}

function onWantTrailers(this: ExchangeStream): void {
  this[exchangeOf].wantTrailers();
}

const bodiless = Object.freeze({ endStream: true });
const wholeBody = Object.freeze({ endStream: false });
/** With trailers possible the last DATA frame is empty; a body that comes in pieces pays that, a whole one does not. */
const streamedBody = Object.freeze({ endStream: false, waitForTrailers: true });

function streamOptions(body: RequestBody): { endStream: boolean; waitForTrailers?: boolean } {
  if (body === 'stream') return streamedBody;
  return body === null || body.length === 0 ? bodiless : wholeBody;
}

/** node:http2 wants one to begin with; each request says its own. */
const unusedAuthority = new URL('https://unused.invalid');

function formatAddress(socket: Socket): string {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function settingsTimeout(options: Http2Options): SessionError {
  return new SessionError('protocol_error', `the origin sent no SETTINGS within ${options.settingsTimeoutMs} ms`, {
    processed: 'no',
    http2Code: 'SETTINGS_TIMEOUT',
  });
}

/** Before the first SETTINGS nothing was requested, so whatever went wrong, nothing was processed. */
function unprocessed(error: SessionError | null): SessionError {
  const { code, message, http2Code: name, cause } = error ?? fromSessionEnd(null, null);
  return new SessionError(code, message, { processed: 'no', ...(name === null ? {} : { http2Code: name }), cause });
}
