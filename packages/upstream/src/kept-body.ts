// A request body that comes in pieces, kept while it is small, so that it can be sent again.

import type { ExchangeHandle, Fields } from '@hawser/http2';

/** What is kept of one body: as much as a client may send before it is given more room. */
export const maxKeptBytes = 256 * 1024;

/** A body in more pieces costs more in their bookkeeping than in bytes. */
export const maxKeptChunks = 1024;

/** A piece is copied where it is less than this share of the memory it lies in, which it would hold. */
const minShareOfMemory = 0.5;

/**
 * Pieces in the order they came, then the end. While an attempt runs, a body that outgrows the limits is given up: the
 * attempt has it, and nothing can be repeated from here on. Between two attempts everything is kept, as nobody else has
 * it; that is bounded by the client's window.
 */
export class KeptBody {
  #chunks: Buffer[] | null = [];
  #bytes = 0;
  #trailers: Fields | null = null;
  #isSending = false;

  /** All of the body so far is here. */
  get isWhole(): boolean {
    return this.#chunks !== null;
  }

  write(chunk: Buffer): void {
    if (this.#chunks === null) return;
    const isSmallPart = chunk.length < chunk.buffer.byteLength * minShareOfMemory;
    this.#chunks.push(isSmallPart ? Buffer.from(chunk) : chunk);
    this.#bytes += chunk.length;
    if (this.#isSending) this.#dropIfLarge();
  }

  end(trailers: Fields = []): void {
    this.#trailers = trailers;
  }

  /** Writes what is here to an attempt that begins. */
  sendTo(handle: ExchangeHandle): void {
    this.#isSending = true;
    for (const chunk of this.#chunks ?? []) handle.write(chunk);
    if (this.#trailers !== null) handle.end(this.#trailers);
    this.#dropIfLarge();
  }

  /** The attempt is over and another will follow. */
  holdBack(): void {
    this.#isSending = false;
  }

  /** Nothing will be sent again. */
  drop(): void {
    this.#chunks = null;
  }

  #dropIfLarge(): void {
    if (this.#bytes > maxKeptBytes || (this.#chunks?.length ?? 0) > maxKeptChunks) this.drop();
  }
}
