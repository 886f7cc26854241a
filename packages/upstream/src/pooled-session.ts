// A session with what the pool knows of it beyond the contract: its age, its idleness, and whether it is being probed.

import type { Session } from '@hawser/http2';
import type { Timer } from './clock.ts';

/**
 * Why a session was opened: it is the first, the others have no room, it replaces one (`max-age`, `dns-changed`), it is
 * held open though nobody asks (`warm`), or how the one before it ended. `closed-here`: it was idle, or an HTTP/1.1
 * exchange on it was cancelled.
 */
export type OpenReason =
  | 'cold'
  | 'streams-exhausted'
  | 'max-age'
  | 'goaway'
  | 'origin-closed'
  | 'closed-here'
  | 'dns-changed'
  | 'error'
  | 'warm';

/** One session as an operator sees it. Durations in milliseconds. */
export interface SessionSnapshot {
  readonly origin: string;
  readonly remoteAddress: string;
  readonly protocol: 'h2' | 'http/1.1';
  readonly state: 'open' | 'draining' | 'closed';
  readonly openedFor: OpenReason;
  readonly ageMs: number;
  /** 0 while it carries an exchange. */
  readonly idleMs: number;
  readonly activeStreams: number;
  readonly startedStreams: number;
  /** What the last exchange that failed on it said; null if none did. */
  readonly lastError: string | null;
}

/** What came of a PING; `ended`: the session did, before it was answered. */
export type PingReply = 'answer' | 'silence' | 'ended';

export class PooledSession {
  readonly session: Session;
  readonly openedFor: OpenReason;
  /** How long its connect took. */
  readonly connectMs: number;
  readonly openedAt: number;
  /** Age at which it is replaced. */
  readonly maxAgeMs: number;
  /** Since when it carries nothing; null while it carries something. */
  idleSince: number | null;
  /** A PING is out, and its answer decides whether the session may be used. */
  isProbing = false;
  /** When it fell idle for the first time, after its first exchanges; null before. */
  firstIdleAt: number | null = null;
  /** `asked`: for the first time, after it fell idle; `silent`: it never answered. */
  ping: 'unasked' | 'asked' | 'answered' | 'silent' = 'unasked';
  /** The PING that is out. */
  pinging: Promise<PingReply> | null = null;
  /** Its replacement is being opened. */
  isReplaced = false;
  /** Why the pool drained it, where that is what the next session is opened for. */
  drainedFor: OpenReason | null = null;
  drainingCause: 'goaway' | 'local' | 'closed' | null = null;
  lastPingAt: number;
  /** When the last PING was answered. */
  lastAnswerAt: number;
  lastError: string | null = null;
  /** Streams whose response began: whatever came back later than a question shows that the way there is open. */
  answeredStreams = 0;
  /** Streams that the origin refused, since it last answered one. */
  refusals = 0;
  /** The pool's timer for whatever is due next. */
  timer: Timer = null;
  dueAt = 0;

  constructor(session: Session, openedFor: OpenReason, connectMs: number, now: number, maxAgeMs: number) {
    this.session = session;
    this.openedFor = openedFor;
    this.connectMs = connectMs;
    this.openedAt = now;
    this.maxAgeMs = maxAgeMs;
    this.idleSince = now;
    this.lastPingAt = now;
    this.lastAnswerAt = now;
  }

  get hasRoom(): boolean {
    return !this.isProbing && this.session.freeStreams > 0;
  }

  /** It will close without anybody's doing. */
  get isLeaving(): boolean {
    return this.session.state !== 'open' && this.session.activeStreams === 0;
  }

  idleMs(now: number): number {
    return this.idleSince === null ? 0 : now - this.idleSince;
  }

  /** A response began. */
  noteAnswer(): void {
    this.answeredStreams++;
    this.refusals = 0;
  }

  snapshot(origin: string, now: number): SessionSnapshot {
    const { session } = this;
    return {
      origin,
      remoteAddress: session.remoteAddress,
      protocol: session.protocol,
      state: session.state,
      openedFor: this.openedFor,
      ageMs: now - this.openedAt,
      idleMs: this.idleMs(now),
      activeStreams: session.activeStreams,
      startedStreams: session.startedStreams,
      lastError: this.lastError,
    };
  }
}
