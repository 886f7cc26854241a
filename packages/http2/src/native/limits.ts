// What an origin may send beyond what an honest one ever does, and the counters that hold it to that.

import type { Clock } from '../clock.ts';
import { ConnectionError } from './connection-error.ts';

/**
 * Limits of one session on frames that cost us work and carry no exchange forward. At each the session ends with
 * ENHANCE_YOUR_CALM (RFC 9113 section 10.5). They are far above what honest origins send, so no user has to choose them.
 */
export interface Http2Limits {
  /** CONTINUATION frames of one field block. */
  readonly maxContinuationFrames: number;
  /** Bytes of one encoded field block; `null`: twice what the decoded fields may have with their overhead. */
  readonly maxFieldBlockBytes: number | null;
  /** 1xx responses of one exchange. */
  readonly maxInformational: number;
  /** SETTINGS in a second, acknowledgements not counted. */
  readonly settingsPerSecond: number;
  /** PING in a second, acknowledgements included. */
  readonly pingsPerSecond: number;
  /** RST_STREAM in a second, one for each of our requests not counted. */
  readonly resetsPerSecond: number;
  /** DATA without body that does not end its stream, in a second. */
  readonly emptyDataPerSecond: number;
  /** WINDOW_UPDATE in a second, one for each KiB of request body not counted. */
  readonly windowUpdatesPerSecond: number;
  /**
   * PRIORITY, frames of unknown type, GOAWAY after the first, and HEADERS and DATA of streams that are over, in a second. DATA
   * that was on its way when we reset its stream is not counted.
   */
  readonly ignoredPerSecond: number;
  /** Bytes of acknowledgements, resets and window updates that wait because the origin does not read. */
  readonly maxQueuedControlBytes: number;
}

export const defaultHttp2Limits: Http2Limits = Object.freeze({
  maxContinuationFrames: 128,
  maxFieldBlockBytes: null,
  maxInformational: 64,
  settingsPerSecond: 100,
  pingsPerSecond: 10_000,
  resetsPerSecond: 1000,
  emptyDataPerSecond: 1000,
  windowUpdatesPerSecond: 10_000,
  ignoredPerSecond: 1000,
  maxQueuedControlBytes: 256 * 1024,
});

const periodMs = 1000;

/** Frames of one kind in a second. The clock is asked only when the limit is reached. */
class FrameBudget {
  readonly #what: string;
  readonly #perSecond: number;
  readonly #clock: Clock;
  #since: number;
  #count = 0;

  constructor(what: string, perSecond: number, clock: Clock) {
    this.#what = what;
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** One more frame. Throws a ConnectionError if it is one too many. */
  spend(): void {
    if (++this.#count > this.#perSecond) this.#spent();
  }

  /** So many more frames are honest, because of what we sent. At most a second's worth is kept. */
  earn(frames: number): void {
    this.#count = Math.max(this.#count - frames, -this.#perSecond);
  }

  #spent(): void {
    const now = this.#clock.now();
    if (now - this.#since < periodMs) {
      const message = `more than ${this.#perSecond} ${this.#what} in a second`;
      throw new ConnectionError('ENHANCE_YOUR_CALM', message);
    }
    this.#since = now;
    this.#count = 1;
  }
}

/** Those of one session. */
export class FrameBudgets {
  readonly settings: FrameBudget;
  readonly ping: FrameBudget;
  readonly reset: FrameBudget;
  readonly emptyData: FrameBudget;
  readonly window: FrameBudget;
  readonly ignored: FrameBudget;

  constructor(limits: Http2Limits, clock: Clock) {
    this.settings = new FrameBudget('SETTINGS', limits.settingsPerSecond, clock);
    this.ping = new FrameBudget('PING', limits.pingsPerSecond, clock);
    this.reset = new FrameBudget('RST_STREAM', limits.resetsPerSecond, clock);
    this.emptyData = new FrameBudget('empty DATA', limits.emptyDataPerSecond, clock);
    this.window = new FrameBudget('WINDOW_UPDATE', limits.windowUpdatesPerSecond, clock);
    this.ignored = new FrameBudget('frames to be ignored', limits.ignoredPerSecond, clock);
  }
}
