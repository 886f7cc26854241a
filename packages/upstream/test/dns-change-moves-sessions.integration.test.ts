// When a name moves, sessions move with it: the new address within the TTL, the old sessions drained, no exchange harmed.

import { CertificateAuthority, DnsServer, eventually, TestOrigin } from '@hawser/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Connector } from '../src/connector.ts';
import type { OriginOptions } from '../src/options.ts';
import { parseTarget } from '../src/origin.ts';
import { Resolver } from '../src/resolver.ts';
import { Answer, CountingClock, defaults, type Sent, Upstream } from './upstream-stand.ts';

const ttlMs = 1_000;

let authority: CertificateAuthority;
let dns: DnsServer;
let before: TestOrigin;
let after: TestOrigin;
let upstream: Upstream;

beforeEach(async () => {
  authority = await CertificateAuthority.create();
  const certificate = await authority.issue();
  before = await TestOrigin.start({ certificate, host: '127.0.0.1' });
  after = await TestOrigin.start({ certificate, host: '127.0.0.2', port: before.port });
  dns = await DnsServer.start();
  upstream = new Upstream(undefined, { resolver: new Resolver({ servers: [dns.address] }) });
  dns.set('api.hawser.test', { a: ['127.0.0.1'], ttl: ttlMs / 1_000 });
});

afterEach(async () => {
  upstream[Symbol.dispose]();
  await eventually(() => expect(upstream.clock.pendingTimers, 'timers left').toBe(0));
  for (const origin of [before, after]) {
    await eventually(() => expect(origin.stats().openConnections, 'connections left').toBe(0));
    await origin.close();
  }
  await dns.close();
});

test.each(['h2', 'h1'] as const)('under load: %s', async (protocol) => {
  const load = startLoad(8, { protocol });
  await eventually(() => before.stats().requests > 100);
  dns.set('api.hawser.test', { a: ['127.0.0.2'], ttl: ttlMs / 1_000 });
  const asked = dns.count('A api.hawser.test');
  const connectionsBefore = before.stats().connections;
  await eventually(() => after.stats().requests > 0, { withinMs: 10_000 });
  const askedMeanwhile = dns.count('A api.hawser.test') - asked;
  await eventually(() => expect(before.stats().openConnections).toBe(0), { withinMs: 10_000 });
  await eventually(() => after.stats().requests > 100);
  const answers = await load.stop();
  // The first answer after the TTL moves them. A starved machine may need seconds for the connects that follow from it.
  expect(askedMeanwhile, 'questions').toBeLessThanOrEqual(5);
  expect(before.stats().connections, 'connections to where the name led before').toBe(connectionsBefore);
  expect(answers.filter(({ error, status }) => error !== null || status !== 200)).toEqual([]);
  expect(before.stats().requests + after.stats().requests).toBe(answers.length);
  expect(before.stats()).toMatchObject({ resets: {}, aborted: 0 });
  expect(answers.some(({ facts }) => facts.session === 'dns-changed')).toBe(true);
});

test('an idle session moves too, so that the next exchange finds it warm', async () => {
  await send();
  dns.set('api.hawser.test', { a: ['127.0.0.2'], ttl: ttlMs / 1_000 });
  await eventually(() => expect(before.stats().openConnections).toBe(0));
  expect(after.stats().openConnections).toBe(1);
  const { facts } = await send();
  expect(facts).toMatchObject({ remoteAddress: `127.0.0.2:${after.port}`, connectMs: -1 });
});

test('an address that stays among the answers keeps its sessions', async () => {
  await send();
  dns.set('api.hawser.test', { a: ['127.0.0.2', '127.0.0.1'], ttl: ttlMs / 1_000 });
  const asked = dns.count('A api.hawser.test');
  await eventually(() => dns.count('A api.hawser.test') >= asked + 2);
  expect((await send()).facts.session).toBe('reused');
  expect(before.stats().connections).toBe(1);
  expect(after.stats().connections).toBe(0);
});

test.each(['servfail', 'nxdomain', 'silence'] as const)('%s leaves the sessions where they are', async (reply) => {
  await send();
  dns.set('api.hawser.test', { a: reply, aaaa: reply });
  const asked = dns.count('A api.hawser.test');
  await eventually(() => dns.count('A api.hawser.test') > asked);
  // The answer to that question comes before the one to this.
  expect((await send()).facts).toMatchObject({ session: 'reused', remoteAddress: `127.0.0.1:${before.port}` });
  expect(before.stats().connections).toBe(1);
});

test('while the name servers fail, new connections go where the name led last', async () => {
  await send();
  dns.set('api.hawser.test', { a: 'servfail', aaaa: 'servfail' });
  const asked = dns.count('A api.hawser.test');
  await eventually(() => dns.count('A api.hawser.test') > asked);
  before.breakConnections();
  await eventually(() => upstream.registry.sessionCount === 0);
  const { status, error, facts } = await send();
  expect({ status, error }).toEqual({ status: 200, error: null });
  expect(facts.remoteAddress).toBe(`127.0.0.1:${before.port}`);
  expect(before.stats().connections).toBe(2);
});

test('a session that drains is not watched for, however long it takes', async () => {
  const clock = new CountingClock();
  const connector = new Connector({ clock, resolver: new Resolver({ clock, servers: [dns.address] }) });
  const { origin, authority: host } = parseTarget(`https://api.hawser.test:${before.port}`);
  const options = { ...defaults, tls: { ca: authority.cert } };
  let told = 0;
  const events = { onRoom: () => {}, onDraining: () => {}, onClosed: () => {}, onAddresses: () => told++ };
  const session = await connector.connect(origin, options, events, new AbortController().signal);
  await eventually(() => told === 1);
  const head = { method: 'GET', scheme: 'https', authority: host, path: '/never', fields: [] } as const;
  session.request(head, null, new Answer());
  await eventually(() => before.stats().openRequests === 1);
  expect(clock.pendingTimers, 'the next question').toBe(1);
  session.drain();
  expect(session.state).toBe('draining');
  expect(clock.pendingTimers).toBe(0);
  session.destroy();
  connector.close();
});

test('a name is not asked for when no session is left', async () => {
  await send();
  before.breakConnections();
  await eventually(() => upstream.registry.sessionCount === 0);
  await eventually(() => expect(upstream.clock.pendingTimers).toBe(0));
});

/** Clients that send one request after the other until they are stopped. */
function startLoad(clients: number, options: Partial<OriginOptions>): { stop: () => Promise<Sent[]> } {
  const answers: Sent[] = [];
  let isStopped = false;
  const client = async () => {
    while (!isStopped) {
      const answer = await send(options);
      answers.push(answer);
      if (answer.error !== null) break;
    }
  };
  const running = Array.from({ length: clients }, client);
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
      return answers;
    },
  };
}

function send(options: Partial<OriginOptions> = {}): Promise<Sent> {
  const timeouts = { ...defaults.timeouts, connectMs: 30_000 };
  const url = `https://api.hawser.test:${before.port}/`;
  return upstream.send(url, { tls: { ca: authority.cert }, timeouts, ...options }).ended as Promise<Sent>;
}
