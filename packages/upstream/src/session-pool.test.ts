import { SessionError } from '@hawser/http2';
import { FakeClock } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UpstreamError } from './errors.ts';
import { defaultOriginOptions, type OriginOptions } from './options.ts';
import {
  checkOut,
  codeOf,
  createPool,
  type PendingConnect,
  type ScriptedSession,
  TestWaiter,
  turn,
} from './scripted-session.test.fixture.ts';
import type { SessionPool } from './session-pool.ts';

let clock: FakeClock;
let connects: PendingConnect[];

beforeEach(() => {
  clock = new FakeClock();
  connects = [];
});

afterEach(() => {
  expect(clock.pendingTimers, 'timers left').toBe(0);
});

describe('opening sessions', () => {
  test('a hundred checkouts on a cold pool make one connect, and the session that comes serves them all', async () => {
    const pool = poolOf();
    const waiters = checkOut(pool, 100);
    expect(connects).toHaveLength(1);
    const session = await connects[0]!.succeed(100);
    expect(waiters.every((waiter) => waiter.session === session)).toBe(true);
    expect(waiters.map((waiter) => waiter.reason)).toEqual(['cold', ...Array.from({ length: 99 }, () => 'reused')]);
    expect(session.activeStreams).toBe(100);
    expect(connects).toHaveLength(1);
    pool.destroy();
  });

  test('with room for one each, there is a connect per waiter up to connections.max', async () => {
    const pool = poolOf({ connections: connectionsOf(4) });
    const waiters = checkOut(pool, 10);
    await connects[0]!.succeed(1);
    expect(connects).toHaveLength(4);
    await Promise.all([connects[1]!.succeed(1), connects[2]!.succeed(1), connects[3]!.succeed(1)]);
    expect(connects).toHaveLength(4);
    expect(waiters.filter((waiter) => waiter.session !== null)).toHaveLength(4);
    expect(waiters.slice(0, 4).map((waiter) => waiter.reason)).toEqual([
      'cold',
      'streams-exhausted',
      'streams-exhausted',
      'streams-exhausted',
    ]);
    pool.destroy();
  });

  test('known room is counted on: no more connects than the waiters need', async () => {
    const pool = poolOf();
    checkOut(pool, 10);
    await connects[0]!.succeed(4);
    expect(connects).toHaveLength(3);
    pool.destroy();
  });

  test('a waiter is served by room that comes before its connect', async () => {
    const pool = poolOf();
    const [first] = checkOut(pool, 1) as [TestWaiter];
    const session = await connects[0]!.succeed(1);
    clock.advance(1);
    const [second] = checkOut(pool, 1) as [TestWaiter];
    expect(connects).toHaveLength(2);
    first.finish();
    expect(second).toMatchObject({ session, reason: 'reused', connectMs: -1 });
    pool.destroy();
  });

  test('room that the origin adds is used at once', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const waiters = checkOut(pool, 3);
    const session = await connects[0]!.succeed(1);
    session.raise(3);
    expect(waiters.every((waiter) => waiter.session === session)).toBe(true);
    pool.destroy();
  });

  test('a session that comes without room (MAX_CONCURRENT_STREAMS 0) serves as soon as it has some', async () => {
    const pool = poolOf({ connections: connectionsOf(2) });
    const waiters = checkOut(pool, 3);
    const sessions = [await connects[0]!.succeed(0), await connects[1]!.succeed(0)];
    expect(connects, 'no more than connections.max').toHaveLength(2);
    expect(waiters.map(({ session, error }) => [session, error])).toEqual(waiters.map(() => [null, null]));
    sessions[1]!.raise(3);
    expect(waiters.every((waiter) => waiter.session === sessions[1])).toBe(true);
    pool.destroy();
  });

  test('room that the origin takes back is not used: to zero, below what runs, and up again', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const running = checkOut(pool, 2);
    const session = await connects[0]!.succeed(10);
    session.raise(0);
    const waiters = checkOut(pool, 2);
    running[0]?.finish();
    expect(waiters.map((waiter) => waiter.session)).toEqual([null, null]);
    session.raise(2);
    expect(waiters.map((waiter) => waiter.session)).toEqual([session, null]);
    running[1]?.finish();
    expect(waiters[1]?.session).toBe(session);
    pool.destroy();
  });

  test('the least loaded session is chosen', async () => {
    const pool = poolOf();
    const waiters = checkOut(pool, 4);
    const one = await connects[0]!.succeed(2);
    const two = await connects[1]!.succeed(2);
    waiters[0]?.finish();
    waiters[1]?.finish();
    waiters[2]?.finish();
    checkOut(pool, 1);
    expect([one.activeStreams, two.activeStreams]).toEqual([1, 1]);
    pool.destroy();
  });

  test('connect time is told to those who waited for the connect, and to nobody else', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const [first, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    clock.advance(40);
    await connects[0]!.succeed(1);
    clock.advance(10);
    const [late] = checkOut(pool, 1) as [TestWaiter];
    clock.advance(10);
    first.finish();
    second.finish();
    expect([first.connectMs, second.connectMs, late.connectMs]).toEqual([40, 40, -1]);
    late.finish();
    const [immediate] = checkOut(pool, 1) as [TestWaiter];
    expect(immediate).toMatchObject({ connectMs: -1, reason: 'reused' });
    pool.destroy();
  });

  test('the wait is fair between clients', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const greedy = {};
    const many = checkOut(pool, 50, greedy);
    const [other] = checkOut(pool, 1, {}) as [TestWaiter];
    await connects[0]!.succeed(1);
    many[0]?.finish();
    expect(other.session).not.toBeNull();
    pool.destroy();
  });
});

describe('the wait queue', () => {
  test('at queue.max the next waiter is refused, not from inside checkOut', async () => {
    const pool = poolOf({ queue: { max: 3, timeoutMs: 1000 } });
    const waiters = checkOut(pool, 4);
    expect(waiters[3]?.error).toBeNull();
    await turn();
    expect(waiters.map(codeOf)).toEqual([null, null, null, 'queue_full']);
    expect(waiters[3]?.error).toMatchObject({ source: 'broker', processed: 'no' });
    expect(waiters[3]?.error?.message).toBe('https://origin: 3 exchanges wait already (queue.max)');
    pool.destroy();
  });

  test('a waiter that is refused and withdrawn hears nothing', async () => {
    const pool = poolOf({ queue: { max: 0, timeoutMs: 1000 } });
    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    waiter.withdraw();
    await turn();
    expect(waiter.error).toBeNull();
  });

  test('queue.timeout ends a wait on sessions that are busy', async () => {
    const pool = poolOf({ connections: connectionsOf(1), queue: { max: 10, timeoutMs: 500 } });
    const [, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    await connects[0]!.succeed(1);
    clock.advance(499);
    expect(second.error).toBeNull();
    clock.advance(1);
    expect(second.error).toMatchObject({ code: 'queue_timeout', source: 'broker', processed: 'no' });
    expect(second.error?.message).toBe(
      'https://origin: no room on a session within 500 ms (queue.timeout), 1 of 1 sessions open',
    );
    pool.destroy();
  });

  test('a waiter that gave up is not served later', async () => {
    const pool = poolOf({ queue: { max: 10, timeoutMs: 500 } });
    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    clock.advance(500);
    expect(codeOf(waiter)).toBe('queue_timeout');
    await connects[0]!.succeed(1);
    expect(waiter.session).toBeNull();
    pool.destroy();
  });

  test('a withdrawn wait takes no room, leaves no timer, and is told nothing', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const [first, second, third] = checkOut(pool, 3) as [TestWaiter, TestWaiter, TestWaiter];
    second.withdraw();
    await connects[0]!.succeed(1);
    first.finish();
    expect(second).toMatchObject({ session: null, error: null });
    expect(third.session).not.toBeNull();
    third.finish();
    pool.destroy();
    expect(second.error).toBeNull();
  });
});

describe('a connect that fails', () => {
  test('fails every waiter of a pool without sessions, and the next checkout tries again', async () => {
    const pool = poolOf();
    const waiters = checkOut(pool, 3);
    await connects[0]!.fail(refused);
    expect(waiters.map((waiter) => waiter.error)).toEqual([refused, refused, refused]);
    expect(pool.isEmpty).toBe(true);
    const [next] = checkOut(pool, 1) as [TestWaiter];
    expect(connects).toHaveLength(2);
    await connects[1]!.succeed(1);
    expect(next.session).not.toBeNull();
    pool.destroy();
  });

  test('fails nobody while a session serves; another connect waits for a pause and then comes by itself', async () => {
    const pool = poolOf({ connections: connectionsOf(2) });
    const [, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    await connects[0]!.succeed(1);
    await connects[1]!.fail(refused);
    checkOut(pool, 1);
    clock.advance(999);
    expect(second).toMatchObject({ session: null, error: null });
    expect(connects).toHaveLength(2);
    clock.advance(1);
    expect(connects).toHaveLength(3);
    await connects[2]!.succeed(1);
    expect(second.session).not.toBeNull();
    pool.destroy();
  });

  test('the pause ends when the last session does: nobody is left waiting for nothing', async () => {
    const pool = poolOf({ connections: connectionsOf(2) });
    const [, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    const session = await connects[0]!.succeed(1);
    await connects[1]!.fail(refused);
    session.close(null);
    expect(connects).toHaveLength(3);
    await connects[2]!.succeed(1);
    expect(second.session).not.toBeNull();
    pool.destroy();
  });

  test('of several at once, the last one tells the waiters', async () => {
    const pool = poolOf();
    const waiters = checkOut(pool, 4);
    const session = await connects[0]!.succeed(1);
    expect(connects).toHaveLength(4);
    await connects[1]!.fail(refused);
    session.close(null);
    await connects[2]!.fail(refused);
    expect(waiters.map(codeOf)).toEqual([null, null, null, null]);
    await connects[3]!.fail(refused);
    expect(waiters.map(codeOf)).toEqual([null, 'connect_refused', 'connect_refused', 'connect_refused']);
    pool.destroy();
  });

  test('a waiter that checks out again as it is told starts a new connect, and the others are told', async () => {
    const pool = poolOf();
    const again = new TestWaiter({});
    const eager = new TestWaiter({});
    eager.onError = () => again.checkOut(pool);
    eager.checkOut(pool);
    const [other] = checkOut(pool, 1) as [TestWaiter];
    await connects[0]!.fail(refused);
    expect(codeOf(other)).toBe('connect_refused');
    expect(again.error).toBeNull();
    await connects[1]!.succeed(1);
    expect(again.session).not.toBeNull();
    pool.destroy();
  });

  test('a session that ended as it was opened counts as one, so that the origin is not hammered', async () => {
    const pool = poolOf();
    const waiters = checkOut(pool, 2);
    await connects[0]!.succeed(1, 'closed');
    expect(waiters.map(codeOf)).toEqual(['connect_failed', 'connect_failed']);
    expect(connects).toHaveLength(1);
  });
});

describe('a session that ends', () => {
  test('on GOAWAY what runs is finished, and the next exchange goes to a new session', async () => {
    const pool = poolOf();
    const [running] = checkOut(pool, 1) as [TestWaiter];
    const old = await connects[0]!.succeed(10);
    old.leave('goaway');
    const [next] = checkOut(pool, 1) as [TestWaiter];
    const fresh = await connects[1]!.succeed(10);
    expect(next).toMatchObject({ session: fresh, reason: 'goaway' });
    expect(pool.sessionCount).toBe(2);
    expect(old.activeStreams).toBe(1);
    running.finish();
    expect(pool.sessionCount).toBe(1);
    pool.destroy();
  });

  test('draining sessions do not count against connections.max', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const [running, waiting] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    (await connects[0]!.succeed(1)).leave('goaway');
    expect(connects).toHaveLength(2);
    await connects[1]!.succeed(1);
    expect(waiting.session).not.toBeNull();
    running.finish();
    pool.destroy();
  });

  test.each<[string, (session: ScriptedSession) => void, string]>([
    ['the origin closed it', (session) => session.close(null), 'origin-closed'],
    ['it broke', (session) => session.close(broken), 'error'],
    ['GOAWAY, then its end', (session) => session.leave('goaway'), 'goaway'],
    ['we closed it', (session) => session.drain(), 'closed-here'],
  ])('the next one says why: %s', async (_name, end, reason) => {
    const pool = poolOf();
    const [first] = checkOut(pool, 1) as [TestWaiter];
    const session = await connects[0]!.succeed(10);
    first.finish();
    end(session);
    expect(pool.sessionCount).toBe(0);
    const [next] = checkOut(pool, 1) as [TestWaiter];
    await connects[1]!.succeed(10);
    expect(next.reason).toBe(reason);
    pool.destroy();
  });

  test('a session that nobody uses for connections.idle is drained', async () => {
    const pool = poolOf({ connections: connectionsOf(4) });
    const [first] = checkOut(pool, 1) as [TestWaiter];
    const session = await connects[0]!.succeed(10);
    clock.advance(5000);
    expect(session.state).toBe('open');
    first.finish();
    clock.advance(900);
    const [second] = checkOut(pool, 1) as [TestWaiter];
    clock.advance(900);
    second.finish();
    clock.advance(999);
    expect(session.state).toBe('open');
    clock.advance(1);
    expect(session.state).toBe('closed');
    expect(pool.isEmpty).toBe(true);
  });

  test('a session that came when nobody waited any more is drained after connections.idle too', async () => {
    const pool = poolOf({ connections: connectionsOf(4) });
    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    waiter.withdraw();
    const session = await connects[0]!.succeed(10);
    clock.advance(1000);
    expect(session.state).toBe('closed');
  });

  test('a session whose room was not used after all goes back to being idle', async () => {
    const pool = poolOf({ connections: connectionsOf(4) });
    const [first] = checkOut(pool, 1) as [TestWaiter];
    const session = await connects[0]!.succeed(10);
    first.finish();
    pool.checkOut({ client: {}, onRoom: () => {}, onError: () => {} });
    clock.advance(1000);
    expect(session.state).toBe('closed');
  });
});

describe('drain and destroy', () => {
  test('drain finishes what runs, fails who waits, refuses who comes', async () => {
    const pool = poolOf({ connections: connectionsOf(1) });
    const [running, waiting] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    const session = await connects[0]!.succeed(1);
    pool.drain();
    const [late] = checkOut(pool, 1) as [TestWaiter];
    await turn();
    expect([codeOf(running), codeOf(waiting), codeOf(late)]).toEqual([null, 'broker_draining', 'broker_draining']);
    expect(late.error).toMatchObject({ source: 'broker', processed: 'no' });
    expect(session.state).toBe('draining');
    running.finish();
    expect(session.state).toBe('closed');
    expect(pool.isEmpty).toBe(true);
  });

  test('a connect that succeeds while draining is closed again', async () => {
    const pool = poolOf();
    checkOut(pool, 1);
    pool.drain();
    const session = await connects[0]!.succeed(1);
    expect(session.state).toBe('closed');
    expect(pool.isEmpty).toBe(true);
  });

  test('destroy ends sessions, connects, pauses and waits at once', async () => {
    const pool = poolOf({ connections: connectionsOf(3) });
    const waiters = checkOut(pool, 4);
    const session = await connects[0]!.succeed(1);
    await connects[1]!.fail(refused);
    pool.destroy();
    expect(session.state).toBe('closed');
    expect(connects[2]!.signal.aborted).toBe(true);
    expect(connects[2]!.signal.reason).toMatchObject({ code: 'broker_draining' });
    expect(waiters.slice(1).map(codeOf)).toEqual(['broker_draining', 'broker_draining', 'broker_draining']);
    await connects[2]!.fail(connects[2]!.signal.reason);
    expect(pool.isEmpty).toBe(true);
  });
});

test('a pool is empty only with nothing open, connecting, draining or waiting', async () => {
  const pool = poolOf();
  expect(pool.isEmpty).toBe(true);
  const [waiter] = checkOut(pool, 1) as [TestWaiter];
  expect(pool.isEmpty).toBe(false);
  const session = await connects[0]!.succeed(1);
  expect(pool.isEmpty).toBe(false);
  session.leave('goaway');
  expect(pool.isEmpty).toBe(false);
  waiter.finish();
  expect(pool.isEmpty).toBe(true);
});

const refused = new UpstreamError('connect_refused', 'refused', { source: 'connect', processed: 'no' });
const broken = new SessionError('session_closed', 'reset', { processed: 'maybe' });

function poolOf(options?: Parameters<typeof createPool>[2]): SessionPool {
  return createPool(clock, connects, options);
}

/** Up to `max` sessions, idle ones kept for a second. */
function connectionsOf(max: number): OriginOptions['connections'] {
  return { ...defaultOriginOptions.connections, max, maxIdle: max, idleMs: 1000 };
}
