// One stream, which is one exchange: a flat record of where both directions stand, and the handle that the caller holds.

import type { ExchangeHandle, ExchangeSink, Fields } from '../session.ts';
import type { StreamEnd } from './closed-streams.ts';

/** What a stream asks of its session. None of it calls a sink before it returns. */
export interface StreamOwner {
  /** Body waits to be sent. */
  queueBody(stream: NativeStream): void;
  /** The body has ended and nothing of it waits. */
  sendEnd(stream: NativeStream): void;
  /** Request trailers that HTTP/2 cannot carry; `what` says why. */
  refuseTrailers(stream: NativeStream, what: string): void;
  /** Why trailers cannot be carried, or null. */
  trailersComplaint(trailers: Fields): string | null;
  /** So much of the response that its window should be renewed was consumed. */
  renewWindow(stream: NativeStream): void;
  cancel(stream: NativeStream): void;
}

/**
 * The states of RFC 9113 section 5.1 that a client's request goes through are two facts here: whether our side has ended
 * (`hasSentEnd`), and whether the stream is over (`sink` is null). The origin's end makes the stream over at once.
 */
export class NativeStream implements ExchangeHandle {
  readonly id: number;
  /** Null once it has had its last call: the stream is closed. */
  sink: ExchangeSink | null;
  readonly isHead: boolean;

  // The response.
  hasResponse = false;
  informational = 0;
  receivedBytes = 0;
  /** Body octets that the head promised; -1: unknown. */
  expectedBytes = -1;
  /** Octets that the origin may still send. */
  receiveWindow: number;
  /** What `receiveWindow` is when all is consumed. */
  windowBytes: number;
  /** Octets consumed and not yet given back to the origin; half of `windowBytes` renew the window. */
  consumedBytes = 0;
  /** How the stream ends, as far as the origin has said. */
  ending: StreamEnd = 'left';
  /** When it was renewed last. */
  renewedAt = Number.NEGATIVE_INFINITY;

  // The request.
  hasSentEnd = false;
  /** Octets that we may still send; negative after the origin lowered its initial window. */
  sendWindow: number;
  /** The piece of body that is being sent, and how much of it was. */
  piece: Buffer | null = null;
  pieceAt = 0;
  /** Pieces after it, and the next of them. */
  pieces: Buffer[] | null = null;
  piecesAt = 0;
  pendingBytes = 0;
  /** `onRequestConsumed` is told. */
  readonly isStreamed: boolean;
  /** No more body comes. */
  hasEnded: boolean;
  trailers: Fields | null = null;
  /** In the send queue, and what follows it there. */
  isQueued = false;
  next: NativeStream | null = null;
  readonly #owner: StreamOwner;

  constructor(
    owner: StreamOwner,
    id: number,
    sink: ExchangeSink,
    isHead: boolean,
    isStreamed: boolean,
    sendWindow: number,
    receiveWindow: number,
  ) {
    this.#owner = owner;
    this.id = id;
    this.sink = sink;
    this.isHead = isHead;
    this.isStreamed = isStreamed;
    this.hasEnded = !isStreamed;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.windowBytes = receiveWindow;
  }

  write(chunk: Buffer): void {
    if (this.sink === null || this.hasEnded || chunk.length === 0) return;
    this.add(chunk);
    this.#owner.queueBody(this);
  }

  end(trailers?: Fields): void {
    if (this.sink === null || this.hasEnded) return;
    this.hasEnded = true;
    if (trailers !== undefined && trailers.length > 0) {
      const complaint = this.#owner.trailersComplaint(trailers);
      if (complaint !== null) {
        this.#owner.refuseTrailers(this, complaint);
        return;
      }
      this.trailers = trailers;
    }
    if (this.pendingBytes === 0) this.#owner.sendEnd(this);
  }

  consume(bytes: number): void {
    if (this.sink === null) return;
    this.consumedBytes += bytes;
    if (this.consumedBytes >= this.windowBytes >>> 1) this.#owner.renewWindow(this);
  }

  cancel(): void {
    if (this.sink !== null) this.#owner.cancel(this);
  }

  /** Adds body octets behind those that wait. */
  add(chunk: Buffer): void {
    this.pendingBytes += chunk.length;
    if (this.piece === null) this.piece = chunk;
    else if (this.pieces === null) this.pieces = [chunk];
    else this.pieces.push(chunk);
  }

  /** Moves the next `count` octets of body, which wait, into `into` at `at`. */
  take(count: number, into: Buffer, at: number): void {
    this.pendingBytes -= count;
    let to = at;
    const end = at + count;
    while (to < end) {
      const piece = this.piece as Buffer;
      const part = Math.min(piece.length - this.pieceAt, end - to);
      piece.copy(into, to, this.pieceAt, this.pieceAt + part);
      to += part;
      this.pieceAt += part;
      if (this.pieceAt === piece.length) this.#nextPiece();
    }
  }

  /** Lets go of what is not sent. */
  dropBody(): void {
    this.piece = null;
    this.pieces = null;
    this.pendingBytes = 0;
  }

  #nextPiece(): void {
    this.pieceAt = 0;
    this.piece = this.pieces?.[this.piecesAt] ?? null;
    if (this.piece === null) {
      this.pieces = null;
      this.piecesAt = 0;
    } else {
      this.piecesAt++;
    }
  }
}
