// The engine `native`: the session contract kept by HTTP/2 framing of our own (RFC 9113). Above 500 lines because a session
// is one state machine over its frames; what has a noun of its own (frames, fields, windows, streams) has a file of its own.

import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import { fieldsTooLarge } from '../field-section.ts';
import { expectsContinue, HeldBody } from '../held-body.ts';
import type { Http2Options } from '../options.ts';
import type {
  ExchangeHandle,
  ExchangeSink,
  Fields,
  RequestBody,
  RequestHead,
  Session,
  SessionEvents,
  SessionState,
} from '../session.ts';
import { SessionError } from '../session.ts';
import {
  fromGoaway,
  fromReset,
  fromSessionEnd,
  fromStreamViolation,
  fromViolation,
  type Http2CodeName,
  http2Code,
} from '../translate-error.ts';
import { ClosedStreams } from './closed-streams.ts';
import { ConnectionError } from './connection-error.ts';
import { FieldBlock } from './field-block.ts';
import {
  frameFlag,
  frameHeaderBytes,
  frameType,
  initialMaxFrameBytes,
  initialWindowBytes,
  max31,
  preface,
  readUint31,
  readUint32,
  writeFrameHeader,
} from './frame.ts';
import { FrameReader, type FrameReceiver } from './frame-reader.ts';
import { HpackDecoder, HpackEncoder, HpackError } from './hpack/index.ts';
import { FrameBudgets, type Http2Limits } from './limits.ts';
import { Output, type OutputOwner } from './output.ts';
import { Pings } from './pings.ts';
import { ReceiveWindows } from './receive-windows.ts';
import { RequestFieldChecker } from './request-fields.ts';
import { ResponseFieldReader, type ResponseFields } from './response-fields.ts';
import { SendQueue } from './send-queue.ts';
import { OriginSettings, ownSettings } from './settings.ts';
import { NativeStream, type StreamOwner } from './stream.ts';

/** Opens a session on a connected socket; see `connectHttp2`. */
export function openNativeSession(
  socket: Socket,
  options: Http2Options,
  limits: Http2Limits,
  events: SessionEvents,
  clock: Clock,
): Promise<Session> {
  return new Promise((resolve, reject) => {
    new NativeSession(socket, options, limits, events, clock, { resolve, reject });
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

/** Time for the last frames to leave, before the socket is destroyed. */
const lingerMs = 1000;

/** Time for an origin whose responses we broke off to close its end. */
const leaveMs = 250;

/** Bytes that SETTINGS_MAX_HEADER_LIST_SIZE counts for each line beside name and value (RFC 9113 section 6.5.2). */
const fieldLineOverheadBytes = 32;

/** SETTINGS_HEADER_TABLE_SIZE, which we leave at its initial value (RFC 9113 section 6.5.2). */
const headerTableBytes = 4096;

class NativeSession implements Session, FrameReceiver, StreamOwner, OutputOwner {
  readonly protocol = 'h2';
  readonly remoteAddress: string;
  startedStreams = 0;
  readonly #socket: Socket;
  readonly #options: Http2Options;
  readonly #limits: Http2Limits;
  readonly #events: SessionEvents;
  readonly #clock: Clock;
  #state: State;
  #hasBeenOpen = false;
  #goaway: { readonly code: number; readonly lastStreamId: number } | null = null;
  readonly #streams = new Map<number, NativeStream>();
  readonly #closedStreams = new ClosedStreams();
  #nextStreamId = 1;
  /** A stream ended since `onRoom` was last told. */
  #hasNewRoom = false;

  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #block: FieldBlock;
  readonly #responses = new ResponseFieldReader();
  readonly #origin = new OriginSettings();
  #hasOriginSettings = false;
  /** When our SETTINGS left, which the origin has not acknowledged; null: it has. */
  #settingsSentAt: number | null;
  /** The stream of the DATA frame that is being read; null: nobody wants its body. */
  #reading: NativeStream | null = null;
  #endsReading = false;
  readonly #windows: ReceiveWindows;

  readonly #output: Output;
  readonly #encoder = new HpackEncoder();
  readonly #requests = new RequestFieldChecker();
  readonly #queue = new SendQueue();
  readonly #pings: Pings;
  #sendWindow = initialWindowBytes;
  #isFlushing = false;
  /** Errors found inside a handle's call, to be told outside of it. */
  #refused: { readonly stream: NativeStream; readonly error: SessionError }[] = [];

  readonly #budgets: FrameBudgets;

  constructor(
    socket: Socket,
    options: Http2Options,
    limits: Http2Limits,
    events: SessionEvents,
    clock: Clock,
    opening: Opening,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#limits = limits;
    this.#events = events;
    this.#clock = clock;
    this.remoteAddress = formatAddress(socket);
    const { maxFieldLines, maxFieldSectionBytes, receiveWindowBytes } = options;
    const maxHeaderListBytes = maxFieldSectionBytes + maxFieldLines * fieldLineOverheadBytes;
    this.#reader = new FrameReader(this);
    this.#decoder = new HpackDecoder({ maxTableBytes: headerTableBytes, maxFieldLines, maxFieldSectionBytes });
    const { maxContinuationFrames, maxFieldBlockBytes } = limits;
    this.#block = new FieldBlock({ maxContinuationFrames, maxBytes: maxFieldBlockBytes ?? 2 * maxHeaderListBytes });
    this.#pings = new Pings(clock);
    this.#budgets = new FrameBudgets(limits, clock);
    this.#windows = new ReceiveWindows(options, clock);
    const timer = clock.setTimeout(() => this.#settingsMissing(), options.settingsTimeoutMs);
    this.#settingsSentAt = clock.now();
    this.#state = { name: 'opening', opening, timer };
    this.#output = new Output(socket, this);
    this.#output.raw(Buffer.from(preface));
    this.#output.settings(ownSettings(receiveWindowBytes, maxHeaderListBytes));
    if (this.#windows.sessionHeadStart > 0) this.#output.windowUpdate(0, this.#windows.sessionHeadStart);
    this.#output.flush();
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#originEnded());
    socket.on('error', (error) => this.#end(error, http2Code.NO_ERROR));
    socket.on('close', () => this.#closed());
  }

  // The contract

  get state(): SessionState {
    const { name } = this.#state;
    return name === 'opening' ? 'open' : name;
  }

  get activeStreams(): number {
    return this.#streams.size;
  }

  get freeStreams(): number {
    if (this.#state.name !== 'open' || this.#nextStreamId > max31) return 0;
    return Math.max(0, Math.min(this.#origin.maxConcurrentStreams, this.#options.maxStreams) - this.#streams.size);
  }

  request(head: RequestHead, body: RequestBody, sink: ExchangeSink): ExchangeHandle {
    if (this.freeStreams === 0) {
      throw new SessionError('no_room', `session with ${this.remoteAddress} is ${this.state} and has no free stream`, {
        processed: 'no',
      });
    }
    const complaint = this.#requests.complaintAboutHead(head);
    if (complaint !== null) throw unsupported(`the request was not sent: ${complaint}`, 'no');
    if (!expectsContinue(head, body)) return this.#start(head, body, sink);
    return new HeldBody(body, sink, this.#clock, (streamed, held) => this.#start(head, streamed, held));
  }

  #start(head: RequestHead, body: RequestBody, sink: ExchangeSink): NativeStream {
    const id = this.#nextStreamId;
    this.#nextStreamId += 2;
    const isStreamed = body === 'stream';
    const { initialWindowBytes: sendWindow } = this.#origin;
    const { receiveWindowBytes } = this.#options;
    const isHead = head.method === 'HEAD';
    const stream = new NativeStream(this, id, sink, isHead, isStreamed, sendWindow, receiveWindowBytes);
    if (body !== null && body !== 'stream' && body.length > 0) {
      stream.add(body);
      this.#queue.push(stream);
    }
    stream.hasSentEnd = !isStreamed && stream.pendingBytes === 0;
    this.#streams.set(id, stream);
    this.startedStreams++;
    this.#budgets.reset.earn(1);
    if (this.#streams.size === 1) {
      // A lone exchange waits for nobody; one beside others, for those that may join its write.
      this.#isFlushing = true;
      process.nextTick(this.#flush);
    }
    const at = this.#output.reserve(frameHeaderBytes + roomForBlock(this.#encoder.maxEncodedBytes(head)));
    const end = this.#encoder.encodeRequest(head, this.#output.bytes, at + frameHeaderBytes);
    this.#commitBlock(stream, at, end);
    return stream;
  }

  ping(timeoutMs: number): Promise<number> {
    if (this.isClosed) {
      return Promise.reject(
        new SessionError('session_closed', 'PING on a session that has ended', { processed: 'no' }),
      );
    }
    return this.#pings.send(timeoutMs, this.remoteAddress, (payload) => this.#output.ping(0, payload, 0));
  }

  drain(): void {
    this.#drain('local');
  }

  destroy(
    error = new SessionError('session_destroyed', `session with ${this.remoteAddress} was ended here`, {
      processed: 'maybe',
    }),
  ): void {
    this.#end(error, http2Code.NO_ERROR);
  }

  // What streams ask for

  queueBody(stream: NativeStream): void {
    if (stream.sendWindow <= 0) return;
    this.#queue.push(stream);
    this.outputWaits();
  }

  sendEnd(stream: NativeStream): void {
    stream.hasSentEnd = true;
    const { trailers } = stream;
    if (trailers === null) {
      const at = this.#output.reserve(frameHeaderBytes);
      this.#output.commit(writeFrameHeader(this.#output.bytes, at, 0, frameType.DATA, frameFlag.END_STREAM, stream.id));
      return;
    }
    stream.trailers = null;
    const at = this.#output.reserve(frameHeaderBytes + roomForBlock(this.#encoder.maxEncodedTrailerBytes(trailers)));
    this.#commitBlock(stream, at, this.#encoder.encodeTrailers(trailers, this.#output.bytes, at + frameHeaderBytes));
  }

  trailersComplaint(trailers: Fields): string | null {
    return this.#requests.complaintAboutFields(trailers);
  }

  refuseTrailers(stream: NativeStream, what: string): void {
    this.#refused.push({ stream, error: unsupported(`the request trailers cannot be sent: ${what}`, 'maybe') });
    this.outputWaits();
  }

  renewWindow(stream: NativeStream): void {
    this.#output.windowUpdate(stream.id, this.#windows.renew(stream));
  }

  cancel(stream: NativeStream): void {
    // What the origin had sent before it knows is late, and no fault of its own.
    this.#budgets.ignored.earn(2);
    this.#forget(stream, http2Code.CANCEL);
  }

  // Sending

  outputWaits(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // After the poll phase: what all sockets brought in this turn of the event loop shares one write.
    setImmediate(this.#flush);
  }

  outputLeft(): void {
    // At once, so that the wire does not wait for the turn's end. A flush that is due anyway will do.
    if (!this.#queue.isEmpty && !this.#isFlushing && !this.isClosed && !this.#output.isFull) {
      this.#isFlushing = true;
      this.#flush();
    }
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    if (this.isClosed) return;
    for (const { stream, error } of this.#refused.splice(0)) this.#fail(stream, error, http2Code.CANCEL);
    this.#sendBodies();
    if (this.isClosed) return;
    this.#output.flush();
    if (this.#output.controlBytes > this.#limits.maxQueuedControlBytes) {
      const message = `the origin does not read: ${this.#output.controlBytes} bytes of frames wait for it`;
      this.#end(fromViolation('ENHANCE_YOUR_CALM', message), http2Code.ENHANCE_YOUR_CALM);
      return;
    }
    this.#settle();
  };

  #sendBodies(): void {
    while (this.#sendWindow > 0 && !this.#output.isFull) {
      const stream = this.#queue.shift();
      if (stream === null) return;
      if (stream.sendWindow > 0) this.#sendBody(stream);
      if (this.isClosed) return;
    }
  }

  /** One frame of a stream's body; the stream has some, and windows have room. */
  #sendBody(stream: NativeStream): void {
    const count = Math.min(stream.pendingBytes, initialMaxFrameBytes, stream.sendWindow, this.#sendWindow);
    const at = this.#output.reserve(frameHeaderBytes + count, stream.pendingBytes - count);
    const isLast = count === stream.pendingBytes && stream.hasEnded;
    const flags = isLast && stream.trailers === null ? frameFlag.END_STREAM : 0;
    const { bytes } = this.#output;
    const start = writeFrameHeader(bytes, at, count, frameType.DATA, flags, stream.id);
    stream.take(count, bytes, start);
    this.#output.commit(start + count);
    stream.sendWindow -= count;
    this.#sendWindow -= count;
    this.#budgets.window.earn(count / 1024);
    if (flags !== 0) stream.hasSentEnd = true;
    else if (isLast) this.sendEnd(stream);
    if (stream.pendingBytes > 0 && stream.sendWindow > 0) this.#queue.push(stream);
    if (stream.isStreamed) stream.sink?.onRequestConsumed(count);
  }

  /** Writes the headers of the frames that carry the block encoded behind `at`, and ends the stream with it if it does. */
  #commitBlock(stream: NativeStream, at: number, end: number): void {
    const { bytes } = this.#output;
    const length = end - at - frameHeaderBytes;
    const endStream = stream.hasSentEnd ? frameFlag.END_STREAM : 0;
    if (length <= initialMaxFrameBytes) {
      writeFrameHeader(bytes, at, length, frameType.HEADERS, frameFlag.END_HEADERS | endStream, stream.id);
      this.#output.commit(end);
      return;
    }
    // The parts move back to make room for the headers between them, the last part first.
    const parts = Math.ceil(length / initialMaxFrameBytes);
    for (let part = parts - 1; part >= 0; part--) {
      const from = at + frameHeaderBytes + part * initialMaxFrameBytes;
      const partBytes = Math.min(initialMaxFrameBytes, end - from);
      const to = from + part * frameHeaderBytes;
      bytes.copyWithin(to, from, from + partBytes);
      const endHeaders = part === parts - 1 ? frameFlag.END_HEADERS : 0;
      const type = part === 0 ? frameType.HEADERS : frameType.CONTINUATION;
      const flags = endHeaders | (part === 0 ? endStream : 0);
      writeFrameHeader(bytes, to - frameHeaderBytes, partBytes, type, flags, stream.id);
    }
    this.#output.commit(end + (parts - 1) * frameHeaderBytes);
  }

  // Receiving

  get isClosed(): boolean {
    return this.#state.name === 'closed';
  }

  #take(chunk: Buffer): void {
    if (this.isClosed) return;
    try {
      this.#reader.push(chunk);
      if (this.#settingsSentAt !== null) this.#checkAck(this.#settingsSentAt);
    } catch (error) {
      if (error instanceof ConnectionError) this.#violated(error.code, error);
      else if (error instanceof HpackError) this.#violated('COMPRESSION_ERROR', error);
      else throw error;
    }
    this.#settle();
  }

  /**
   * RFC 9113 section 6.5.3. An origin that says nothing at all is found by PING and deadlines; one that speaks has to have
   * acknowledged in time.
   */
  #checkAck(sentAt: number): void {
    if (this.#clock.now() - sentAt < this.#options.settingsTimeoutMs) return;
    const message = `our SETTINGS were not acknowledged within ${this.#options.settingsTimeoutMs} ms`;
    throw new ConnectionError('SETTINGS_TIMEOUT', message);
  }

  dataBegins(streamId: number, flags: number, bodyBytes: number, flowBytes: number): void {
    this.#checkOrder(frameType.DATA, streamId);
    this.#checkStream('DATA', streamId);
    const increment = this.#windows.receive(flowBytes);
    if (increment > 0) this.#output.windowUpdate(0, increment);
    const endsStream = (flags & frameFlag.END_STREAM) !== 0;
    if (bodyBytes === 0 && !endsStream) this.#budgets.emptyData.spend();
    const stream = this.#streams.get(streamId);
    this.#reading = null;
    if (stream === undefined) {
      const isFree = this.#windows.takeLate(flowBytes);
      this.#takeLate('DATA', streamId, isFree);
      return;
    }
    if (!stream.hasResponse) throw new ConnectionError('PROTOCOL_ERROR', 'DATA before the head of a response');
    stream.receiveWindow -= flowBytes;
    if (stream.receiveWindow < 0) {
      this.#violatedOn(stream, 'FLOW_CONTROL_ERROR', 'DATA beyond the window of its stream');
      return;
    }
    stream.receivedBytes += bodyBytes;
    if (stream.expectedBytes >= 0 && stream.receivedBytes > stream.expectedBytes) {
      this.#bodyMismatch(stream);
      return;
    }
    if (bodyBytes < flowBytes) stream.consume(flowBytes - bodyBytes);
    this.#reading = stream;
    this.#endsReading = endsStream;
  }

  data(chunk: Buffer): void {
    this.#reading?.sink?.onData(chunk);
  }

  dataEnds(): void {
    const stream = this.#reading;
    if (stream === null) return;
    this.#reading = null;
    if (this.#endsReading && stream.sink !== null) this.#responseEnds(stream);
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#checkOrder(type, streamId);
    switch (type) {
      case frameType.HEADERS:
        this.#takeHeaders(flags, streamId, bytes, start, end);
        break;
      case frameType.CONTINUATION:
        this.#takeContinuation(flags, bytes.subarray(start, end));
        break;
      case frameType.WINDOW_UPDATE:
        this.#takeWindowUpdate(streamId, bytes, start, end);
        break;
      case frameType.RST_STREAM:
        this.#takeReset(streamId, bytes, start, end);
        break;
      case frameType.SETTINGS:
        this.#takeSettings(flags, streamId, bytes, start, end);
        break;
      case frameType.PING:
        this.#takePing(flags, streamId, bytes, start, end);
        break;
      case frameType.GOAWAY:
        this.#takeGoaway(streamId, bytes, start, end);
        break;
      case frameType.PRIORITY:
        this.#takePriority(streamId, end - start);
        break;
      case frameType.PUSH_PROMISE:
        // Our SETTINGS forbid it (RFC 9113 section 6.6).
        throw new ConnectionError('PROTOCOL_ERROR', 'a PUSH_PROMISE frame');
      default:
        this.#budgets.ignored.spend();
        break;
    }
  }

  /** What holds for every frame: SETTINGS come first, and nothing comes between the frames of a field block. */
  #checkOrder(type: number, streamId: number): void {
    if (!this.#hasOriginSettings && type !== frameType.SETTINGS) {
      throw new ConnectionError('PROTOCOL_ERROR', 'the first frame is not SETTINGS');
    }
    if (
      this.#block.isOpen !== (type === frameType.CONTINUATION) ||
      (this.#block.isOpen && this.#block.streamId !== streamId)
    ) {
      const message = this.#block.isOpen ? 'a frame inside a field block' : 'CONTINUATION outside of a field block';
      throw new ConnectionError('PROTOCOL_ERROR', message);
    }
  }

  /** A frame that belongs to a stream names one that we have opened (RFC 9113 section 5.1, idle). */
  #checkStream(what: string, streamId: number): void {
    if (streamId === 0 || (streamId & 1) === 0 || streamId >= this.#nextStreamId) {
      throw new ConnectionError('PROTOCOL_ERROR', `${what} on stream ${streamId}, which was never opened`);
    }
  }

  #takeHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#checkStream('HEADERS', streamId);
    let from = start;
    let to = end;
    if ((flags & frameFlag.PADDED) !== 0) to -= from < end ? (bytes[from++] as number) : 1;
    // Priority signals are deprecated and ignored (RFC 9113 section 5.3).
    if ((flags & frameFlag.PRIORITY) !== 0) from += 5;
    if (from > end) throw new ConnectionError('FRAME_SIZE_ERROR', 'a HEADERS frame without its mandatory octets');
    if (from > to) throw new ConnectionError('PROTOCOL_ERROR', 'a HEADERS frame has more padding than payload');
    const part = bytes.subarray(from, to);
    const endsStream = (flags & frameFlag.END_STREAM) !== 0;
    if ((flags & frameFlag.END_HEADERS) !== 0) this.#takeBlock(streamId, endsStream, part);
    else this.#block.open(streamId, endsStream, part);
  }

  #takeContinuation(flags: number, part: Buffer): void {
    const { streamId, endsStream } = this.#block;
    this.#block.continue(part);
    if ((flags & frameFlag.END_HEADERS) !== 0) this.#takeBlock(streamId, endsStream, this.#block.close());
  }

  /** A whole field block. It is decoded whoever wants it: the table must stay right. */
  #takeBlock(streamId: number, endsStream: boolean, block: Buffer): void {
    const raw = this.#decoder.decode(block);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#takeLate('HEADERS', streamId, false);
    } else if (raw === null) {
      this.#fail(stream, fieldsTooLarge('a field section beyond the limits', this.#options), http2Code.CANCEL);
    } else if (stream.hasResponse) {
      this.#takeTrailers(stream, endsStream, raw);
    } else {
      const head = this.#responses.readHead(raw);
      if (typeof head === 'string') this.#violatedOn(stream, 'PROTOCOL_ERROR', head);
      else if (head.status < 200) this.#takeInformational(stream, endsStream, head);
      else this.#takeResponse(stream, endsStream, head);
    }
  }

  /** A frame of a stream that is over. `isFree`: the origin sent it before it could know. */
  #takeLate(what: string, streamId: number, isFree: boolean): void {
    const end = this.#closedStreams.endOf(streamId);
    if (end === 'ended')
      throw new ConnectionError('STREAM_CLOSED', `${what} on stream ${streamId} behind its END_STREAM`);
    if (!isFree) this.#budgets.ignored.spend();
    if (end === 'left') return;
    // RFC 9113 section 6.1. Said once: then it is us who have left.
    this.#output.reset(streamId, http2Code.STREAM_CLOSED);
    this.#closedStreams.add(streamId, 'left');
  }

  #takeInformational(stream: NativeStream, endsStream: boolean, { status, fields }: ResponseFields): void {
    if (endsStream) this.#violatedOn(stream, 'PROTOCOL_ERROR', `status ${status} that ends the stream`);
    else if (++stream.informational > this.#limits.maxInformational) {
      this.#violatedOn(stream, 'ENHANCE_YOUR_CALM', `more than ${this.#limits.maxInformational} 1xx responses`);
    } else stream.sink?.onInformational(status, fields);
  }

  #takeResponse(stream: NativeStream, endsStream: boolean, { status, fields, contentLength }: ResponseFields): void {
    // RFC 9110 section 6.4.1: these have no body, whatever content-length says of another response.
    stream.expectedBytes = stream.isHead || status === 204 || status === 304 ? 0 : contentLength;
    if (endsStream && stream.expectedBytes > 0) {
      this.#violatedOn(stream, 'PROTOCOL_ERROR', `content-length said ${contentLength} bytes, and there is no body`);
      return;
    }
    stream.hasResponse = true;
    stream.sink?.onResponse(status, fields);
    if (endsStream && stream.sink !== null) this.#responseEnds(stream);
  }

  #takeTrailers(stream: NativeStream, endsStream: boolean, raw: Fields): void {
    const trailers = endsStream ? this.#responses.readTrailers(raw) : 'a second head, or trailers that end nothing';
    if (typeof trailers === 'string') {
      this.#violatedOn(stream, 'PROTOCOL_ERROR', trailers);
    } else if (stream.expectedBytes >= 0 && stream.receivedBytes !== stream.expectedBytes) {
      this.#bodyMismatch(stream);
    } else {
      stream.sink?.onTrailers(trailers.fields);
      if (stream.sink !== null) this.#responseEnds(stream);
    }
  }

  /** END_STREAM came on a stream whose sink is still there. */
  #responseEnds(stream: NativeStream): void {
    const { sink } = stream;
    stream.ending = 'ended';
    if (stream.expectedBytes >= 0 && stream.receivedBytes !== stream.expectedBytes) {
      this.#bodyMismatch(stream);
      return;
    }
    // RFC 9113 section 8.1: what is left of a request is of no use to an origin that has answered it.
    this.#forget(stream, stream.hasSentEnd ? null : http2Code.NO_ERROR);
    sink?.onEnd();
  }

  /** RFC 9113 section 8.1.1: content-length and the sum of DATA disagree. */
  #bodyMismatch(stream: NativeStream): void {
    const { expectedBytes, receivedBytes } = stream;
    const message =
      receivedBytes > expectedBytes
        ? `the response may have ${expectedBytes} bytes of body; at least ${receivedBytes} came`
        : `content-length said ${expectedBytes} bytes; the stream ended with ${receivedBytes}`;
    const error = new SessionError('body_incomplete', message, { processed: 'maybe', http2Code: 'PROTOCOL_ERROR' });
    this.#fail(stream, error, http2Code.PROTOCOL_ERROR);
  }

  #takeReset(streamId: number, bytes: Buffer, start: number, end: number): void {
    checkLength('RST_STREAM', end - start, 4);
    this.#checkStream('RST_STREAM', streamId);
    this.#budgets.reset.spend();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.ending = 'reset';
    this.#fail(stream, fromReset(readUint32(bytes, start), true), null);
  }

  #takeWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    checkLength('WINDOW_UPDATE', end - start, 4);
    if (streamId !== 0) this.#checkStream('WINDOW_UPDATE', streamId);
    this.#budgets.window.spend();
    const increment = readUint31(bytes, start);
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0');
      this.#sendWindow += increment;
      if (this.#sendWindow > max31) throw new ConnectionError('FLOW_CONTROL_ERROR', 'a session window above 2^31-1');
      if (!this.#queue.isEmpty) this.outputWaits();
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) this.#violatedOn(stream, 'PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0');
    else this.#openWindow(stream, increment);
  }

  /** More room, or less, for the body of a request (RFC 9113 sections 6.9.1 and 6.9.2). */
  #openWindow(stream: NativeStream, increment: number): void {
    stream.sendWindow += increment;
    if (stream.sendWindow > max31) this.#violatedOn(stream, 'FLOW_CONTROL_ERROR', 'a stream window above 2^31-1');
    else if (stream.pendingBytes > 0) this.queueBody(stream);
  }

  #takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS on stream ${streamId}`);
    if ((flags & frameFlag.ACK) !== 0) {
      this.#takeSettingsAck(end - start);
      return;
    }
    this.#budgets.settings.spend();
    const freeBefore = this.freeStreams;
    const windowBefore = this.#origin.initialWindowBytes;
    this.#origin.take(bytes, start, end);
    this.#encoder.setMaxTableBytes(this.#origin.headerTableBytes);
    const change = this.#origin.initialWindowBytes - windowBefore;
    if (change !== 0) {
      for (const stream of this.#streams.values()) {
        // Section 6.9.2: here an overflow is the connection's error.
        if (stream.sendWindow + change > max31) {
          throw new ConnectionError('FLOW_CONTROL_ERROR', 'SETTINGS_INITIAL_WINDOW_SIZE takes a window above 2^31-1');
        }
        this.#openWindow(stream, change);
      }
    }
    this.#output.settingsAck();
    if (!this.#hasOriginSettings) this.#opened();
    else if (this.freeStreams > freeBefore) this.#events.onRoom();
  }

  #opened(): void {
    this.#hasOriginSettings = true;
    if (this.#state.name !== 'opening') return;
    const { opening } = this.#state;
    this.#enter({ name: 'open' });
    this.#hasBeenOpen = true;
    opening.resolve(this);
  }

  #takeSettingsAck(length: number): void {
    checkLength('SETTINGS with ACK', length, 0);
    if (!this.#hasOriginSettings) throw new ConnectionError('PROTOCOL_ERROR', 'the first frame acknowledges SETTINGS');
    if (this.#settingsSentAt === null) throw new ConnectionError('PROTOCOL_ERROR', 'SETTINGS were acknowledged twice');
    this.#windows.tookRoundTrip(this.#clock.now() - this.#settingsSentAt);
    this.#settingsSentAt = null;
  }

  #takePing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError('PROTOCOL_ERROR', `PING on stream ${streamId}`);
    checkLength('PING', end - start, 8);
    this.#budgets.ping.spend();
    if ((flags & frameFlag.ACK) === 0) {
      this.#output.ping(frameFlag.ACK, bytes, start);
      return;
    }
    const roundTripMs = this.#pings.answered(bytes, start);
    if (roundTripMs !== null) this.#windows.tookRoundTrip(roundTripMs);
  }

  #takePriority(streamId: number, length: number): void {
    if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', 'PRIORITY on stream 0');
    this.#budgets.ignored.spend();
    if (length === 5) return;
    // Section 6.3: of a wrong length it is an error of its stream alone, where there is one that can be reset.
    const what = `PRIORITY of ${length} bytes`;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) throw new ConnectionError('FRAME_SIZE_ERROR', what);
    this.#violatedOn(stream, 'FRAME_SIZE_ERROR', what);
  }

  #takeGoaway(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError('PROTOCOL_ERROR', `GOAWAY on stream ${streamId}`);
    if (end - start < 8) throw new ConnectionError('FRAME_SIZE_ERROR', `GOAWAY of ${end - start} bytes`);
    const lastStreamId = readUint31(bytes, start);
    const code = readUint32(bytes, start + 4);
    // Section 6.8: it may not grow, for what was above it has been sent elsewhere since.
    if (lastStreamId > (this.#goaway?.lastStreamId ?? max31)) {
      throw new ConnectionError('PROTOCOL_ERROR', `GOAWAY with last stream id ${lastStreamId} after a lower one`);
    }
    if (this.#goaway !== null) this.#budgets.ignored.spend();
    this.#goaway = { code, lastStreamId };
    this.#drain('goaway');
    if (code !== http2Code.NO_ERROR) {
      this.#end(null, http2Code.NO_ERROR);
      return;
    }
    for (const stream of this.#streams.values()) {
      if (stream.id > lastStreamId) this.#fail(stream, fromGoaway(stream.id, lastStreamId, code), null);
    }
  }

  // Ends of streams

  /** The stream is over and had its last call, or gets it from the caller next. `code`: of our RST_STREAM, null for none. */
  #forget(stream: NativeStream, code: number | null): void {
    stream.sink = null;
    stream.dropBody();
    this.#streams.delete(stream.id);
    this.#closedStreams.add(stream.id, stream.ending);
    this.#hasNewRoom = true;
    if (code !== null) {
      this.#output.reset(stream.id, code);
    }
    // NO_ERROR: the origin has ended the stream itself.
    this.#windows.release(stream, code !== null && code !== http2Code.NO_ERROR);
    // So that room and the end of a drain are told.
    this.outputWaits();
  }

  #fail(stream: NativeStream, error: SessionError, code: number | null): void {
    const { sink } = stream;
    if (sink === null) return;
    this.#forget(stream, code);
    sink.onError(error);
  }

  #violatedOn(stream: NativeStream, name: Http2CodeName, what: string): void {
    this.#fail(stream, fromStreamViolation(name, what), http2Code[name]);
  }

  // Ends of the session

  #settingsMissing(): void {
    const message = `the origin sent no SETTINGS within ${this.#options.settingsTimeoutMs} ms`;
    const error = new SessionError('protocol_error', message, { processed: 'no', http2Code: 'SETTINGS_TIMEOUT' });
    this.#end(error, http2Code.SETTINGS_TIMEOUT);
  }

  #violated(name: Http2CodeName, cause: Error): void {
    this.#end(fromViolation(name, cause.message, cause), http2Code[name]);
  }

  /** After reading and after writing: room is told, and a drained session that is done says farewell. */
  #settle(): void {
    if (this.#hasNewRoom) {
      this.#hasNewRoom = false;
      if (this.freeStreams > 0) this.#events.onRoom();
      if (this.#streams.size === 0) this.#output.shrink();
    }
    if (this.#state.name === 'draining' && this.#streams.size === 0) this.#sayFarewell(this.#state);
    else if (this.#state.name === 'open' && this.#nextStreamId > max31) this.#drain('local');
  }

  #drain(cause: 'goaway' | 'local' | 'closed'): void {
    if (this.#state.name !== 'open') return;
    this.#enter({ name: 'draining', lingerTimer: null });
    this.#output.goaway(http2Code.NO_ERROR);
    this.#events.onDraining(cause);
  }

  /** The socket goes as soon as the last frames are written, and if they cannot be, after `lingerMs`. */
  #sayFarewell(draining: Extract<State, { name: 'draining' }>): void {
    if (draining.lingerTimer !== null) return;
    draining.lingerTimer = this.#clock.setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#output.flush();
    this.#socket.once('finish', () => this.#socket.destroy());
    this.#socket.end();
  }

  /** The origin has closed its end: what is not whole by now never will be. */
  #originEnded(): void {
    if (this.#state.name === 'open' && this.#streams.size === 0) this.#drain('closed');
    else if (this.#state.name !== 'draining' || this.#streams.size > 0) this.#end(null, http2Code.NO_ERROR);
  }

  /** The session is over: by `destroy`, by an error of the socket or the protocol, or because the socket closed. */
  #end(cause: unknown, code: number): void {
    if (this.#state.name === 'closed') return;
    const before = this.#state;
    const isOrderly = before.name === 'draining' && cause === null && this.#streams.size === 0;
    const isMidway = before.name !== 'opening' && code === http2Code.NO_ERROR && this.#streams.size > 0;
    const error = isOrderly ? null : fromSessionEnd(cause, this.#goaway?.code ?? null);
    this.#enter({ name: 'closed', error });
    if (before.name === 'open') this.#events.onDraining('closed');
    for (const stream of this.#streams.values()) {
      // An origin frees at once what it did for a stream that is reset; GOAWAY alone lets it go on.
      if (isMidway) this.#output.reset(stream.id, http2Code.CANCEL);
      this.#endStream(stream, error);
    }
    this.#streams.clear();
    this.#pings.end(error);
    this.#output.goaway(code);
    this.#output.flush();
    if (isMidway) this.#leave();
    // GOAWAY is in the kernel by the next turn, or the origin does not read and will not get it.
    else setImmediate(() => this.#socket.destroy());
    if (before.name === 'opening') before.opening.reject(unprocessed(error));
  }

  /**
   * Closes a connection on which responses are on their way: they are read and dropped until the origin closes its end. A socket
   * that is closed over unread octets resets the connection, and what we said last may be lost; node:http2, as a server, then
   * keeps its socket for ever.
   */
  #leave(): void {
    const timer = this.#clock.setTimeout(() => this.#socket.destroy(), leaveMs);
    this.#socket.once('close', () => this.#clock.clearTimeout(timer));
    this.#socket.once('end', () => this.#socket.destroy());
    this.#socket.end();
  }

  #endStream(stream: NativeStream, error: SessionError | null): void {
    const { sink } = stream;
    stream.sink = null;
    stream.dropBody();
    if (sink === null || error === null) return;
    const goaway = this.#goaway;
    const isAbove = goaway !== null && stream.id > goaway.lastStreamId;
    sink.onError(isAbove ? fromGoaway(stream.id, goaway.lastStreamId, goaway.code) : error);
  }

  /** The last event of the socket. */
  #closed(): void {
    this.#end(null, http2Code.NO_ERROR);
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
  }
}

/** Octets of a field block and of the headers of the frames that may be needed behind the first. */
function roomForBlock(blockBytes: number): number {
  return blockBytes + Math.floor(blockBytes / initialMaxFrameBytes) * frameHeaderBytes;
}

function checkLength(what: string, length: number, expected: number): void {
  if (length !== expected) throw new ConnectionError('FRAME_SIZE_ERROR', `${what} of ${length} bytes`);
}

function unsupported(message: string, processed: 'no' | 'maybe'): SessionError {
  return new SessionError('unsupported', message, { processed });
}

function formatAddress(socket: Socket): string {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** Before the first SETTINGS nothing was requested, so whatever went wrong, nothing was processed. */
function unprocessed(error: SessionError | null): SessionError {
  const { code, message, http2Code: name, cause } = error ?? fromSessionEnd(null, null);
  return new SessionError(code, message, { processed: 'no', ...(name === null ? {} : { http2Code: name }), cause });
}
