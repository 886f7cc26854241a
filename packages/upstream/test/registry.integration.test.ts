import { eventually, ScriptedHttp2Peer, ScriptedRawPeer, TestOrigin, type TestOriginOptions } from '@hawser/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { withDeadline } from '../src/deadline.ts';
import type { UpstreamErrorCode } from '../src/errors.ts';
import type { OriginOptions } from '../src/options.ts';
import { withRetry } from '../src/retry.ts';
import { ClosingPeer } from './closing-peer.ts';
import { defaults, type Sent, Upstream } from './upstream-stand.ts';

const origins: TestOrigin[] = [];

afterEach(async () => {
  for (const origin of origins.splice(0)) await origin.close();
});

describe('a cold origin', () => {
  test('a hundred exchanges open one HTTP/2 connection, and the facts say whose it was', async () => {
    const origin = await startOrigin();
    using upstream = new Upstream();
    const answers = await all(100, () => upstream.send(origin.url, trust(origin)));
    expect(origin.stats()).toMatchObject({ connections: 1, handshakes: 1, requests: 100 });
    expect(answers.filter(({ facts }) => facts.session === 'cold')).toHaveLength(1);
    expect(answers.filter(({ facts }) => facts.session === 'reused')).toHaveLength(99);
    for (const { facts } of answers) {
      expect(facts).toMatchObject({ protocol: 'h2', attempts: 1, remoteAddress: `127.0.0.1:${origin.port}` });
      expect(facts.connectMs).toBeGreaterThan(0);
      expect(facts.queueMs).toBeGreaterThan(0);
    }
    const { facts } = await upstream.send(origin.url, trust(origin)).ended;
    expect(facts).toMatchObject({ session: 'reused', connectMs: -1 });
    expect(facts.queueMs).toBeLessThan(50);
    await cleanEnd(upstream, origin);
  });

  test('a hundred exchanges open connections.max HTTP/1.1 connections, and share them', async () => {
    const origin = await startOrigin({ protocols: ['http/1.1'] });
    using upstream = new Upstream();
    const answers = await all(100, () => upstream.send(origin.url, trust(origin)));
    expect(origin.stats()).toMatchObject({ connections: 4, requests: 100 });
    expect(answers.every(({ status, error }) => status === 200 && error === null)).toBe(true);
    expect(answers.filter(({ facts }) => facts.session === 'reused')).toHaveLength(96);
    expect(answers.filter(({ facts }) => facts.session === 'streams-exhausted')).toHaveLength(3);
    await cleanEnd(upstream, origin);
  });

  test('a hundred exchanges that nobody answers fail together, once timeouts.connect is over', async () => {
    const peer = await ScriptedRawPeer.start(() => {});
    using upstream = new Upstream();
    const timeouts = { ...defaults.timeouts, connectMs: 100 };
    const answers = await all(100, () => upstream.send(`https://127.0.0.1:${peer.port}`, { timeouts }));
    expect(new Set(answers.map(({ error }) => error?.code))).toEqual(new Set(['connect_timeout']));
    expect(peer.connections).toHaveLength(1);
    expect(upstream.clock.pendingTimers).toBe(0);
    await peer.close();
  });
});

describe('pools', () => {
  test('are apart for what must not share a session', async () => {
    const origin = await startOrigin();
    using upstream = new Upstream();
    await upstream.send(origin.url, trust(origin)).ended;
    await upstream.send(origin.url, { ...trust(origin), protocol: 'h1' }).ended;
    await upstream.send(`https://127.0.0.1:${origin.port}/`, trust(origin)).ended;
    await upstream.send(origin.url, { tls: { ca: origin.ca, serverName: 'localhost' } }).ended;
    expect(origin.stats().connections).toBe(4);
    expect(upstream.registry.sessionCount).toBe(4);
    await cleanEnd(upstream, origin);
  });
});

describe('a request that is cancelled or times out', () => {
  test('while it waits for the connect costs nobody anything', async () => {
    const origin = await startOrigin();
    using upstream = new Upstream();
    const given = upstream.send(origin.url, trust(origin));
    const kept = upstream.send(origin.url, trust(origin));
    given.call('cancel');
    expect((await kept.ended).status).toBe(200);
    expect(given.hasEnded).toBe(false);
    expect(origin.stats().requests).toBe(1);
    await cleanEnd(upstream, origin);
  });

  test('on HTTP/1.1 makes way for the next', async () => {
    const origin = await startOrigin({ protocols: ['http/1.1'] });
    using upstream = new Upstream();
    const options = { ...trust(origin), connections: { ...defaults.connections, max: 1 } };
    const given = upstream.send(`${origin.url}/never`, options);
    const waiting = upstream.send(origin.url, options);
    await eventually(() => origin.stats().openRequests === 1);
    given.call('cancel');
    expect((await waiting.ended).status).toBe(200);
    expect(origin.stats().connections).toBe(2);
    await cleanEnd(upstream, origin);
  });

  test.each(['h2', 'h1'] as const)('by its deadline is taken back from the origin: %s', async (protocol) => {
    const origin = await startOrigin();
    using upstream = new Upstream(withDeadline);
    const timeouts = { ...defaults.timeouts, totalMs: 150 };
    const answer = await upstream.send(`${origin.url}/never`, { ...trust(origin), protocol, timeouts }).ended;
    expect(answer.error).toMatchObject({ code: 'deadline_exceeded', processed: 'maybe' });
    await eventually(() => expect(origin.stats().openRequests).toBe(0));
    await cleanEnd(upstream, origin);
  });
});

describe('a request body that comes while the session is opened', () => {
  test.each(['h2', 'h1'] as const)('is kept and sent in order: %s', async (protocol) => {
    const origin = await startOrigin();
    using upstream = new Upstream();
    const answer = upstream.send(`${origin.url}/echo`, { ...trust(origin), protocol, method: 'POST', body: 'stream' });
    for (const part of ['one ', 'two ', 'three']) answer.call('write', Buffer.from(part));
    answer.call('end');
    expect((await answer.ended).text).toBe('one two three');
    expect(answer.requestConsumed).toBe('one two three'.length);
    await cleanEnd(upstream, origin);
  });
});

describe('a kept connection that the origin closes', () => {
  test('while it is idle is not used again', async () => {
    const { peer, upstream, url } = await keptConnection((connection) => connection.end());
    await eventually(() => expect(upstream.registry.sessionCount).toBe(0));
    const answer = await upstream.send(url, { method: 'POST', body: Buffer.from('x') }).ended;
    expect(answer).toMatchObject({ status: 200, error: null });
    expect(answer.facts).toMatchObject({ attempts: 1, session: 'origin-closed' });
    expect(peer.connections).toHaveLength(2);
    await peer.close();
  });

  test.each(['poll', 'check'] as const)(
    'unseen in the %s phase: a POST that was never written is sent again, and comes once',
    async (phase) => {
      await using peer = await ClosingPeer.start();
      using upstream = new Upstream((send, clock) => withDeadline(withRetry(send, clock), clock));
      const url = `http://127.0.0.1:${peer.port}/`;
      await upstream.send(url).ended;
      await peer.closeUnseen(phase);
      const answer = await upstream.send(url, { method: 'POST', body: Buffer.from('x') }).ended;
      expect(answer).toMatchObject({ status: 200, error: null });
      expect(answer.facts).toMatchObject({ attempts: 2, session: 'origin-closed' });
      expect([answer.field('x-connection-id'), answer.field('x-requests')]).toEqual(['2', '2']);
    },
  );

  test('after it has read a GET, without an answer: it is sent again', async () => {
    const { peer, upstream, url } = await keptConnection(async (connection) => {
      await connection.readThrough();
      connection.end();
    });
    const answer = await upstream.send(url).ended;
    expect(answer).toMatchObject({ status: 200, error: null });
    expect(answer.facts.attempts).toBe(2);
    await peer.close();
  });

  test('after it has read a POST, without an answer: the caller is told that it may have been processed', async () => {
    const { peer, upstream, url } = await keptConnection(async (connection) => {
      await connection.readThrough();
      connection.end();
    });
    const answer = await upstream.send(url, { method: 'POST' }).ended;
    expect(answer.error).toMatchObject({ code: 'origin_closed', processed: 'maybe', source: 'origin' });
    await peer.close();
  });

  test('after its answer, although it promised to keep it (HTTP/1.0), costs the next exchange nothing', async () => {
    const peer = await ScriptedRawPeer.start(async (connection) => {
      await connection.readThrough();
      connection.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    using upstream = new Upstream();
    const url = `http://127.0.0.1:${peer.port}`;
    const connections = { ...defaults.connections, max: 1 };
    const answers = await all(5, () => upstream.send(url, { method: 'POST', connections }));
    expect(answers.map(({ status, facts }) => [status, facts.attempts])).toEqual(answers.map(() => [200, 1]));
    expect(peer.connections).toHaveLength(5);
    await peer.close();
  });

  test('in HTTP/2, with GOAWAY: what comes next goes to a new session, and says why', async () => {
    const origin = await startOrigin();
    using upstream = new Upstream(withRetry);
    await upstream.send(origin.url, trust(origin)).ended;
    origin.goaway();
    const answer = await upstream.send(origin.url, { ...trust(origin), method: 'POST' }).ended;
    expect(answer).toMatchObject({ status: 200, error: null });
    expect(answer.facts.session).toBe('goaway');
    await cleanEnd(upstream, origin);
  });
});

describe('an HTTP/2 origin whose status is none that HTTP has', () => {
  test.each<[string, UpstreamErrorCode]>([
    ['600', 'origin_protocol_error'],
    ['999', 'origin_protocol_error'],
    // These the HTTP/2 engine resets.
    ['099', 'origin_reset'],
    ['101', 'origin_reset'],
    ['1000', 'origin_reset'],
    ['abc', 'origin_reset'],
    ['', 'origin_reset'],
  ])('%j', async (status, code) => {
    const peer = await ScriptedHttp2Peer.start(async (connection) => {
      const { streamId } = await connection.request();
      connection.headers(streamId, [':status', status], { endStream: true });
    });
    using upstream = new Upstream();
    const answer = await upstream.send(`http://127.0.0.1:${peer.port}`, { protocol: 'h2' }).ended;
    expect(answer.error).toMatchObject({ code, source: 'origin', processed: 'maybe' });
    expect(answer).toMatchObject({ status: 0, informational: [] });
    await peer.close();
  });
});

describe('the end', () => {
  test('destroy ends sessions, connects and exchanges, and leaves no timer', async () => {
    const origin = await startOrigin();
    const silent = await ScriptedRawPeer.start(() => {});
    using upstream = new Upstream(withDeadline);
    const running = upstream.send(`${origin.url}/never`, trust(origin));
    const connecting = upstream.send(`https://127.0.0.1:${silent.port}`);
    await upstream.send(origin.url, { ...trust(origin), protocol: 'h1' }).ended;
    await eventually(() => origin.stats().openRequests === 1 && silent.connections.length === 1);
    upstream.registry.destroy();
    for (const answer of [await running.ended, await connecting.ended]) {
      expect(answer.error).toMatchObject({ code: 'broker_draining', source: 'broker' });
    }
    expect((await upstream.send(origin.url, trust(origin)).ended).error).toMatchObject({ code: 'broker_draining' });
    await eventually(() => expect(silent.connections[0]?.hasEnded).toBe(true));
    await cleanEnd(upstream, origin);
    await silent.close();
  });

  test('drain lets what runs finish', async () => {
    const origin = await startOrigin();
    using upstream = new Upstream();
    const running = upstream.send(`${origin.url}/slow?ms=100`, trust(origin));
    await eventually(() => origin.stats().openRequests === 1);
    upstream.registry.drain();
    expect((await upstream.send(origin.url, trust(origin)).ended).error).toMatchObject({ code: 'broker_draining' });
    expect((await running.ended).text).toBe('hello');
    await eventually(() => expect(upstream.registry.sessionCount).toBe(0));
    await cleanEnd(upstream, origin);
  });
});

async function startOrigin(options: TestOriginOptions = {}): Promise<TestOrigin> {
  const origin = await TestOrigin.start(options);
  origins.push(origin);
  return origin;
}

function trust(origin: TestOrigin): Partial<OriginOptions> {
  return { tls: { ca: origin.ca } };
}

function all(count: number, send: () => Sent): Promise<Sent[]> {
  return Promise.all(Array.from({ length: count }, () => send().ended));
}

/** A peer whose first connection answered once and then does as `then` says; the ones after it answer. */
async function keptConnection(then: (connection: ScriptedRawPeer['connections'][number]) => Promise<void> | void) {
  let isFirst = true;
  const peer = await ScriptedRawPeer.start(async (connection) => {
    const isKept = isFirst;
    isFirst = false;
    while ((await connection.readThrough()) !== null) {
      connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      if (!isKept) continue;
      await answered.promise;
      await then(connection);
      return;
    }
  });
  const answered = Promise.withResolvers<void>();
  const upstream = new Upstream((send, clock) => withDeadline(withRetry(send, clock), clock));
  const url = `http://127.0.0.1:${peer.port}/`;
  const first = await upstream.send(url).ended;
  expect(first.facts).toMatchObject({ attempts: 1, session: 'cold' });
  await eventually(() => expect(upstream.registry.sessionCount).toBe(1));
  answered.resolve();
  return { peer, upstream, url };
}

/** Nothing is left of it: no connection at the origin, no timer here. */
async function cleanEnd(upstream: Upstream, origin: TestOrigin): Promise<void> {
  upstream.registry.destroy();
  await eventually(() => expect(origin.stats()).toMatchObject({ openConnections: 0, openRequests: 0 }));
  // The origin may see the end of a connection before its own side does.
  await eventually(() => expect(upstream.registry.sessionCount, 'sessions left').toBe(0));
  expect(upstream.clock.pendingTimers, 'timers left').toBe(0);
}
