// The receiving side of flow control (RFC 9113 section 5.2): what the origin may still send on the session, how wide the windows
// of streams are, and DATA that was on its way when its stream ended.

import type { Clock } from '../clock.ts';
import type { Http2Options } from '../options.ts';
import { ConnectionError } from './connection-error.ts';
import { initialWindowBytes } from './frame.ts';
import type { NativeStream } from './stream.ts';

/** From a nearer origin nothing grows: 256 KiB in this time are 50 MB/s, and a busy event loop looks like a long way. */
const nearMs = 5;

/**
 * The session's window is renewed by what was received, so that one slow sink holds back nobody else; a stream's by what its sink
 * has consumed.
 *
 * A stream's window grows on a long fat path: where half of it comes and is consumed within a round trip, the window is what
 * holds the origin back, and it is doubled, up to `maxReceiveWindowBytes`. It stops where it is twice what a round trip
 * carries. All growth of a session together is at most `sessionWindowBytes`, the bound of what sinks that turn slow can cost.
 */
export class ReceiveWindows {
  readonly #clock: Clock;
  readonly #renewAtBytes: number;
  readonly #initialStreamBytes: number;
  readonly #maxStreamBytes: number;
  /** What the origin may still send on the session, and what came since that was renewed. */
  #sessionBytes: number;
  #unrenewedBytes = 0;
  /** What the windows of the streams that we reset let the origin send before it knew. */
  #lateBytes = 0;
  /** By how much all streams together may still grow. */
  #growthBytes: number;
  /** The shortest that was seen; 0: none yet, and nothing grows. */
  #roundTripMs = 0;

  constructor(options: Http2Options, clock: Clock) {
    const { receiveWindowBytes, maxReceiveWindowBytes, sessionWindowBytes } = options;
    this.#clock = clock;
    this.#renewAtBytes = sessionWindowBytes >>> 1;
    this.#initialStreamBytes = receiveWindowBytes;
    this.#maxStreamBytes = maxReceiveWindowBytes;
    this.#sessionBytes = Math.max(sessionWindowBytes, initialWindowBytes);
    this.#growthBytes = sessionWindowBytes;
  }

  /** By how much the session's window starts above what the RFC gives it. */
  get sessionHeadStart(): number {
    return this.#sessionBytes - initialWindowBytes;
  }

  /** DATA came; returns what to give back to the origin for the session now, 0 for nothing. Throws a ConnectionError. */
  receive(flowBytes: number): number {
    this.#sessionBytes -= flowBytes;
    if (this.#sessionBytes < 0) throw new ConnectionError('FLOW_CONTROL_ERROR', 'DATA beyond the session window');
    this.#unrenewedBytes += flowBytes;
    if (this.#unrenewedBytes < this.#renewAtBytes) return 0;
    const increment = this.#unrenewedBytes;
    this.#unrenewedBytes = 0;
    this.#sessionBytes += increment;
    return increment;
  }

  /** Half of a stream's window was consumed; returns what to give back to the origin for it. */
  renew(stream: NativeStream): number {
    const increment = stream.consumedBytes + this.#growthOf(stream);
    stream.consumedBytes = 0;
    stream.receiveWindow += increment;
    return increment;
  }

  #growthOf(stream: NativeStream): number {
    const now = this.#clock.now();
    const isHeldBack = this.#roundTripMs >= nearMs && now - stream.renewedAt <= this.#roundTripMs;
    stream.renewedAt = now;
    if (!isHeldBack) return 0;
    const { windowBytes } = stream;
    const growth = Math.max(0, Math.min(windowBytes, this.#maxStreamBytes - windowBytes, this.#growthBytes));
    this.#growthBytes -= growth;
    stream.windowBytes += growth;
    return growth;
  }

  /** A stream is over. `isReset`: by us, while the origin may still be sending. */
  release(stream: NativeStream, isReset: boolean): void {
    if (isReset) this.#lateBytes += Math.max(0, stream.receiveWindow);
    this.#growthBytes += stream.windowBytes - this.#initialStreamBytes;
  }

  /** DATA of a stream that is over; false: more than the origin could send before it knew. */
  takeLate(flowBytes: number): boolean {
    if (flowBytes === 0 || flowBytes > this.#lateBytes) return false;
    this.#lateBytes -= flowBytes;
    return true;
  }

  /** A frame of ours was answered. */
  tookRoundTrip(ms: number): void {
    if (this.#roundTripMs === 0 || ms < this.#roundTripMs) this.#roundTripMs = ms;
  }
}
