// Bytes in any split → frames.

import { lengthPrefixBytes, maxFrameBytes } from './constants.ts';
import { type Peer, WireError } from './errors.ts';
import type { Frame } from './frame.ts';
import { FrameParser } from './parse.ts';

export interface FrameDecoderOptions {
  /** Whose bytes these are; a frame that only the other end may send is refused. */
  from: Peer;
  /** Longest frame that is taken, without its length prefix. Default: the `maxFrameBytes` of wire version 1. */
  maxFrameBytes?: number;
}

/**
 * Decodes what one end of a client connection sends. Frames that lie whole in a chunk are decoded where they are; a
 * frame that does not is gathered in one buffer of exactly its length, so a connection holds at most one frame.
 *
 * `body`, `payload` and `nonce` are views of the chunk, or of that buffer: whoever keeps them keeps the chunk, and
 * whoever reuses the chunk must copy them first.
 *
 * The decoder knows frames, not their order: that HELLO comes first, that ids grow and that windows are kept is for
 * the owner of the connection to check.
 */
export class FrameDecoder {
  readonly #parser: FrameParser;
  readonly #from: Peer;
  readonly #maxFrameBytes: number;
  /** False while a push runs and after one threw: bytes after a refused frame have no meaning. */
  #isReady = true;
  /** The frame being gathered, and how many of its bytes are there. */
  #gathered: Buffer | null = null;
  #gatheredBytes = 0;
  /** The length prefix being gathered, while not all of its four bytes are there. */
  #prefix = 0;
  #prefixBytes = 0;

  constructor(options: FrameDecoderOptions) {
    this.#from = options.from;
    this.#maxFrameBytes = options.maxFrameBytes ?? maxFrameBytes;
    this.#parser = new FrameParser(options.from);
  }

  /** Whether the bytes so far end inside a frame: a connection that ends here was cut off. */
  get isMidFrame(): boolean {
    return this.#gathered !== null || this.#prefixBytes > 0;
  }

  /**
   * Takes the next bytes and hands every frame they complete to `onFrame`, in order, before it returns. Throws a
   * `WireError` at the first frame that is not allowed; frames before it have been handed over. After that, or after
   * `onFrame` threw, every push throws.
   */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    if (!this.#isReady) throw this.#refuse('bytes came after a frame that was refused, or from within onFrame');
    this.#isReady = false;
    let at = 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#gathered !== null) {
        at = this.#gather(this.#gathered, chunk, at, onFrame);
      } else if (this.#prefixBytes > 0 || end - at < lengthPrefixBytes) {
        at = this.#gatherPrefix(chunk, at);
      } else {
        const length = this.#checkLength(chunk.readUInt32BE(at));
        const start = at + lengthPrefixBytes;
        if (length > end - start) {
          this.#begin(length);
          at = start;
        } else {
          at = start + length;
          const frame = this.#parser.parse(chunk, start, at);
          if (frame !== undefined) onFrame(frame);
        }
      }
    }
    this.#isReady = true;
  }

  #gatherPrefix(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length && this.#prefixBytes < lengthPrefixBytes) {
      this.#prefix = this.#prefix * 256 + (chunk[at++] as number);
      this.#prefixBytes++;
    }
    if (this.#prefixBytes === lengthPrefixBytes) this.#begin(this.#checkLength(this.#prefix));
    return at;
  }

  #begin(length: number): void {
    this.#gathered = Buffer.allocUnsafe(length);
    this.#gatheredBytes = 0;
    this.#prefix = 0;
    this.#prefixBytes = 0;
  }

  #gather(gathered: Buffer, chunk: Buffer, start: number, onFrame: (frame: Frame) => void): number {
    const copied = chunk.copy(gathered, this.#gatheredBytes, start);
    this.#gatheredBytes += copied;
    if (this.#gatheredBytes === gathered.length) {
      this.#gathered = null;
      const frame = this.#parser.parse(gathered, 0, gathered.length);
      if (frame !== undefined) onFrame(frame);
    }
    return start + copied;
  }

  #checkLength(length: number): number {
    if (length === 0) throw this.#refuse('frame of 0 bytes; allowed is 1 or more');
    if (length <= this.#maxFrameBytes) return length;
    throw new WireError('frame_too_large', `frame of ${length} bytes; allowed is ${this.#maxFrameBytes}`, {
      source: this.#from,
    });
  }

  #refuse(message: string): WireError {
    return new WireError('protocol_error', message, { source: this.#from });
  }
}
