// A name with several addresses is reached as long as one of them answers, and quickly so.

import { existsSync, readFileSync } from 'node:fs';
import { BlackHole, DnsServer, eventually, TestOrigin } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Address } from '../src/address.ts';
import { parseAddress } from '../src/address.ts';
import type { Timer } from '../src/clock.ts';
import { Connector } from '../src/connector.ts';
import { dial } from '../src/dial.ts';
import { Places } from '../src/places.ts';
import { Resolver } from '../src/resolver.ts';
import { CountingClock, connectError, defaults, OpenSession } from './upstream-stand.ts';

const places = new Places(Number.POSITIVE_INFINITY, { plural: 'connections', option: 'none' });
const anyPlace = () => places.tryTake();

/** RFC 8305 section 8. */
const attemptDelayMs = 250;

/** Real time that notes what was waited for, and lets a test hold back the start of the next attempt. */
class AttemptClock extends CountingClock {
  readonly delays: number[] = [];
  isHolding = false;

  override setTimeout(callback: () => void, ms: number): Timer {
    this.delays.push(ms);
    return super.setTimeout(this.isHolding && ms === attemptDelayMs ? () => {} : callback, ms);
  }
}

let dns: DnsServer;
let clock: AttemptClock;
let connector: Connector;
const origins: TestOrigin[] = [];

beforeEach(async () => {
  dns = await DnsServer.start();
  clock = new AttemptClock();
  connector = new Connector({ clock, resolver: new Resolver({ servers: [dns.address] }) });
});

afterEach(async () => {
  connector.close();
  for (const origin of origins.splice(0)) {
    await eventually(() => expect(origin.stats().openConnections, 'connections left').toBe(0));
    await origin.close();
  }
  await dns.close();
});

describe('an address that refuses', () => {
  test('is followed by the next one at once', async () => {
    const origin = await startOrigin('127.0.0.1');
    dns.set('api.test', { a: ['127.0.0.2', '127.0.0.3', '127.0.0.1'] });
    clock.isHolding = true;
    expect(await open(origin)).toBe(`127.0.0.1:${origin.port}`);
  });

  test('of one family is followed by the other family', async () => {
    const origin = await startOrigin('::1');
    dns.set('api.test', { a: ['127.0.0.1'], aaaa: ['::1'] });
    clock.isHolding = true;
    expect(await open(origin, 'ipv4')).toBe(`[::1]:${origin.port}`);
  });

  test('and is the only one is told', async () => {
    const origin = await startOrigin('127.0.0.1');
    dns.set('api.test', { a: ['127.0.0.2', '127.0.0.3'] });
    const error = await connectError(`https://api.test:${origin.port}`, {}, connector);
    expect(error).toMatchObject({ code: 'connect_refused', source: 'connect', processed: 'no' });
    expect(error.message).toContain('127.0.0.2');
  });
});

describe('an address that is silent', () => {
  test.each<[string, { a: string[]; aaaa?: string[] }, string]>([
    ['the next address', { a: ['127.0.0.3', '127.0.0.1'] }, '127.0.0.1'],
    ['the other family', { a: ['127.0.0.3'], aaaa: ['::1'] }, '::1'],
  ])('is followed after 250 ms by %s', async (_name, script, host) => {
    const origin = await startOrigin(host);
    await using _hole = await BlackHole.start('127.0.0.3', origin.port);
    dns.set('api.test', script);
    expect(await open(origin, 'ipv4')).toContain(host);
    expect(clock.delays).toContain(attemptDelayMs);
  });

  test('and is the only one is given up after timeouts.connect', async () => {
    await using hole = await BlackHole.start('127.0.0.3');
    const timeouts = { ...defaults.timeouts, connectMs: 400 };
    const error = await connectError(`https://127.0.0.3:${hole.port}`, { timeouts });
    expect(error).toMatchObject({
      code: 'connect_timeout',
      message: expect.stringContaining('no session within 400 ms'),
    });
  });

  test('may still be the one that answers: the attempts after it do not end its own', async () => {
    await using hole = await BlackHole.start('127.0.0.3');
    const clock = new CountingClock();
    const dialled = dial(ipv4('127.0.0.3', '127.0.0.4'), hole.port, anyPlace, clock, new AbortController().signal);
    // By now the second address has refused.
    setTimeout(() => hole.release(), 500);
    const socket = await dialled;
    expect(socket.remoteAddress).toBe('127.0.0.3');
    expect(clock.pendingTimers).toBe(0);
    socket.destroy();
  });

  test('is let go of when the attempt is given up', async () => {
    await using hole = await BlackHole.start('127.0.0.3');
    const clock = new CountingClock();
    const abort = new AbortController();
    const socketsBefore = sockets();
    const dialled = dial(ipv4('127.0.0.3', '127.0.0.3'), hole.port, anyPlace, clock, abort.signal);
    await eventually(() => sockets() === socketsBefore + 2);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(dialled).rejects.toBe(reason);
    await eventually(() => sockets() === socketsBefore);
    expect(clock.pendingTimers).toBe(0);
    await expect(dial(ipv4('127.0.0.3'), hole.port, anyPlace, clock, abort.signal)).rejects.toBe(reason);
    expect(sockets()).toBe(socketsBefore);
  });
});

test.each([
  ['ipv4', '127.0.0.1'],
  ['ipv6', '[::1]'],
] as const)('resolve.prefer: %s', async (prefer, host) => {
  const origin = await startOrigin('127.0.0.1');
  await startOrigin('::1', origin.port);
  dns.set('api.test', { a: ['127.0.0.1'], aaaa: ['::1'] });
  expect(await open(origin, prefer)).toBe(`${host}:${origin.port}`);
});

test.runIf(existsSync('/proc/net/tcp'))('TCP keeps a silent connection known on its way (Linux tells)', async () => {
  const origin = await startOrigin('127.0.0.1');
  using _open = await OpenSession.open(`http://127.0.0.1:${origin.port}`, {}, connector);
  expect(kernelTimer(origin.port)).toBe('02');
});

test('a name that nobody knows, a server that is silent, a server that fails: dns_failed', async () => {
  dns.set('fails.test', { a: 'servfail', aaaa: 'servfail' });
  dns.set('silent.test', { a: 'silence', aaaa: 'silence' });
  const timeouts = { ...defaults.timeouts, connectMs: 300 };
  for (const [name, says] of [
    ['missing.test', /does not resolve/],
    ['fails.test', /ESERVFAIL/],
    ['silent.test', /the resolver gave no answer within 300 ms \(timeouts\.connect\)/],
  ] as const) {
    const error = await connectError(`https://${name}`, { timeouts }, connector);
    expect(error).toMatchObject({ code: 'dns_failed', source: 'connect', processed: 'no' });
    expect(error.message).toMatch(says);
  }
});

async function startOrigin(host: string, port = 0): Promise<TestOrigin> {
  const origin = await TestOrigin.start({ host, port, plain: true });
  origins.push(origin);
  return origin;
}

/** Opens a session to `api.test`; the address that it went to. */
async function open(origin: TestOrigin, prefer: 'auto' | 'ipv4' | 'ipv6' = 'auto'): Promise<string> {
  const timeouts = { ...defaults.timeouts, connectMs: 30_000 };
  const url = `http://api.test:${origin.port}`;
  using open = await OpenSession.open(url, { resolve: { prefer }, timeouts }, connector);
  expect((await open.request('/').ended).status).toBe(200);
  return open.session.remoteAddress;
}

/** State and timer of the connection to a local port, as /proc/net/tcp shows it: `02` is a timer for keep-alive. */
function kernelTimer(port: number): string | undefined {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .find((text) => text.trim().split(/\s+/)[2] === remote);
  return line?.trim().split(/\s+/)[5]?.slice(0, 2);
}

function ipv4(...addresses: string[]): Address[] {
  return addresses.map((address) => parseAddress(address)!);
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
}
