// PING (RFC 9113 section 6.7): those that we sent and that wait for their answer.

import type { Clock, Timer } from '../clock.ts';
import { SessionError } from '../session.ts';
import { readUint32, writeUint32 } from './frame.ts';

interface Ping {
  readonly sentAt: number;
  readonly timer: Timer;
  readonly resolve: (ms: number) => void;
  readonly reject: (error: SessionError) => void;
}

export class Pings {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Ping>();
  readonly #payload = Buffer.alloc(8);
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One more: `send` gets its payload. */
  send(timeoutMs: number, remoteAddress: string, send: (payload: Buffer) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#last = (this.#last + 1) >>> 0;
      const number = this.#last;
      const timer = this.#clock.setTimeout(() => {
        this.#waiting.delete(number);
        const message = `no answer to PING from ${remoteAddress} within ${timeoutMs} ms`;
        // The session is ended with it, and what runs there may have been processed.
        reject(new SessionError('ping_timeout', message, { processed: 'maybe' }));
      }, timeoutMs);
      this.#waiting.set(number, { sentAt: this.#clock.now(), timer, resolve, reject });
      writeUint32(this.#payload, 4, number);
      send(this.#payload);
    });
  }

  /** An answer; returns how long it took. One that nobody waits for any more is none of our business: null. */
  answered(bytes: Buffer, at: number): number | null {
    const number = readUint32(bytes, at + 4);
    const ping = this.#waiting.get(number);
    if (ping === undefined || readUint32(bytes, at) !== 0) return null;
    this.#waiting.delete(number);
    this.#clock.clearTimeout(ping.timer);
    const ms = this.#clock.now() - ping.sentAt;
    ping.resolve(ms);
    return ms;
  }

  /** The session has ended. */
  end(cause: unknown): void {
    for (const { timer, reject } of this.#waiting.values()) {
      this.#clock.clearTimeout(timer);
      reject(new SessionError('session_closed', 'the session ended', { processed: 'no', cause }));
    }
    this.#waiting.clear();
  }
}
