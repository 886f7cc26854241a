// The egress policy holds for the address that is connected to, whatever the name said before.

import { DnsServer, eventually, TestOrigin } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultEgressOptions, EgressPolicy } from '../src/egress.ts';
import { Resolver } from '../src/resolver.ts';
import { type Sent, Upstream } from './upstream-stand.ts';

let dns: DnsServer;
let allowed: TestOrigin;
/** Listens where the policy of these tests forbids to go: whatever comes there has been sent. */
let forbidden: TestOrigin;

beforeEach(async () => {
  dns = await DnsServer.start();
  allowed = await TestOrigin.start({ plain: true, host: '127.0.0.1' });
  forbidden = await TestOrigin.start({ plain: true, host: '127.0.0.2', port: allowed.port });
});

afterEach(async () => {
  expect(forbidden.stats().connections, 'connections to where it is forbidden').toBe(0);
  await dns.close();
  await allowed.close();
  await forbidden.close();
});

describe('refused, and nothing is sent', () => {
  test.each([
    ['http://169.254.169.254/latest/meta-data/', '169.254.169.254'],
    ['http://[fe80::1]/', 'fe80::1'],
    ['http://[::ffff:169.254.169.254]/', '::ffff:169.254.169.254'],
    ['http://[::ffff:a9fe:a9fe]/', '::ffff:169.254.169.254'],
    ['http://[fd00:ec2::254]/', 'fd00:ec2::254'],
  ])('without any configuration: %s', async (url, address) => {
    using upstream = new Upstream();
    const startedAt = performance.now();
    const { error } = await upstream.send(url).ended;
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(error).toMatchObject({
      code: 'origin_forbidden',
      source: 'broker',
      processed: 'no',
      message: expect.stringContaining(`egress.denyAddresses (link-local) forbids ${address}`),
    });
  });

  test.each<[string, { a?: string[]; aaaa?: string[] }, string]>([
    ['a link-local address', { a: ['169.254.169.254'] }, '169.254.169.254'],
    ['a link-local IPv6 address', { aaaa: ['fe80::1'] }, 'fe80::1'],
    ['an IPv4-mapped address', { aaaa: ['::ffff:a9fe:a9fe'] }, '::ffff:169.254.169.254'],
    ['the address of a listener', { a: ['127.0.0.2'] }, '127.0.0.2'],
    ['the address of a listener, IPv4-mapped', { aaaa: ['::ffff:7f00:2'] }, '::ffff:127.0.0.2'],
    ['several of them', { a: ['127.0.0.2', '169.254.169.254'] }, '127.0.0.2'],
  ])('a name that has %s', async (_name, script, address) => {
    dns.set('api.test', script);
    using upstream = create();
    expectRefusal(await get(upstream), address);
    // The connect that was refused is not a reason to be lenient with the next.
    expectRefusal(await get(upstream), address);
  });
});

test('of the addresses of a name only those that are allowed are connected to', async () => {
  dns.set('api.test', { a: ['127.0.0.2', '127.0.0.1'], aaaa: ['::ffff:7f00:2'] });
  using upstream = create();
  const answer = await get(upstream);
  expect(answer.status).toBe(200);
  expect(answer.facts.remoteAddress).toBe(`127.0.0.1:${allowed.port}`);
});

test('a name that is rebound is refused from the moment it is', async () => {
  dns.set('api.test', { a: ['127.0.0.1'], ttl: 1 });
  using upstream = create();
  expect((await get(upstream)).status).toBe(200);
  dns.set('api.test', { a: ['127.0.0.2'], ttl: 1 });
  // A session to the allowed address is used on; within the TTL another may be opened to it, after that none.
  await eventually(
    async () => {
      allowed.breakConnections();
      await eventually(() => upstream.registry.sessionCount === 0);
      expectRefusal(await get(upstream), '127.0.0.2');
    },
    { everyMs: 100 },
  );
});

test('what was looked up is what is connected to: no second question is asked in between', async () => {
  dns.set('api.test', { a: ['127.0.0.1'], ttl: 0 });
  using upstream = create();
  const sent = upstream.send(`http://api.test:${allowed.port}/`);
  await eventually(() => dns.questions.length === 2, { everyMs: 1 });
  dns.set('api.test', { a: ['127.0.0.2'], ttl: 0 });
  expect((await sent.ended).facts.remoteAddress).toBe(`127.0.0.1:${allowed.port}`);
  expect(dns.count('A api.test')).toBe(1);
});

function create(): Upstream {
  const egress = new EgressPolicy({ ...defaultEgressOptions, denyAddresses: ['link-local', '127.0.0.2'] });
  return new Upstream(undefined, { egress, resolver: new Resolver({ servers: [dns.address] }) });
}

function get(upstream: Upstream): Promise<Sent> {
  return upstream.send(`http://api.test:${allowed.port}/`, { protocol: 'h1' }).ended as Promise<Sent>;
}

function expectRefusal({ error }: Sent, address: string): void {
  expect(error).toMatchObject({ code: 'origin_forbidden', source: 'broker', processed: 'no' });
  expect(error?.message).toContain(`forbids ${address}`);
}
