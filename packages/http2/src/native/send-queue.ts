// Whose turn it is to send body: streams that have some and room in their windows, one frame each, round and round.

import type { NativeStream } from './stream.ts';

/** First in, first out, without an allocation: the streams themselves are the links. */
export class SendQueue {
  #first: NativeStream | null = null;
  #last: NativeStream | null = null;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** Puts a stream at the end, unless it is in the queue. */
  push(stream: NativeStream): void {
    if (stream.isQueued) return;
    stream.isQueued = true;
    stream.next = null;
    if (this.#last === null) this.#first = stream;
    else this.#last.next = stream;
    this.#last = stream;
  }

  /** Takes the first stream that still has something to send. Those that ended meanwhile are passed over. */
  shift(): NativeStream | null {
    for (let stream = this.#first; stream !== null; stream = this.#first) {
      this.#first = stream.next;
      if (this.#first === null) this.#last = null;
      stream.isQueued = false;
      stream.next = null;
      if (stream.pendingBytes > 0 && stream.sink !== null) return stream;
    }
    return null;
  }
}
