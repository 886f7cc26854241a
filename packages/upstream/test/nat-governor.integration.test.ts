// Connections to one address and port stay below a cap: connects beyond it wait their turn, and idle sessions make room.

import { BlackHole, DnsServer, eventually, ScriptedRawPeer, TestOrigin, type TestOriginOptions } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withDeadline } from '../src/deadline.ts';
import type { NatDestination } from '../src/nat-governor.ts';
import type { OriginOptions } from '../src/options.ts';
import { parseTarget } from '../src/origin.ts';
import { Resolver } from '../src/resolver.ts';
import { defaults, Upstream } from './upstream-stand.ts';

const patient: Partial<OriginOptions> = {
  queue: { max: 1_000, timeoutMs: 60_000 },
  timeouts: { ...defaults.timeouts, connectMs: 30_000 },
};

const origins: TestOrigin[] = [];
let dns: DnsServer;

beforeEach(async () => {
  dns = await DnsServer.start();
});

afterEach(async () => {
  for (const origin of origins.splice(0)) await origin.close();
  await dns.close();
});

describe('ten pools with one address, of which two connections may be open', () => {
  test.each(['h1', 'h2'] as const)(
    'all 200 exchanges are answered, and never more than two are: %s',
    async (protocol) => {
      const origin = await startOrigin({ plain: true });
      using upstream = upstreamWithCap(2);
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => upstream.send(urlOf(origin), pool(i % 10, { protocol })).ended),
      );
      expect(answers.map(({ status, error }) => [status, error])).toEqual(answers.map(() => [200, null]));
      expect(only(upstream)).toMatchObject({ peak: 2, waiting: 0 });
      expect(new Set(answers.map(({ facts }) => facts.attempts))).toEqual(new Set([1]));
      await cleanEnd(upstream);
    },
  );

  test('who waits does so in turn, and costs nothing once it has given up', async () => {
    const origin = await startOrigin({ plain: true });
    using upstream = upstreamWithCap(2);
    const busy = [0, 1].map((i) => upstream.send(`${urlOf(origin)}/never`, pool(i)));
    await eventually(() => origin.stats().openRequests === 2);
    const order: number[] = [];
    const waiting = [2, 3, 4, 5].map((i) => {
      const sent = upstream.send(urlOf(origin), pool(i));
      void sent.ended.then(() => order.push(i));
      return sent;
    });
    await eventually(() => expect(only(upstream)).toMatchObject({ open: 2, waiting: 4 }));
    waiting[1]?.call('cancel');
    await eventually(() => expect(only(upstream).waiting).toBe(3));
    busy[0]?.call('cancel');
    await eventually(() => expect(order).toEqual([2, 4, 5]));
    expect(only(upstream)).toMatchObject({ open: 2, peak: 2, waiting: 0 });
    await cleanEnd(upstream);
  });
});

describe('what is counted, from SYN to close', () => {
  test.each(['h2', 'h1'] as const)('a session over TLS: %s', async (protocol) => {
    const origin = await startOrigin();
    using upstream = upstreamWithCap(2);
    await upstream.send(urlOf(origin), { tls: { ca: origin.ca }, protocol }).ended;
    expect(only(upstream)).toMatchObject({ destination: `127.0.0.1:${origin.port}`, open: 1, peak: 1 });
    origin.breakConnections();
    await eventually(() => expect(only(upstream)).toMatchObject({ open: 0, peak: 1 }));
    await cleanEnd(upstream);
  });

  test('a handshake that fails', async () => {
    const peer = await ScriptedRawPeer.start((connection) => connection.write('this is not TLS\r\n\r\n'));
    using upstream = upstreamWithCap(2);
    const answer = await upstream.send(`https://127.0.0.1:${peer.port}`, patient).ended;
    expect(answer.error).toMatchObject({ code: 'tls_failed' });
    await eventually(() => expect(only(upstream)).toMatchObject({ open: 0, peak: 1 }));
    await cleanEnd(upstream);
    await peer.close();
  });

  test('an address that is silent, until it is given up; what waits behind it gets its place', async () => {
    await using hole = await BlackHole.start('127.0.0.3');
    using upstream = upstreamWithCap(1);
    const timeouts = { ...defaults.timeouts, connectMs: 300 };
    const url = `http://127.0.0.3:${hole.port}`;
    const answers = await Promise.all([0, 1].map((i) => upstream.send(url, { ...pool(i), timeouts }).ended));
    expect(answers.map(({ error }) => error?.code)).toEqual(['connect_timeout', 'connect_timeout']);
    await eventually(() => expect(only(upstream)).toMatchObject({ open: 0, peak: 1, waiting: 0 }));
    await cleanEnd(upstream);
  });

  test('the loser of two addresses', async () => {
    const origin = await startOrigin({ plain: true });
    await using _hole = await BlackHole.start('127.0.0.3', origin.port);
    dns.set('api.test', { a: ['127.0.0.3', '127.0.0.1'] });
    using upstream = upstreamWithCap(2);
    const answer = await upstream.send(`http://api.test:${origin.port}`, patient).ended;
    expect(answer.status).toBe(200);
    const silent = upstream.registry
      .natSnapshot()
      .destinations.find(({ destination }) => /^127\.0\.0\.3:/.test(destination));
    expect(silent).toMatchObject({ open: 0, peak: 1 });
    await cleanEnd(upstream);
  });
});

test('an address that is full is passed over where another has room', async () => {
  const full = await startOrigin({ plain: true });
  const other = await startOrigin({ plain: true, host: '127.0.0.2', port: full.port });
  dns.set('both.test', { a: ['127.0.0.1', '127.0.0.2'] });
  using upstream = upstreamWithCap(1);
  const busy = upstream.send(`${urlOf(full)}/never`, pool(0));
  await eventually(() => full.stats().openRequests === 1);
  const answer = await upstream.send(`http://both.test:${full.port}`, patient).ended;
  expect(answer.facts.remoteAddress).toBe(`127.0.0.2:${other.port}`);
  busy.call('cancel');
  await cleanEnd(upstream);
});

test('of the addresses after the first, those that are full are not tried', async () => {
  const full = await startOrigin({ plain: true });
  dns.set('both.test', { a: ['127.0.0.2', '127.0.0.1'] });
  using upstream = upstreamWithCap(1);
  const busy = upstream.send(`${urlOf(full)}/never`, pool(0));
  await eventually(() => full.stats().openRequests === 1);
  const answer = await upstream.send(`http://both.test:${full.port}`, patient).ended;
  expect(answer.error).toMatchObject({ code: 'connect_refused' });
  expect(full.stats().connections).toBe(1);
  busy.call('cancel');
  await cleanEnd(upstream);
});

test('who finds no room in time is told which cap, which destination and which option', async () => {
  const origin = await startOrigin({ plain: true });
  const elsewhere = await startOrigin({ plain: true });
  using upstream = upstreamWithCap(1);
  const atOrigin = () => {
    const { destinations } = upstream.registry.natSnapshot();
    return destinations.find(({ destination }) => destination.endsWith(`:${origin.port}`));
  };
  await upstream.send(urlOf(elsewhere), pool(0)).ended;
  const busy = upstream.send(`${urlOf(origin)}/never`, pool(0));
  await eventually(() => origin.stats().openRequests === 1);
  const answer = await upstream.send(urlOf(origin), { ...pool(1), queue: { max: 10, timeoutMs: 50 } }).ended;
  expect(answer.error).toMatchObject({ code: 'queue_timeout', source: 'broker', processed: 'no' });
  expect(answer.error?.message).toBe(
    `http://127.0.0.1:${origin.port}: no room on a session within 50 ms (queue.timeout), 0 of 4 sessions open; ` +
      `a connect waits for one of at most 1 connections to 127.0.0.1:${origin.port} (nat.ports / 2 / nat.pods)`,
  );
  expect(atOrigin()?.waiting, 'nobody needs the connect any more').toBe(0);
  expect(elsewhere.stats().openConnections, 'idle sessions to elsewhere make no room').toBe(1);
  busy.call('cancel');
  await cleanEnd(upstream);
});

test('drain ends connects that wait', async () => {
  const origin = await startOrigin({ plain: true });
  using upstream = upstreamWithCap(1);
  const busy = upstream.send(`${urlOf(origin)}/slow?ms=100`, pool(0));
  await eventually(() => origin.stats().openRequests === 1);
  const waiting = upstream.send(urlOf(origin), pool(1));
  await eventually(() => expect(only(upstream).waiting).toBe(1));
  upstream.registry.drain();
  expect((await waiting.ended).error).toMatchObject({ code: 'broker_draining' });
  expect(only(upstream).waiting).toBe(0);
  expect((await busy.ended).status).toBe(200);
  await cleanEnd(upstream);
});

test('a warm floor gives way to an exchange, takes only what is free, and comes back', async () => {
  const origin = await startOrigin({ plain: true });
  using upstream = upstreamWithCap(1);
  const warm = { ...pool(0), connections: { ...defaults.connections, warm: 1 } } as OriginOptions;
  const { origin: where } = parseTarget(urlOf(origin));
  await upstream.registry.pool(where, { ...defaults, ...warm }).keepWarm();
  expect(only(upstream).open).toBe(1);
  const busy = upstream.send(`${urlOf(origin)}/never`, pool(1));
  await eventually(() => origin.stats().openRequests === 1);
  expect(only(upstream)).toMatchObject({ open: 1, waiting: 0 });
  busy.call('cancel');
  const sessions = () => upstream.registry.snapshot().map(({ openedFor, state }) => [openedFor, state]);
  await eventually(() => expect(sessions()).toEqual([['warm', 'open']]));
  await cleanEnd(upstream);
});

test('a warm floor gives way last, however long it has been idle', async () => {
  const origin = await startOrigin({ plain: true });
  using upstream = upstreamWithCap(2);
  const warm = { ...pool(0), connections: { ...defaults.connections, warm: 1 } } as OriginOptions;
  const { origin: where } = parseTarget(urlOf(origin));
  await upstream.registry.pool(where, { ...defaults, ...warm }).keepWarm();
  for (const other of [1, 2]) await upstream.send(urlOf(origin), pool(other)).ended;
  expect(upstream.registry.snapshot().map(({ openedFor }) => openedFor)).toContain('warm');
  expect(origin.stats().connections).toBe(3);
  await cleanEnd(upstream);
});

async function startOrigin(options: TestOriginOptions = {}): Promise<TestOrigin> {
  const origin = await TestOrigin.start(options);
  origins.push(origin);
  return origin;
}

/** By its address: the name may have two. */
function urlOf({ url }: TestOrigin): string {
  return url.replace('localhost', '127.0.0.1');
}

/** One in two ports, of as many as make `cap`. */
function upstreamWithCap(cap: number): Upstream {
  const resolver = new Resolver({ servers: [dns.address] });
  return new Upstream(withDeadline, { resolver, nat: { ports: cap * 2, pods: 1 } });
}

/** Options of a pool of its own: in cleartext the server name means nothing but that. */
function pool(index: number, options: Partial<OriginOptions> = {}): Partial<OriginOptions> {
  return { ...patient, tls: { serverName: `pool-${index}` }, ...options };
}

function only(upstream: Upstream): NatDestination {
  const { destinations } = upstream.registry.natSnapshot();
  expect(destinations).toHaveLength(1);
  return destinations[0] as NatDestination;
}

async function cleanEnd(upstream: Upstream): Promise<void> {
  upstream.registry.destroy();
  await eventually(() => {
    for (const { open, waiting } of upstream.registry.natSnapshot().destinations)
      expect([open, waiting]).toEqual([0, 0]);
  });
  expect(upstream.clock.pendingTimers, 'timers left').toBe(0);
}
