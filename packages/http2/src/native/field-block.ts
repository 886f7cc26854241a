// Puts a field block together from HEADERS and its CONTINUATION frames (RFC 9113 section 4.3), within limits.

import { ConnectionError } from './connection-error.ts';

export interface FieldBlockLimits {
  readonly maxContinuationFrames: number;
  readonly maxBytes: number;
}

/** The block that is being read. One that comes whole in its HEADERS frame does not pass through here. */
export class FieldBlock {
  /** Stream of the open block; 0: none is open. */
  streamId = 0;
  /** Whether the block ends its stream. */
  endsStream = false;
  readonly #limits: FieldBlockLimits;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limits: FieldBlockLimits) {
    this.#limits = limits;
  }

  get isOpen(): boolean {
    return this.streamId !== 0;
  }

  open(streamId: number, endsStream: boolean, part: Buffer): void {
    this.streamId = streamId;
    this.endsStream = endsStream;
    this.#add(part);
  }

  /** A CONTINUATION frame's payload. Throws a ConnectionError at a limit. */
  continue(part: Buffer): void {
    // The first part is the HEADERS frame's.
    if (this.#parts.length > this.#limits.maxContinuationFrames) {
      const message = `a field block of more than ${this.#limits.maxContinuationFrames} CONTINUATION frames`;
      throw new ConnectionError('ENHANCE_YOUR_CALM', message);
    }
    this.#add(part);
  }

  /** Closes the block and returns it whole. */
  close(): Buffer {
    const whole = Buffer.concat(this.#parts, this.#bytes);
    this.streamId = 0;
    this.#parts = [];
    this.#bytes = 0;
    return whole;
  }

  #add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#limits.maxBytes) {
      throw new ConnectionError('ENHANCE_YOUR_CALM', `a field block of more than ${this.#limits.maxBytes} bytes`);
    }
    // The chunk that it came in is not kept for a part of it.
    this.#parts.push(Buffer.from(part));
  }
}
