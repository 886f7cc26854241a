// Whether the sessions of a pool still live: PING where it is answered, and what to go by where it is not.

import { SessionError } from '@hawser/http2';
import type { Clock } from './clock.ts';
import type { PingReply, PooledSession } from './pooled-session.ts';

/** An HTTP/2 session idle for longer is asked by PING before it is used again: a middlebox may have forgotten it. */
const pingAfterIdleMs = 10_000;

/** An answer to that PING that takes longer is worth less than a new connection. */
const probeTimeoutMs = 1_000;

/**
 * A session is asked for the first time so long after it first fell idle: what the origin still has to say as the exchange
 * ends it says before that, and a connection that is for one exchange alone carries no PING.
 */
const firstPingDelayMs = 20;

/** A PING that nobody waits for may take this long. */
const quietPingTimeoutMs = 5_000;

/** A session in use, or kept warm, shows life at least this often: well within the 350 s of a cloud NAT. */
export const keepAliveMs = 240_000;

/** So many sessions in a row that never answered a PING make an origin one that answers none. */
const silencesThatTell = 2;

/**
 * What is known of PING is known per session: each is asked once, as it first falls idle, and may have another server
 * behind it than the one before. A session that has answered and falls silent is dead. One that never answered may be
 * dead or ignore PING: the first such one makes room if nothing runs on it; after two in a row it is taken for one that
 * ignores PING. That is closed before a NAT forgets it, and drained when an exchange times out while it answers no other.
 */
export class Liveness {
  readonly #clock: Clock;
  #isPingAnswered = true;
  #silencesInARow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether `entry`, which is idle, is to be asked before an exchange is given to it. */
  isDoubtful(entry: PooledSession): boolean {
    const quietSince = Math.max(entry.idleSince ?? 0, entry.lastAnswerAt);
    return entry.ping === 'answered' && this.#clock.now() - quietSince >= pingAfterIdleMs;
  }

  /** Asks a doubtful session, and ends it if it is silent. True: it lives. */
  async probe(entry: PooledSession): Promise<boolean> {
    const reply = await this.#ask(entry, probeTimeoutMs);
    if (reply === 'silence') end(entry);
    return reply === 'answer';
  }

  /** Milliseconds until `entry` is to be asked for the first time; infinite where it was, or has carried nothing yet. */
  firstPingInMs(entry: PooledSession): number {
    const { ping, firstIdleAt, session } = entry;
    if (ping !== 'unasked' || firstIdleAt === null || session.protocol !== 'h2') return Number.POSITIVE_INFINITY;
    return firstIdleAt + firstPingDelayMs - this.#clock.now();
  }

  /** Asks a session for the first time, if it is due: it lived a moment ago for certain. */
  async learn(entry: PooledSession): Promise<void> {
    if (this.firstPingInMs(entry) > 0) return;
    entry.ping = 'asked';
    const { answeredStreams } = entry;
    if ((await this.#ask(entry, quietPingTimeoutMs)) !== 'silence') return;
    entry.ping = 'silent';
    this.#silencesInARow++;
    if (this.#silencesInARow >= silencesThatTell) this.#isPingAnswered = false;
    const isInUse = entry.session.activeStreams > 0 || entry.answeredStreams > answeredStreams;
    if (this.#isPingAnswered && !isInUse) end(entry);
  }

  /** Keeps `entry` from being forgotten on the way, which a PING does even if nobody answers it; and finds out if it was. */
  async keepAlive(entry: PooledSession): Promise<void> {
    if (entry.session.protocol !== 'h2' || this.#clock.now() - entry.lastPingAt < keepAliveMs) return;
    const hasAnsweredBefore = entry.ping === 'answered';
    if ((await this.#ask(entry, quietPingTimeoutMs)) === 'silence' && hasAnsweredBefore) end(entry);
  }

  /**
   * An exchange that began when `entry` had answered `answeredStreams` timed out; `isOverdue`: by the origin's own measure,
   * not only by a client's. It may be alone in that, or not.
   */
  async suspect(entry: PooledSession, answeredStreams: number, isOverdue: boolean): Promise<void> {
    if (entry.session.protocol !== 'h2' || entry.answeredStreams > answeredStreams) return;
    if (entry.ping === 'silent' && isOverdue) {
      entry.session.drain();
      return;
    }
    const hasAnsweredBefore = entry.ping === 'answered';
    if ((await this.#ask(entry, quietPingTimeoutMs)) !== 'silence' || entry.answeredStreams > answeredStreams) return;
    if (hasAnsweredBefore) end(entry);
    else entry.session.drain();
  }

  /** One PING at a time on a session; who asks meanwhile shares it, and its time-out. */
  #ask(entry: PooledSession, timeoutMs: number): Promise<PingReply> {
    entry.pinging ??= this.#ping(entry, timeoutMs).finally(() => {
      entry.pinging = null;
    });
    return entry.pinging;
  }

  async #ping(entry: PooledSession, timeoutMs: number): Promise<PingReply> {
    entry.lastPingAt = this.#clock.now();
    try {
      await entry.session.ping(timeoutMs);
    } catch (error) {
      return error instanceof SessionError && error.code === 'ping_timeout' ? 'silence' : 'ended';
    }
    entry.lastAnswerAt = this.#clock.now();
    entry.ping = 'answered';
    this.#isPingAnswered = true;
    this.#silencesInARow = 0;
    return 'answer';
  }
}

/** What runs on it was sent, and may have been acted on: only the way back need be broken. */
function end(entry: PooledSession): void {
  const message = `the session with ${entry.session.remoteAddress} answered no PING and was ended`;
  entry.session.destroy(new SessionError('ping_timeout', message, { processed: 'maybe' }));
}
