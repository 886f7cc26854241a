// Cuts what comes from the socket into frames, whatever its pieces are, without copying payloads.

import { ConnectionError } from './connection-error.ts';
import { frameFlag, frameHeaderBytes, frameType, initialMaxFrameBytes, readUint31 } from './frame.ts';

/** What the reader tells, in the order of the octets. Any of them may throw a ConnectionError. */
export interface FrameReceiver {
  /** Nothing more is read: the session ended while it was told of a frame. */
  readonly isClosed: boolean;
  /** A DATA frame begins: `bodyBytes` will come by `data`; `flowBytes`, padding included, count against the windows. */
  dataBegins(streamId: number, flags: number, bodyBytes: number, flowBytes: number): void;
  /** A part of the body of the DATA frame that began; a view of the chunk read, never empty. */
  data(chunk: Buffer): void;
  dataEnds(): void;
  /** Any other frame, whole: its payload is `bytes[start … end)`, valid during the call. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * A DATA frame is told as its octets come, so it is never held. Of any other frame, and of a frame header, the part that
 * came too early is copied and held: 16 KiB and a header at most.
 */
export class FrameReader {
  readonly #receiver: FrameReceiver;
  /** The frame of which a part came: header first, then payload. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  /** Octets of `#held` to fill before it is looked at. */
  #wantedBytes = 0;
  #isInData = false;
  #bodyLeft = 0;
  #paddingLeft = 0;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** Octets that wait for the rest of their frame. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes the next octets. Throws a ConnectionError, after which it is not to be used. */
  push(chunk: Buffer): void {
    const receiver = this.#receiver;
    const end = chunk.length;
    let at = 0;
    while (at < end && !receiver.isClosed) {
      if (this.#isInData) at = this.#readData(chunk, at);
      else if (this.#wantedBytes > 0) at = this.#fill(chunk, at);
      else if (end - at < frameHeaderBytes) at = this.#hold(chunk, at, frameHeaderBytes);
      else at = this.#readFrame(chunk, at);
    }
  }

  /** A frame whose header is in the chunk. */
  #readFrame(chunk: Buffer, at: number): number {
    const length = frameLength(chunk, at);
    const type = chunk[at + 3] as number;
    const flags = chunk[at + 4] as number;
    const isPadded = (flags & frameFlag.PADDED) !== 0;
    const start = at + frameHeaderBytes;
    if (type === frameType.DATA) {
      // The length of the padding is part of what must be known before the body.
      if (isPadded && length > 0 && start === chunk.length) return this.#hold(chunk, at, frameHeaderBytes + 1);
      const streamId = readUint31(chunk, at + 5);
      return this.#beginData(streamId, flags, length, isPadded ? chunk[start] : undefined, start);
    }
    if (chunk.length - start < length) return this.#hold(chunk, at, frameHeaderBytes + length);
    this.#receiver.frame(type, flags, readUint31(chunk, at + 5), chunk, start, start + length);
    return start + length;
  }

  #beginData(streamId: number, flags: number, length: number, padding: number | undefined, start: number): number {
    const overhead = (flags & frameFlag.PADDED) === 0 ? 0 : 1;
    if (overhead > length) throw new ConnectionError('FRAME_SIZE_ERROR', 'a padded DATA frame is empty');
    const paddingBytes = overhead === 0 ? 0 : (padding as number);
    const bodyBytes = length - overhead - paddingBytes;
    // RFC 9113 section 6.1: padding that is as long as the payload or longer.
    if (bodyBytes < 0) throw new ConnectionError('PROTOCOL_ERROR', 'a DATA frame has more padding than payload');
    this.#bodyLeft = bodyBytes;
    this.#paddingLeft = paddingBytes;
    this.#isInData = true;
    this.#receiver.dataBegins(streamId, flags, bodyBytes, length);
    this.#endDataOnceRead();
    return start + overhead;
  }

  #readData(chunk: Buffer, at: number): number {
    if (this.#bodyLeft > 0) {
      const end = Math.min(at + this.#bodyLeft, chunk.length);
      this.#bodyLeft -= end - at;
      this.#receiver.data(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
      this.#endDataOnceRead();
      return end;
    }
    const end = Math.min(at + this.#paddingLeft, chunk.length);
    this.#paddingLeft -= end - at;
    this.#endDataOnceRead();
    return end;
  }

  #endDataOnceRead(): void {
    if (this.#bodyLeft > 0 || this.#paddingLeft > 0) return;
    this.#isInData = false;
    if (!this.#receiver.isClosed) this.#receiver.dataEnds();
  }

  /** Keeps what is left of the chunk until `wantedBytes` of the frame are here. */
  #hold(chunk: Buffer, at: number, wantedBytes: number): number {
    if (this.#held.length < wantedBytes) this.#held = Buffer.allocUnsafeSlow(wantedBytes);
    this.#heldBytes = chunk.copy(this.#held, 0, at);
    this.#wantedBytes = wantedBytes;
    return chunk.length;
  }

  #fill(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#wantedBytes - this.#heldBytes, chunk.length);
    this.#heldBytes += chunk.copy(this.#held, this.#heldBytes, at, end);
    if (this.#heldBytes === this.#wantedBytes) this.#readHeld();
    return end;
  }

  /** The held part has what it waited for: a header, a header with the length of its padding, or a whole frame. */
  #readHeld(): void {
    const held = this.#held.subarray(0, this.#heldBytes);
    const length = frameLength(held, 0);
    const type = held[3] as number;
    const flags = held[4] as number;
    const isPadded = (flags & frameFlag.PADDED) !== 0;
    const wanted =
      type !== frameType.DATA ? frameHeaderBytes + length : frameHeaderBytes + (isPadded && length > 0 ? 1 : 0);
    if (wanted > this.#heldBytes) {
      if (this.#held.length < wanted) {
        this.#held = Buffer.allocUnsafeSlow(wanted);
        held.copy(this.#held);
      }
      this.#wantedBytes = wanted;
      return;
    }
    this.#wantedBytes = 0;
    this.#heldBytes = 0;
    const streamId = readUint31(held, 5);
    if (type === frameType.DATA) this.#beginData(streamId, flags, length, held[frameHeaderBytes], 0);
    else this.#receiver.frame(type, flags, streamId, held, frameHeaderBytes, held.length);
    // A large one was an exception; what is kept for ever is a header and a small frame.
    if (this.#held.length > keptBytes) this.#held = Buffer.alloc(0);
  }
}

const keptBytes = 1024;

function frameLength(bytes: Buffer, at: number): number {
  const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  if (length > initialMaxFrameBytes) {
    throw new ConnectionError('FRAME_SIZE_ERROR', `a frame of ${length} bytes; allowed are ${initialMaxFrameBytes}`);
  }
  return length;
}
