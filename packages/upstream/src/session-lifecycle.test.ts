import { SessionError } from '@hawser/http2';
import { FakeClock } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UpstreamError } from './errors.ts';
import {
  checkOut,
  createPool,
  type PendingConnect,
  type ScriptedSession,
  type TestWaiter,
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

const minute = 60_000;
/** A session that has been idle for so long has had its first PING. */
const firstAskedMs = 20;
const silence = () => Promise.reject(new SessionError('ping_timeout', 'no answer', { processed: 'no' }));

function poolOf(options?: Parameters<typeof createPool>[2]): SessionPool {
  return createPool(clock, connects, options);
}

/** One exchange from begin to end; how its session was come by. */
async function exchange(pool: SessionPool): Promise<TestWaiter> {
  const [waiter] = checkOut(pool, 1) as [TestWaiter];
  await turn();
  if (waiter.session !== null) waiter.finish();
  return waiter;
}

/** The exchange for which the session is opened, from begin to end: the session is idle now, and had no PING yet. */
async function firstExchange(pool: SessionPool, index = 0): Promise<{ waiter: TestWaiter; session: ScriptedSession }> {
  const [waiter] = checkOut(pool, 1) as [TestWaiter];
  const session = await connects[index]!.succeed(100);
  waiter.finish();
  return { waiter, session };
}

async function advance(ms: number): Promise<void> {
  clock.advance(ms);
  await turn();
}

describe('age', () => {
  test('make before break: the replacement is open before the old session takes nothing more', async () => {
    const pool = poolOf({ connections: { max: 2, maxAgeMs: minute, idleMs: 60 * minute } });
    const [running] = checkOut(pool, 1) as [TestWaiter];
    const old = await connects[0]!.succeed(100);

    await advance(minute);

    expect(connects).toHaveLength(2);
    expect(old.state).toBe('open');
    expect((await exchange(pool)).session).toBe(old);
    const fresh = await connects[1]!.succeed(100);
    expect(old.state).toBe('draining');
    expect(await exchange(pool)).toMatchObject({ session: fresh, reason: 'max-age' });
    running.finish();
    expect(old.state).toBe('closed');
    pool.destroy();
  });

  test('a replacement that cannot be opened leaves the old session in service, and is tried again', async () => {
    const pool = poolOf({ connections: { max: 2, maxAgeMs: minute, idleMs: 60 * minute } });
    checkOut(pool, 1);
    const old = await connects[0]!.succeed(100);
    await advance(minute);
    await connects[1]!.fail(new UpstreamError('connect_refused', 'refused', { source: 'connect', processed: 'no' }));
    expect(old.state).toBe('open');
    await advance(3_000);
    expect(connects).toHaveLength(3);
    await connects[2]!.succeed(100);
    expect(old.state).toBe('draining');
    pool.destroy();
  });

  test('ages are spread: of many sessions opened at once, none lives longer than maxAge and few end together', async () => {
    const pool = poolOf({ connections: { max: 50, maxIdle: 50, maxAgeMs: 10 * minute, idleMs: 60 * minute } });
    checkOut(pool, 50);
    await connects[0]!.succeed(1);
    await Promise.all(connects.slice(1).map((connect) => connect.succeed(1)));
    const leaving: number[] = [];
    for (let second = 9 * 60; second <= 10 * 60; second++) {
      await advance(second === 9 * 60 ? second * 1000 : 1000);
      leaving.push(connects.length - 50 + pool.snapshot().filter((session) => session.state === 'draining').length);
    }
    expect(leaving.at(0)).toBeLessThan(10);
    expect(leaving.at(30)).toBeGreaterThan(5);
    expect(leaving.at(30)).toBeLessThan(45);
    expect(leaving.at(-1)).toBe(50);
    pool.destroy();
  });
});

describe('PING', () => {
  test('a session that was idle for long is asked before it is used', async () => {
    const pool = poolOf();
    const { session } = await firstExchange(pool);
    await advance(firstAskedMs);
    expect(session.pings, 'learns whether the origin answers').toBe(1);
    await advance(20_000);
    const answer = Promise.withResolvers<number>();
    session.pingAnswer = () => answer.promise;

    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    expect(waiter.session).toBeNull();
    expect(connects).toHaveLength(1);
    answer.resolve(1);
    await turn();

    expect(waiter).toMatchObject({ session, reason: 'reused' });
    pool.destroy();
  });

  test('none goes to an origin that ends its connection after one exchange', async () => {
    const pool = poolOf();
    const { session } = await firstExchange(pool);
    await advance(firstAskedMs - 1);
    expect(session.pings).toBe(0);
    session.close(null);
    await advance(firstAskedMs);
    expect(session.pings).toBe(0);
    pool.destroy();
  });

  test('a session that is in use again is asked all the same', async () => {
    const pool = poolOf();
    const { session } = await firstExchange(pool);
    checkOut(pool, 1);
    await advance(firstAskedMs);
    expect(session.pings).toBe(1);
    pool.destroy();
  });

  test('a session that a time-out had asked before is not asked again, and nothing is due soon', async () => {
    const pool = poolOf();
    const { waiter, session } = await firstExchange(pool);
    checkOut(pool, 1);
    pool.suspect(waiter.entry!, 0, true);
    await turn();
    await advance(firstAskedMs);
    expect(session.pings).toBe(1);
    expect(waiter.entry!.dueAt - clock.now()).toBeGreaterThan(1_000);
    pool.destroy();
  });

  test('one that does not answer is ended, and the exchange goes to a new session', async () => {
    const pool = poolOf();
    const { session: dead } = await firstExchange(pool);
    await advance(firstAskedMs);
    await advance(20_000);
    dead.pingAnswer = silence;

    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    await turn();

    expect(dead.state).toBe('closed');
    const fresh = await connects[1]!.succeed(100);
    expect(waiter.session).toBe(fresh);
    pool.destroy();
  });

  test('an origin that answers no PING is known by two sessions, and the second is not ended for it', async () => {
    const pool = poolOf();
    const silent: ScriptedSession[] = [];
    for (const index of [0, 1]) {
      const { session } = await firstExchange(pool, index);
      silent.push(session);
      session.pingAnswer = silence;
      await advance(firstAskedMs);
    }
    const [first, second] = silent as [ScriptedSession, ScriptedSession];
    expect([first.state, second.state], 'the first may be dead').toEqual(['closed', 'open']);
    await advance(20_000);
    expect(await exchange(pool)).toMatchObject({ session: second, reason: 'reused' });
    expect(second.pings).toBe(1);
    pool.destroy();
  });

  test('one dead connection teaches nothing: the next session is asked, and asked again before use', async () => {
    const pool = poolOf();
    const { session: dead } = await firstExchange(pool);
    dead.pingAnswer = silence;
    await advance(firstAskedMs);
    expect(dead.state).toBe('closed');
    const { session } = await firstExchange(pool, 1);
    await advance(firstAskedMs);
    await advance(20_000);
    expect(await exchange(pool)).toMatchObject({ session, reason: 'reused' });
    expect(session.pings).toBe(2);
    pool.destroy();
  });

  test('a session in use shows life within the idle time of a NAT', async () => {
    const pool = poolOf({ connections: { maxAgeMs: 60 * minute } });
    const [idle, busy] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    const session = await connects[0]!.succeed(100);
    idle.finish();
    busy.finish();
    await advance(firstAskedMs);
    checkOut(pool, 1);
    const before = session.pings;
    await advance(349_000);
    expect(session.pings).toBeGreaterThan(before);
    pool.destroy();
  });

  test('a time-out makes the session suspect: where it is silent as a whole it ends', async () => {
    const pool = poolOf();
    const [first, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    const session = await connects[0]!.succeed(100);
    first.finish();
    second.finish();
    await advance(firstAskedMs);
    checkOut(pool, 1);
    session.pingAnswer = silence;
    pool.suspect(first.entry!, 0, true);
    await turn();
    expect(session.state).toBe('closed');
    // What runs on it was sent: a POST must not be repeated for this.
    expect(session.destroyedWith).toMatchObject({ code: 'ping_timeout', processed: 'maybe' });
    pool.destroy();
  });

  test('a time-out on a session that answered another exchange meanwhile says nothing about the session', async () => {
    const pool = poolOf();
    const [first] = checkOut(pool, 2) as [TestWaiter];
    const session = await connects[0]!.succeed(100);
    session.pingAnswer = silence;
    first.entry!.noteAnswer();
    pool.suspect(first.entry!, 0, true);
    await turn();
    expect(session).toMatchObject({ state: 'open', pings: 0 });
    pool.destroy();
  });

  test('where PING was never answered, a session that times out and answers nobody is drained, not ended', async () => {
    const pool = poolOf();
    const [first, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    const session = await connects[0]!.succeed(100);
    session.pingAnswer = silence;
    pool.suspect(first.entry!, 0, true);
    await turn();
    expect(session.state).toBe('draining');
    checkOut(pool, 1);
    expect(connects).toHaveLength(2);
    first.finish();
    second.finish();
    expect(session.state).toBe('closed');
    pool.destroy();
  });

  test.each([
    [true, 'closed', 1],
    [false, 'open', 2],
  ] as const)(
    'known to ignore PING, a time-out (overdue: %s) leaves it %s at once',
    async (isOverdue, state, pings) => {
      const pool = poolOf({ connections: { max: 2 } });
      const waiters = checkOut(pool, 2);
      const sessions = [await connects[0]!.succeed(1), await connects[1]!.succeed(1)];
      for (const [index, session] of sessions.entries()) {
        session.pingAnswer = silence;
        waiters[index]!.finish();
        await advance(firstAskedMs);
      }
      const [, ignoring] = sessions as [ScriptedSession, ScriptedSession];
      ignoring.pingAnswer = () => new Promise(() => {});
      pool.suspect(waiters[1]!.entry!, 0, isOverdue);
      expect(ignoring).toMatchObject({ state, pings });
      pool.destroy();
    },
  );

  test('many time-outs at once are one PING', async () => {
    const pool = poolOf();
    const waiters = checkOut(pool, 50);
    const session = await connects[0]!.succeed(100);
    const answer = Promise.withResolvers<number>();
    session.pingAnswer = () => answer.promise;
    for (const waiter of waiters) pool.suspect(waiter.entry!, 0, true);
    expect(session.pings).toBe(1);
    answer.resolve(1);
    await turn();
    expect(session.state).toBe('open');
    pool.destroy();
  });

  test('an idle session that never answered is ended where others of the pool do answer', async () => {
    const pool = poolOf({ connections: { max: 2 } });
    const [first, second] = checkOut(pool, 2) as [TestWaiter, TestWaiter];
    await connects[0]!.succeed(1);
    const silent = await connects[1]!.succeed(1);
    first.finish();
    await advance(firstAskedMs);
    silent.pingAnswer = silence;
    second.finish();
    await advance(firstAskedMs);
    expect(silent.state).toBe('closed');
    pool.destroy();
  });

  test('an origin that answered once and ignores PING from then on keeps its sessions, after two of them', async () => {
    const pool = poolOf({ connections: { max: 8, maxIdle: 8 } });
    const waiters = checkOut(pool, 5);
    const sessions = [await connects[0]!.succeed(1)];
    for (const connect of connects.slice(1)) sessions.push(await connect.succeed(1));
    for (const [index, waiter] of waiters.entries()) {
      if (index > 0) sessions[index]!.pingAnswer = silence;
      waiter.finish();
      await advance(firstAskedMs);
    }
    expect(sessions.map(({ state }) => state)).toEqual(['open', 'closed', 'open', 'open', 'open']);
    pool.destroy();
  });

  test('one that never fell idle is kept alive too, and not ended where it ignores PING', async () => {
    const pool = poolOf({ connections: { maxAgeMs: 60 * minute } });
    checkOut(pool, 1);
    const session = await connects[0]!.succeed(100);
    session.pingAnswer = silence;
    await advance(349_000);
    expect(session).toMatchObject({ state: 'open', pings: 1 });
    pool.destroy();
  });
});

describe('what the origin does with idle connections', () => {
  test('is learned: retired before it closes them', async () => {
    const pool = poolOf({ connections: { idleMs: 5 * minute } });
    for (let round = 0; round < 2; round++) {
      const [waiter] = checkOut(pool, 1) as [TestWaiter];
      const session = await connects[round]!.succeed(1, 'open', { protocol: 'http/1.1' });
      waiter.finish();
      await advance(1000);
      session.close(null);
    }
    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    const session = await connects[2]!.succeed(1, 'open', { protocol: 'http/1.1' });
    waiter.finish();
    await advance(790);
    expect(session.state).toBe('open');
    await advance(20);
    expect(session.state).toBe('closed');
    pool.destroy();
  });

  test('a restart that closes them at any age teaches nothing', async () => {
    const pool = poolOf({ connections: { idleMs: 5 * minute } });
    for (const [round, idleMs] of [200, 900, 4000].entries()) {
      const [waiter] = checkOut(pool, 1) as [TestWaiter];
      const session = await connects[round]!.succeed(1, 'open', { protocol: 'http/1.1' });
      waiter.finish();
      await advance(idleMs);
      session.close(null);
    }
    const [waiter] = checkOut(pool, 1) as [TestWaiter];
    const session = await connects[3]!.succeed(1, 'open', { protocol: 'http/1.1' });
    waiter.finish();
    await advance(4 * minute);
    expect(session.state).toBe('open');
    pool.destroy();
  });
});

describe('the idle time of a NAT, 350 s', () => {
  test.each([
    ['a session over HTTP/1.1', 'http/1.1', true, 'closed'],
    ['one that ignores PING', 'h2', false, 'closed'],
    ['one that answers PING', 'h2', true, 'open'],
  ] as const)('with a longer connections.idle: %s', async (_name, protocol, isAnswered, state) => {
    const pool = poolOf({ connections: { idleMs: 60 * minute, maxAgeMs: 60 * minute } });
    let session!: ScriptedSession;
    for (const connect of isAnswered ? [0] : [0, 1]) {
      const [waiter] = checkOut(pool, 1) as [TestWaiter];
      session = await connects[connect]!.succeed(1, 'open', { protocol });
      if (!isAnswered) session.pingAnswer = silence;
      waiter.finish();
      await advance(firstAskedMs);
    }
    await advance(339_000);
    expect(session.state).toBe('open');
    await advance(2_000);
    expect(session.state).toBe(state);
    pool.destroy();
  });
});

describe('a session that refuses streams', () => {
  test('comes after one that does not, although it carries less', async () => {
    const pool = poolOf({ connections: { max: 2 } });
    const waiters = checkOut(pool, 4);
    const refusing = await connects[0]!.succeed(2);
    const willing = await connects[1]!.succeed(2);
    const [first] = waiters.filter(({ session }) => session === refusing) as [TestWaiter];
    for (const waiter of waiters.slice(0, 3)) waiter.finish();
    pool.noteRefusal(first.entry!);
    expect([refusing.activeStreams, willing.activeStreams]).toEqual([0, 1]);
    expect(checkOut(pool, 1)[0]?.session).toBe(willing);
    expect(checkOut(pool, 1)[0]?.session, 'willing is full').toBe(refusing);
    pool.destroy();
  });

  test('is as good as any other once it has answered', async () => {
    const pool = poolOf({ connections: { max: 2 } });
    const waiters = checkOut(pool, 4);
    const first = await connects[0]!.succeed(2);
    await connects[1]!.succeed(2);
    for (const waiter of waiters.slice(0, 3)) waiter.finish();
    pool.noteRefusal(waiters[0]!.entry!);
    waiters[0]!.entry!.noteAnswer();
    expect(checkOut(pool, 1)[0]?.session).toBe(first);
    pool.destroy();
  });

  test('makes room after three in a row, and the next one says why; no more than one per second does', async () => {
    const pool = poolOf({ connections: { max: 1 } });
    for (let round = 0; round < 2; round++) {
      const [waiter] = checkOut(pool, 1) as [TestWaiter];
      const session = await connects[round]!.succeed(10);
      waiter.finish();
      for (let refusals = 1; refusals <= 2; refusals++) pool.noteRefusal(waiter.entry!);
      expect(session.state).toBe('open');
      pool.noteRefusal(waiter.entry!);
      expect(session.state).toBe(round === 0 ? 'closed' : 'open');
      expect(waiter.reason).toBe(round === 0 ? 'cold' : 'error');
    }
    pool.destroy();
  });

  test('stays while it carries others', async () => {
    const pool = poolOf();
    const [refused] = checkOut(pool, 2) as [TestWaiter];
    const session = await connects[0]!.succeed(100);
    refused.finish();
    expect(session.activeStreams).toBe(1);
    for (let i = 0; i < 5; i++) pool.noteRefusal(refused.entry!);
    expect(session.state).toBe('open');
    pool.destroy();
  });
});

describe('how many are kept', () => {
  test('idle sessions beyond maxIdle go after a short while, the others stay', async () => {
    const pool = poolOf({ connections: { max: 4, maxIdle: 2, idleMs: 5 * minute } });
    const waiters = checkOut(pool, 4);
    await connects[0]!.succeed(1);
    await Promise.all(connects.slice(1).map((connect) => connect.succeed(1)));
    for (const waiter of waiters) waiter.finish();
    await advance(1000);
    expect(pool.sessionCount).toBe(4);
    for (let second = 0; second < 30; second++) await advance(1000);
    expect(pool.sessionCount).toBe(2);
    pool.destroy();
  });

  test('a warm floor is opened at once, held through quiet hours, and renewed', async () => {
    const pool = poolOf({ connections: { max: 4, warm: 2, maxAgeMs: 24 * 60 * minute } });
    const ready = pool.keepWarm();
    expect(connects).toHaveLength(2);
    const sessions = await Promise.all(connects.map((connect) => connect.succeed(100)));
    await ready;
    expect(pool.snapshot().map((session) => session.openedFor)).toEqual(['warm', 'warm']);
    expect((await exchange(pool)).reason).toBe('warm');
    for (let i = 0; i < 60; i++) await advance(minute);
    expect(sessions.map((session) => session.state)).toEqual(['open', 'open']);
    sessions[0]!.leave('goaway');
    await connects[2]!.succeed(100);
    expect(pool.snapshot().filter((session) => session.state === 'open')).toHaveLength(2);
    pool.destroy();
  });

  test('a warm floor over HTTP/1.1 is renewed as its sessions grow idle', async () => {
    const pool = poolOf({ connections: { warm: 1, idleMs: minute } });
    void pool.keepWarm();
    const old = await connects[0]!.succeed(1, 'open', { protocol: 'http/1.1' });
    await advance(minute);
    expect(old.state).toBe('closed');
    expect(connects).toHaveLength(2);
    await connects[1]!.succeed(1, 'open', { protocol: 'http/1.1' });
    expect(pool.snapshot().map(({ openedFor }) => openedFor)).toEqual(['warm']);
    pool.destroy();
  });

  test('a warm floor that cannot be opened does not hold up the start, and is tried again', async () => {
    const pool = poolOf({ connections: { warm: 1 } });
    const ready = pool.keepWarm();
    await connects[0]!.fail(new UpstreamError('connect_refused', 'refused', { source: 'connect', processed: 'no' }));
    await ready;
    expect(pool.isEmpty, 'may be forgotten').toBe(false);
    await advance(1_000);
    expect(connects).toHaveLength(2);
    pool.destroy();
    await connects[1]!.fail(new UpstreamError('connect_failed', 'aborted', { source: 'connect', processed: 'no' }));
  });
});

test('sessions to an address that the name lost are replaced, the others stay', async () => {
  const pool = poolOf({ connections: { max: 3 } });
  checkOut(pool, 2);
  const old = await connects[0]!.succeed(1, 'open', { remoteAddress: '192.0.2.1:443' });
  const kept = await connects[1]!.succeed(1, 'open', { remoteAddress: '[2001:db8::7]:443' });
  pool.setAddresses(['192.0.2.9', '2001:db8::7']);
  expect(old.state).toBe('open');
  await connects[2]!.succeed(1, 'open', { remoteAddress: '192.0.2.9:443' });
  expect(old.state).toBe('draining');
  expect(kept.state).toBe('open');
  expect(pool.snapshot().find((session) => session.openedFor === 'dns-changed')?.remoteAddress).toBe('192.0.2.9:443');
  pool.destroy();
});

test('a snapshot tells what each session is and has done', async () => {
  const pool = poolOf();
  const [waiter] = checkOut(pool, 1) as [TestWaiter];
  await connects[0]!.succeed(100);
  waiter.entry!.lastError = 'the stream was reset';
  await advance(500);
  expect(pool.snapshot()).toEqual([
    {
      origin: 'https://origin',
      remoteAddress: '192.0.2.1:443',
      protocol: 'h2',
      state: 'open',
      openedFor: 'cold',
      ageMs: 500,
      idleMs: 0,
      activeStreams: 1,
      startedStreams: 1,
      lastError: 'the stream was reset',
    },
  ]);
  waiter.finish();
  pool.destroy();
});
