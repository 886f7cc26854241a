// How streams ended that are over: what may still come on them depends on it (RFC 9113 section 5.1, closed).

/**
 * - `ended`: by the origin's END_STREAM, after which it has nothing to say.
 * - `reset`: by the origin's RST_STREAM; what it had queued before that may come behind it.
 * - `left`: by us; until the origin knows, it may send anything.
 */
export type StreamEnd = 'ended' | 'reset' | 'left';

/** Beyond so many the oldest are no longer told apart, and count as left. */
const maxKept = 1000;

/** Most streams end by END_STREAM, so only the others are kept. */
export class ClosedStreams {
  readonly #others = new Map<number, 'reset' | 'left'>();
  #forgottenUpTo = 0;

  add(streamId: number, end: StreamEnd): void {
    if (end === 'ended') return;
    this.#others.set(streamId, end);
    if (this.#others.size <= maxKept) return;
    const [oldest] = this.#others.keys();
    this.#others.delete(oldest as number);
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, oldest as number);
  }

  /** How the stream, which was opened and is over, ended. */
  endOf(streamId: number): StreamEnd {
    return this.#others.get(streamId) ?? (streamId <= this.#forgottenUpTo ? 'left' : 'ended');
  }
}
