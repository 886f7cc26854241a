// One exchange as its client connection sees it: frames in on one side, the pipeline's sink and handle on the other.

import type { ExchangeHandle } from '@hawser/http2';
import {
  type BrokerFrame,
  type ExchangeFacts,
  type Fields,
  FrameType,
  initialWindowBytes,
  maxDataBytes,
  maxWindowBytes,
  type ResponseFrame,
} from '@hawser/protocol';
import type { Exchange, Facts, ResponseSink, Send, UpstreamError } from '@hawser/upstream';
import { BrokerError, toErrorFrame } from './errors.ts';

/** The client connection as its exchanges need it. */
export interface FrameWriter {
  /** Writes the frame with whatever else this turn of the event loop brings. */
  writeFrame(frame: BrokerFrame): void;
  /** As `writeFrame`, for a RESPONSE with these `bodyBytes` of body, without copying them. */
  writeResponse(frame: Omit<ResponseFrame, 'body'>, body: readonly Buffer[], bodyBytes: number): void;
  /** As `writeFrame`, for a DATA frame, without copying the payload. */
  writeData(exchangeId: number, payload: Buffer): void;
  /** Calls `flush` of this exchange before the next write to the socket. */
  scheduleFlush(exchange: ClientExchange): void;
  /**
   * Writes now, where all that is open here has its whole answer and nothing more can share the write: the client goes on
   * while the broker is busy with what else the origins sent.
   */
  flushIfLast(): void;
  /** Notes a failure of the broker itself. */
  reportDefect(error: unknown): void;
  /** Room in the socket: while there is none, bodies stay in the exchange, and so with the origin. */
  readonly hasRoom: boolean;
  /** Both directions have ended; the id is gone. */
  forget(exchange: ClientExchange): void;
}

/** Longest body that travels inside RESPONSE. */
const maxInlineBodyBytes = maxDataBytes;

/** A longer body is not copied into its frame: two pieces more to write cost less. */
const maxCopiedBodyBytes = 4 * 1024;

/** A body that is declared this short is worth waiting for, so that the answer is one frame. */
const maxHeldBodyBytes = maxInlineBodyBytes;

/** Request body bytes are granted anew in steps of this size. */
const grantStepBytes = initialWindowBytes / 4;

/**
 * Holds the head back until the body is whole (one RESPONSE frame), or until the connection flushes: then the head goes
 * out, and DATA follows as far as the client's window and the socket have room. What was handed to the socket is
 * consumed upstream, so the origin sends no more than the client takes.
 */
export class ClientExchange implements ResponseSink {
  readonly id: number;
  readonly #writer: FrameWriter;
  readonly #facts: Facts;
  #handle: ExchangeHandle | null = null;
  #hasEnded = false;

  // Towards the client
  #status = 0;
  #fields: Fields = [];
  #isHeadSent = false;
  #declaredBytes: number | null = null;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #trailers: Fields = [];
  #isWhole = false;
  #windowBytes: number;
  #isFlushScheduled = false;

  // From the client
  #isUploaded: boolean;
  #uploadWindowBytes: number;
  #ungrantedBytes = 0;
  #uploadedBytes: number;
  readonly #declaredUploadBytes: number | null;

  constructor(
    id: number,
    writer: FrameWriter,
    facts: Facts,
    windowBytes: number,
    upload: { isWhole: boolean; bytes: number; declaredBytes: number | null },
  ) {
    this.id = id;
    this.#writer = writer;
    this.#facts = facts;
    this.#windowBytes = windowBytes;
    this.#isUploaded = upload.isWhole;
    this.#uploadWindowBytes = initialWindowBytes - upload.bytes;
    this.#uploadedBytes = upload.bytes;
    this.#declaredUploadBytes = upload.declaredBytes;
  }

  start(send: Send, exchange: Exchange): void {
    this.#handle = send(exchange, this);
  }

  /** The head is held back for a body that is declared short and not whole yet. */
  get isHeld(): boolean {
    return !this.#hasEnded && !this.#isHeadSent && this.#status !== 0 && !this.#isWhole;
  }

  /** The response is here to its end. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  // Frames of the client

  /** The first bytes of a body that is not whole, which came with REQUEST; the window has counted them. */
  inlineData(body: Buffer): void {
    if (this.#isTooLong()) this.#refuseLength();
    else this.#handle?.write(body);
  }

  data(payload: Buffer): void {
    if (this.#isUploaded) {
      throw new BrokerError('protocol_error', `DATA for exchange ${this.id} after its request body ended`, clientFault);
    }
    this.#uploadWindowBytes -= payload.length;
    if (this.#uploadWindowBytes < 0) {
      const message = `DATA for exchange ${this.id} exceeds its window by ${-this.#uploadWindowBytes} bytes`;
      throw new BrokerError('window_violation', message, clientFault);
    }
    this.#uploadedBytes += payload.length;
    if (this.#isTooLong()) this.#refuseLength();
    else this.#handle?.write(payload);
  }

  end(trailers: Fields): void {
    if (this.#isUploaded) {
      throw new BrokerError('protocol_error', `END for exchange ${this.id} after its request body ended`, clientFault);
    }
    this.#isUploaded = true;
    const isAsDeclared = this.#declaredUploadBytes === null || this.#uploadedBytes === this.#declaredUploadBytes;
    if (isAsDeclared) this.#handle?.end(trailers);
    else this.#refuseLength();
  }

  #isTooLong(): boolean {
    return this.#declaredUploadBytes !== null && this.#uploadedBytes > this.#declaredUploadBytes;
  }

  /** A body that is not as long as declared (RFC 9110 section 8.6): the origin must not take it for whole. */
  #refuseLength(): void {
    const message = `'content-length' is ${this.#declaredUploadBytes}, the body has ${this.#uploadedBytes} bytes`;
    this.#handle?.cancel();
    this.fail(new BrokerError('request_invalid', message, clientFault));
  }

  window(increment: number): void {
    this.#windowBytes += increment;
    if (this.#windowBytes > maxWindowBytes) {
      throw new BrokerError(
        'window_violation',
        `WINDOW lifts exchange ${this.id} above ${maxWindowBytes} bytes`,
        clientFault,
      );
    }
    this.#scheduleFlush();
  }

  /** The client gives up, or is gone: nothing more is written. */
  cancel(): void {
    if (this.#hasEnded) return;
    this.#finish();
    this.#handle?.cancel();
  }

  // The pipeline's sink

  onInformational(status: number, fields: Fields): void {
    try {
      this.#writer.writeFrame({ type: FrameType.informational, exchangeId: this.id, status, fields });
    } catch (error) {
      this.#abandon(error);
    }
  }

  onResponse(status: number, fields: Fields): void {
    this.#status = status;
    this.#fields = fields;
    this.#declaredBytes = declaredBytes(fields);
    this.#scheduleFlush();
  }

  onData(chunk: Buffer): void {
    // DATA has at least one octet.
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    this.#scheduleFlush();
  }

  onTrailers(fields: Fields): void {
    this.#trailers = fields;
  }

  onEnd(): void {
    this.#isWhole = true;
    this.#scheduleFlush();
    this.#writer.flushIfLast();
  }

  onError(error: UpstreamError): void {
    this.fail(error);
  }

  /** A head that is held back for its body has been shown to nobody. */
  onRestart(): boolean {
    if (this.#hasEnded || this.#isHeadSent) return false;
    this.#status = 0;
    this.#fields = [];
    this.#declaredBytes = null;
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#trailers = [];
    this.#isWhole = false;
    return true;
  }

  onRequestConsumed(bytes: number): void {
    if (this.#hasEnded || this.#isUploaded) return;
    this.#ungrantedBytes += bytes;
    if (this.#ungrantedBytes < grantStepBytes) return;
    this.#writer.writeFrame({ type: FrameType.window, exchangeId: this.id, increment: this.#ungrantedBytes });
    this.#uploadWindowBytes += this.#ungrantedBytes;
    this.#ungrantedBytes = 0;
  }

  /** Ends the exchange with an ERROR frame, after as much of the body as the client has room for. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    if (this.#status !== 0) this.flush(true);
    this.#writer.writeFrame({ ...toErrorFrame(this.id, error), facts: toWireFacts(this.#facts) });
    this.#finish();
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#hasEnded) return;
    this.#isFlushScheduled = true;
    this.#writer.scheduleFlush(this);
  }

  /** Writes what may be written. `isLate`: a held head goes out although its body is not whole. */
  flush(isLate: boolean): void {
    this.#isFlushScheduled = false;
    try {
      this.#write(isLate);
    } catch (error) {
      this.#abandon(error);
    }
  }

  #write(isLate: boolean): void {
    if (this.#hasEnded || this.#status === 0) return;
    if (!this.#isHeadSent && !this.#writeHead(isLate)) return;
    while (this.#bufferedBytes > 0 && this.#windowBytes > 0 && this.#writer.hasRoom) this.#writeData();
    if (this.#hasEnded || !this.#isWhole || this.#bufferedBytes > 0) return;
    const { id: exchangeId } = this;
    this.#writer.writeFrame({
      type: FrameType.end,
      exchangeId,
      trailers: this.#trailers,
      facts: toWireFacts(this.#facts),
    });
    this.#finish();
  }

  /** Something came from the origin that no frame can carry: a defect, which costs this exchange and nothing else. */
  #abandon(error: unknown): void {
    this.#handle?.cancel();
    this.#writer.reportDefect(error);
    this.#writer.writeFrame({ ...toErrorFrame(this.id, null), facts: toWireFacts(this.#facts) });
    this.#finish();
  }

  /** RESPONSE, with the body if it is whole and fits. False while it is held back. */
  #writeHead(isLate: boolean): boolean {
    const fits = this.#bufferedBytes <= Math.min(maxInlineBodyBytes, this.#windowBytes);
    const end = this.#isWhole && fits && this.#trailers.length === 0;
    const mayWait = fits && !this.#isWhole && this.#declaredBytes !== null && this.#declaredBytes <= maxHeldBodyBytes;
    if (mayWait && !isLate) return false;
    this.#isHeadSent = true;
    const response = {
      type: FrameType.response,
      exchangeId: this.id,
      end,
      status: this.#status,
      fields: this.#fields,
      facts: toWireFacts(this.#facts),
    } as const;
    if (end && this.#bufferedBytes > maxCopiedBodyBytes) {
      this.#writer.writeResponse(response, this.#chunks, this.#bufferedBytes);
    } else {
      const body = end && this.#bufferedBytes > 0 ? joined(this.#chunks, this.#bufferedBytes) : null;
      this.#writer.writeFrame({ ...response, body });
    }
    if (end) this.#finish();
    return !end;
  }

  #writeData(): void {
    const chunk = this.#chunks[0] as Buffer;
    const bytes = Math.min(chunk.length, maxDataBytes, this.#windowBytes);
    if (bytes === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(bytes);
    this.#writer.writeData(this.id, bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
    this.#bufferedBytes -= bytes;
    this.#windowBytes -= bytes;
    this.#handle?.consume(bytes);
  }

  #finish(): void {
    this.#hasEnded = true;
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#writer.forget(this);
  }
}

/** Chunks as one Buffer, copied where there are several. */
export function joined(chunks: readonly Buffer[], bytes: number): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes);
}

const clientFault = { source: 'client', processed: 'maybe' } as const;

function declaredBytes(fields: Fields): number | null {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'content-length') return Number(fields[i + 1]);
  return null;
}

function toWireFacts(facts: Facts): ExchangeFacts {
  return {
    protocol: facts.protocol,
    session: facts.session,
    attempts: facts.attempts,
    cache: facts.cache,
    queueUs: toMicroseconds(facts.queueMs),
    connectUs: toMicroseconds(facts.connectMs),
    firstByteUs: toMicroseconds(facts.firstByteMs),
    totalUs: toMicroseconds(facts.totalMs),
    remoteAddress: facts.remoteAddress,
  };
}

function toMicroseconds(ms: number): number {
  return ms < 0 ? -1 : Math.round(ms * 1000);
}
