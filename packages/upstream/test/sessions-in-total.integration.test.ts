// However many origins are asked for: sessions stay below a limit, idle ones elsewhere give way, and pools are forgotten.

import { eventually, TestOrigin } from '@hawser/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OriginOptions } from '../src/options.ts';
import { defaults, type Sent, Upstream } from './upstream-stand.ts';

let origin: TestOrigin;

beforeEach(async () => {
  origin = await TestOrigin.start({ plain: true });
});

afterEach(async () => {
  await eventually(() => expect(origin.stats().openConnections, 'connections left').toBe(0));
  await origin.close();
});

const patient: Partial<OriginOptions> = {
  queue: { max: 1_000, timeoutMs: 60_000 },
  timeouts: { ...defaults.timeouts, connectMs: 30_000 },
};

/** In cleartext the server name means nothing but a pool of its own. */
function send(upstream: Upstream, path: string, pool: number, options: Partial<OriginOptions> = {}): Sent {
  const url = `http://127.0.0.1:${origin.port}${path}`;
  return upstream.send(url, { ...patient, tls: { serverName: `pool-${pool}` }, ...options });
}

test('idle sessions of other pools give way, the one idle for longest first', async () => {
  using upstream = new Upstream(undefined, { maxSessions: 3 });
  for (const pool of [0, 1, 2]) expect((await send(upstream, '/', pool).ended).status).toBe(200);
  await send(upstream, '/', 0).ended;
  expect((await send(upstream, '/', 3).ended).status).toBe(200);
  await eventually(() => expect(upstream.registry.sessionCount).toBe(3));
  expect((await send(upstream, '/', 0).ended).facts.session).toBe('reused');
  expect((await send(upstream, '/', 2).ended).facts.session).toBe('reused');
  expect((await send(upstream, '/', 1).ended).facts.session).toBe('closed-here');
  upstream.registry.destroy();
});

test('no more sessions give way than connects wait, those that are leaving counted', async () => {
  using upstream = new Upstream(undefined, { maxSessions: 4 });
  for (const pool of [0, 1, 2, 3]) await send(upstream, '/', pool).ended;
  await Promise.all([send(upstream, '/', 4).ended, send(upstream, '/', 5).ended]);
  for (const pool of [2, 3]) expect((await send(upstream, '/', pool).ended).facts.session).toBe('reused');
  upstream.registry.destroy();
});

test('a session that falls idle gives way to who waits already', async () => {
  using upstream = new Upstream(undefined, { maxSessions: 1 });
  const busy = send(upstream, '/slow?ms=100', 0);
  const waiting = send(upstream, '/', 1);
  expect((await busy.ended).status).toBe(200);
  expect((await waiting.ended).status).toBe(200);
  expect(origin.stats().connections).toBe(2);
  upstream.registry.destroy();
});

test('who finds none in time is told the limit and the option', async () => {
  using upstream = new Upstream(undefined, { maxSessions: 1 });
  const busy = send(upstream, '/never', 0);
  await eventually(() => origin.stats().openRequests === 1);
  const { error } = await send(upstream, '/', 1, { queue: { max: 1, timeoutMs: 50 } }).ended;
  expect(error).toMatchObject({ code: 'queue_timeout', source: 'broker', processed: 'no' });
  expect(error?.message).toMatch(/; a connect waits for one of at most 1 sessions \(limits\.sessions\)$/);
  busy.call('cancel');
  upstream.registry.destroy();
});

test('of 1,500 origins more than there are sessions for, 1,000 wait, 500 are refused, and their pools are forgotten', async () => {
  using upstream = new Upstream(undefined, { maxSessions: 2 });
  const busy = [0, 1].map((pool) => send(upstream, '/never', pool));
  await eventually(() => origin.stats().openRequests === 2);
  let refused = 0;
  const more = Array.from({ length: 1_500 }, (_, i) => send(upstream, '/', i + 2));
  for (const sent of more) void sent.ended.then(({ error }) => (refused += error === null ? 0 : 1));
  await eventually(() => expect(refused).toBe(500), { withinMs: 30_000 });
  expect(upstream.registry.sessionCount).toBe(2);
  const errors = await Promise.all(more.slice(1_000).map(({ ended }) => ended.then(({ error }) => error)));
  expect(errors[0]).toMatchObject({ code: 'queue_full', source: 'broker', processed: 'no' });
  expect(errors[0]?.message).toMatch(
    /: 1000 connects wait already for one of at most 2 sessions \(limits\.sessions\)$/,
  );

  // Those who give up leave the line to the others.
  for (const sent of more.slice(200, 1_000)) sent.call('cancel');
  for (const sent of busy) sent.call('cancel');
  const answers = await Promise.all(more.slice(0, 200).map(({ ended }) => ended));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(200);
  expect(origin.stats().requests).toBe(202);
  expect(upstream.registry.natSnapshot().destinations).toMatchObject([{ peak: 2, waiting: 0 }]);
  await eventually(() => expect(upstream.registry.sessionCount).toBeLessThanOrEqual(2));
  await send(upstream, '/', 9_999).ended;
  expect(upstream.registry.poolCount).toBeLessThan(10);
  upstream.registry.destroy();
}, 60_000);
