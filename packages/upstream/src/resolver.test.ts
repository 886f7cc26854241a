import { rmSync, writeFileSync } from 'node:fs';
import { createTemporaryDirectory, DnsServer, eventually, FakeClock, type TemporaryDirectory } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Address } from './address.ts';
import { Resolver, type ResolverOptions } from './resolver.ts';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;

let dns: DnsServer;
let clock: FakeClock;
let files: TemporaryDirectory;
let resolver: Resolver;

beforeEach(async () => {
  dns = await DnsServer.start();
  clock = new FakeClock();
  files = createTemporaryDirectory();
  writeFileSync(files.file('hosts'), '');
  writeFileSync(files.file('resolv.conf'), '');
  resolver = create();
});

afterEach(async () => {
  resolver.close();
  expect(clock.pendingTimers, 'timers left').toBe(0);
  await dns.close();
  files.remove();
});

describe('a name', () => {
  test('is asked for in both families at once', async () => {
    dns.set('api.test', { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'] });
    expect(await lookup('api.test')).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    expect(dns.questions.toSorted()).toEqual(['A api.test', 'AAAA api.test']);
  });

  test('has addresses in one family, or the other', async () => {
    dns.set('four.test', { a: ['192.0.2.1'] });
    dns.set('six.test', { aaaa: ['2001:db8::1'] });
    expect(await lookup('four.test')).toEqual(['192.0.2.1']);
    expect(await lookup('six.test')).toEqual(['2001:db8::1']);
  });

  test('is the same in capitals', async () => {
    dns.set('api.test', { a: ['192.0.2.1'] });
    await lookup('api.test');
    expect(await lookup('API.test')).toEqual(['192.0.2.1']);
    expect(dns.count('A api.test')).toBe(1);
  });

  test('is asked for once, however many wait', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], delayMs: { a: 20 } });
    const answers = await Promise.all(Array.from({ length: 100 }, () => lookup('api.test')));
    expect(new Set(answers.flat())).toEqual(new Set(['192.0.2.1']));
    expect(dns.questions).toHaveLength(2);
  });

  test.each(['192.0.2.7', '2001:db8::7', '::1'])('that is an address asks nobody: %s', async (address) => {
    expect(await lookup(address)).toEqual([address]);
    expect(dns.questions).toEqual([]);
  });

  test.each(['localhost', 'localhost.', 'app.localhost'])('%s is this host, and asks nobody', async (name) => {
    expect(await lookup(name)).toEqual(['127.0.0.1', '::1']);
    expect(dns.questions).toEqual([]);
  });

  test('beyond the ten thousandth makes another be forgotten', async () => {
    const looked = Array.from({ length: 10_050 }, (_, i) => lookup(`name-${i}.test`));
    expect(resolver.nameCount).toBe(10_000);
    resolver.close();
    const outcomes = await Promise.allSettled(looked);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
  });
});

describe('an answer holds for its TTL', () => {
  test.each<[string, { ttl: number; alias?: { name: string; ttl: number } }, number]>([
    ['of 30 s', { ttl: 30 }, 30 * secondMs],
    ['of 0, for a second', { ttl: 0 }, secondMs],
    ['of a day, for five minutes', { ttl: 86_400 }, 5 * minuteMs],
    ['that is its alias’s where that is less', { ttl: 600, alias: { name: 'lb.test', ttl: 7 } }, 7 * secondMs],
  ])('%s', async (_name, script, holdsMs) => {
    dns.set('api.test', { a: ['192.0.2.1'], ...script });
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
    dns.set('api.test', { a: ['192.0.2.2'], ...script });
    clock.advance(holdsMs - 1);
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
    expect(dns.count('A api.test')).toBe(1);
    clock.advance(1);
    expect(await lookup('api.test')).toEqual(['192.0.2.2']);
    expect(dns.count('A api.test')).toBe(2);
  });
});

describe('a name without addresses', () => {
  test.each<[string, string, 'nxdomain' | readonly string[]]>([
    ['does not exist', 'ENOTFOUND', 'nxdomain'],
    ['has none', 'ENODATA', []],
  ])('%s: %s, for a second', async (_name, code, reply) => {
    dns.set('api.test', { a: reply, aaaa: reply });
    await expect(lookup('api.test')).rejects.toMatchObject({ code });
    await expect(lookup('api.test')).rejects.toMatchObject({ code });
    expect(dns.questions).toHaveLength(2);
    dns.set('api.test', { a: ['192.0.2.1'] });
    clock.advance(secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
  });

  test('is without them as soon as it is gone: the last answer does not outlive its TTL then', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 10 });
    await lookup('api.test');
    dns.set('api.test', { a: 'nxdomain', aaaa: 'nxdomain' });
    clock.advance(10 * secondMs);
    await expect(lookup('api.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('while the servers fail', () => {
  test.each(['servfail', 'refused'] as const)('%s: the last good answer holds, for an hour', async (failure) => {
    dns.set('api.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], ttl: 10 });
    await lookup('api.test');
    dns.set('api.test', { a: failure, aaaa: failure });
    clock.advance(10 * secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.1', '2001:db8::1']);
    const asked = dns.questions.length;
    clock.advance(4 * secondMs);
    await lookup('api.test');
    expect(dns.questions, 'asked again too soon').toHaveLength(asked);
    clock.advance(secondMs);
    await lookup('api.test');
    expect(dns.questions.length, 'not asked again').toBeGreaterThan(asked);
    clock.advance(60 * minuteMs - 6 * secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.1', '2001:db8::1']);
    clock.advance(secondMs);
    const code = failure === 'servfail' ? 'ESERVFAIL' : 'EREFUSED';
    await expect(lookup('api.test')).rejects.toMatchObject({ code });
  });

  test('and work again, the new answer holds', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 10 });
    await lookup('api.test');
    dns.set('api.test', { a: 'servfail', aaaa: 'servfail' });
    clock.advance(10 * secondMs);
    await lookup('api.test');
    dns.set('api.test', { a: ['192.0.2.2'], ttl: 10 });
    clock.advance(5 * secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.2']);
  });

  test('by silence, the last good answer is not waited for longer than 300 ms', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 10 });
    await lookup('api.test');
    dns.set('api.test', { a: 'silence', aaaa: 'silence' });
    clock.advance(10 * secondMs);
    let answer: string[] | null = null;
    const answered = lookup('api.test').then((addresses) => {
      answer = addresses;
    });
    await clock.advanceAsync(299);
    expect(answer).toBeNull();
    const waitedFrom = performance.now();
    clock.advance(1);
    await answered;
    expect(performance.now() - waitedFrom, 'waited for the servers to be given up').toBeLessThan(1_000);
    expect(answer).toEqual(['192.0.2.1']);
  });

  test('and there was no answer yet: the failure holds for a second', async () => {
    dns.set('api.test', { a: 'servfail', aaaa: 'servfail' });
    await expect(lookup('api.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    const asked = dns.questions.length;
    await expect(lookup('api.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    expect(dns.questions).toHaveLength(asked);
    dns.set('api.test', { a: ['192.0.2.1'] });
    clock.advance(secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
  });

  test('by silence, and there was no answer yet: it ends all the same', async () => {
    dns.set('api.test', { a: 'silence', aaaa: 'silence' });
    await expect(lookup('api.test')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  test('in one family, its addresses of before hold', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], ttl: 10 });
    await lookup('api.test');
    dns.set('api.test', { a: ['192.0.2.2'], aaaa: 'servfail', ttl: 10 });
    clock.advance(10 * secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.2', '2001:db8::1']);
    dns.set('api.test', { a: ['192.0.2.2'], ttl: 10 });
    clock.advance(10 * secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.2']);
  });
});

describe('a family that is late', () => {
  test('is waited for 50 ms, and joins the answer when it comes', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], delayMs: { aaaa: 150 } });
    const looked = lookup('api.test');
    await eventually(() => clock.pendingTimers === 1);
    clock.advance(50);
    expect(await looked).toEqual(['192.0.2.1']);
    await eventually(async () => expect(await lookup('api.test')).toEqual(['192.0.2.1', '2001:db8::1']));
    expect(dns.questions).toHaveLength(2);
  });

  test('within 50 ms is part of the answer', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], delayMs: { a: 30 } });
    expect(await lookup('api.test')).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  test('that says nothing costs 50 ms, no more', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], aaaa: 'silence' });
    const looked = lookup('api.test');
    await eventually(() => clock.pendingTimers === 1);
    clock.advance(50);
    expect(await looked).toEqual(['192.0.2.1']);
  });

  test('is waited for where the other has nothing', async () => {
    dns.set('api.test', { aaaa: ['2001:db8::1'], delayMs: { aaaa: 100 } });
    expect(await lookup('api.test')).toEqual(['2001:db8::1']);
  });
});

describe('the search list of a pod', () => {
  const pod = 'search prod.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n';

  beforeEach(() => {
    writeFileSync(files.file('resolv.conf'), pod);
  });

  test('finds a Service by its short name', async () => {
    dns.set('redis.prod.svc.cluster.local', { a: ['10.0.0.1'] });
    expect(await lookup('redis')).toEqual(['10.0.0.1']);
    expect(dns.questions).toHaveLength(2);
  });

  test('finds a Service of another namespace, which has been asked for in order', async () => {
    dns.set('redis.data.svc.cluster.local', { a: ['10.0.0.2'], ttl: 5 });
    expect(await lookup('redis.data')).toEqual(['10.0.0.2']);
    const asked = ['redis.data.prod.svc.cluster.local', 'redis.data.svc.cluster.local'];
    expect(namesAsked()).toEqual(asked);
    // From then on the name that answered is asked for by itself; the list is walked again after five minutes.
    clock.advance(5 * secondMs);
    await lookup('redis.data');
    expect(namesAsked()).toEqual([...asked, 'redis.data.svc.cluster.local']);
    dns.set('redis.data.prod.svc.cluster.local', { a: ['10.0.0.3'] });
    clock.advance(5 * minuteMs);
    expect(await lookup('redis.data')).toEqual(['10.0.0.3']);
  });

  test('is walked anew when the name that answered is gone', async () => {
    dns.set('redis.data.svc.cluster.local', { a: ['10.0.0.2'], ttl: 5 });
    await lookup('redis.data');
    dns.set('redis.data.svc.cluster.local', { a: 'nxdomain', aaaa: 'nxdomain' });
    dns.set('redis.data', { a: ['10.0.0.4'] });
    clock.advance(5 * secondMs);
    expect(await lookup('redis.data')).toEqual(['10.0.0.4']);
  });

  test('ends with the name as it is, and is not used for one with a dot at its end', async () => {
    dns.set('api.example.com', { a: ['192.0.2.1'] });
    expect(await lookup('api.example.com')).toEqual(['192.0.2.1']);
    expect(namesAsked()).toHaveLength(4);
    expect(await lookup('api.example.com.')).toEqual(['192.0.2.1']);
    expect(namesAsked().slice(4)).toEqual(['api.example.com']);
  });

  test('a failure on its way does not end the walk, and keeps the name from counting as missing', async () => {
    dns.set('api.test.svc.cluster.local', { a: 'servfail', aaaa: 'servfail' });
    await expect(lookup('api.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    dns.set('api.test', { a: ['192.0.2.1'] });
    clock.advance(secondMs);
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
  });

  test('changes with the file', async () => {
    dns.set('redis.prod.svc.cluster.local', { a: ['10.0.0.1'] });
    writeFileSync(files.file('resolv.conf'), 'search test\n');
    await expect(lookup('redis')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    writeFileSync(files.file('resolv.conf'), pod);
    clock.advance(secondMs);
    expect(await lookup('redis')).toEqual(['10.0.0.1']);
  });

  function namesAsked(): string[] {
    return dns.questions.filter((question) => question.startsWith('A ')).map((question) => question.slice(2));
  }
});

describe('the hosts file', () => {
  test('goes before the servers, in any case, with all addresses of a name', async () => {
    dns.set('api.test', { a: ['192.0.2.1'] });
    writeFileSync(
      files.file('hosts'),
      '# api.test is elsewhere\n10.0.0.1  API.test api # one\n::0001 api.test\n10.0.0.2 api.test\nnonsense api.test\n',
    );
    expect(await lookup('api.test')).toEqual(['10.0.0.1', '::1', '10.0.0.2']);
    expect(await lookup('Api')).toEqual(['10.0.0.1']);
    expect(await lookup('api.test.')).toEqual(['10.0.0.1', '::1', '10.0.0.2']);
    expect(dns.questions).toEqual([]);
  });

  test('is read again as soon as it changes', async () => {
    dns.set('api.test', { a: ['192.0.2.1'] });
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
      writeFileSync(files.file('hosts'), `${address} api.test\n`);
      expect(await lookup('api.test')).toEqual([address]);
    }
    writeFileSync(files.file('hosts'), '');
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
  });

  test('may be missing', async () => {
    rmSync(files.file('hosts'));
    dns.set('api.test', { a: ['192.0.2.1'] });
    expect(await lookup('api.test')).toEqual(['192.0.2.1']);
  });
});

describe('a watch', () => {
  let told: string[][];

  beforeEach(() => {
    told = [];
  });

  test('tells the addresses soon, and after every TTL, with nobody connecting', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 5 });
    const unwatch = watch('api.test');
    expect(told).toEqual([]);
    await toldTimes(1);
    dns.set('api.test', { a: ['192.0.2.2'], ttl: 5 });
    clock.advance(4_999);
    expect(dns.count('A api.test')).toBe(1);
    clock.advance(1);
    await toldTimes(2);
    expect(told).toEqual([['192.0.2.1'], ['192.0.2.2']]);
    unwatch();
    expect(clock.pendingTimers).toBe(0);
    clock.advance(minuteMs);
    expect(dns.count('A api.test')).toBe(2);
  });

  test('tells again what has not changed', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 5 });
    watch('api.test');
    await toldTimes(1);
    clock.advance(5 * secondMs);
    await toldTimes(2);
    expect(told).toEqual([['192.0.2.1'], ['192.0.2.1']]);
  });

  test('tells an answer that is known already without asking', async () => {
    dns.set('api.test', { a: ['192.0.2.1'] });
    await lookup('api.test');
    watch('api.test');
    await toldTimes(1);
    expect(dns.count('A api.test')).toBe(1);
  });

  test('asks once for all who watch, and ends with the last of them', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 5 });
    const unwatch = [watch('api.test'), watch('api.test')];
    await toldTimes(2);
    expect(dns.count('A api.test')).toBe(1);
    unwatch[0]!();
    clock.advance(5 * secondMs);
    await toldTimes(3);
    unwatch[1]!();
    expect(clock.pendingTimers).toBe(0);
  });

  test.each(['servfail', 'nxdomain'] as const)('tells nothing at %s: there is nothing to move to', async (reply) => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 5 });
    watch('api.test');
    await toldTimes(1);
    dns.set('api.test', { a: reply, aaaa: reply });
    clock.advance(5 * secondMs);
    await eventually(() => clock.pendingTimers === 1 && dns.count('A api.test') >= 2);
    expect(told).toHaveLength(1);
    dns.set('api.test', { a: ['192.0.2.2'], ttl: 5 });
    clock.advance(5 * secondMs);
    await toldTimes(2);
    expect(told.at(-1)).toEqual(['192.0.2.2']);
  });

  test('follows the hosts file', () => {
    writeFileSync(files.file('hosts'), '10.0.0.1 api.test\n');
    watch('api.test');
    clock.advance(0);
    writeFileSync(files.file('hosts'), '10.0.0.2 api.test\n');
    clock.advance(5 * secondMs);
    expect(told).toEqual([['10.0.0.1'], ['10.0.0.2']]);
    expect(dns.questions).toEqual([]);
  });

  test('of a name that rotates lets every address count that it lately had, and asks once a minute', async () => {
    watch('api.test');
    for (let i = 1; i <= 7; i++) {
      dns.set('api.test', { a: [`192.0.2.${i}`], ttl: 5 });
      clock.advance(i === 7 ? minuteMs : 5 * secondMs);
      await toldTimes(i);
    }
    expect(told[4]).toEqual(['192.0.2.5']);
    expect(told[5]).toEqual([1, 2, 3, 4, 5, 6].map((i) => `192.0.2.${i}`));
    // Who connects gets the answer of the moment.
    expect(await lookup('api.test')).toEqual(['192.0.2.7']);
  });

  test.each(['192.0.2.1', '::1'])('of an address says nothing: %s', (address) => {
    watch(address);
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends with the resolver', async () => {
    dns.set('api.test', { a: ['192.0.2.1'], ttl: 5 });
    watch('api.test');
    await toldTimes(1);
    resolver.close();
    expect(clock.pendingTimers).toBe(0);
  });

  function watch(name: string): () => void {
    return resolver.watch(name, (addresses) => told.push(texts(addresses)));
  }

  /** Waits for as many calls, and for the next question to be set. */
  async function toldTimes(times: number): Promise<void> {
    await eventually(() => {
      if (clock.pendingTimers > 0) clock.advance(0);
      return told.length >= times && clock.pendingTimers > 0;
    });
    expect(told).toHaveLength(times);
  }
});

test('closing ends a question that is on its way', async () => {
  dns.set('api.test', { a: 'silence', aaaa: 'silence' });
  const looked = lookup('api.test');
  await eventually(() => dns.questions.length === 2);
  resolver.close();
  await expect(looked).rejects.toMatchObject({ code: 'ECANCELLED' });
});

function create(options: Partial<ResolverOptions> = {}): Resolver {
  const paths = { hostsFile: files.file('hosts'), resolvConf: files.file('resolv.conf') };
  return new Resolver({ clock, servers: [dns.address], ...paths, ...options });
}

async function lookup(name: string): Promise<string[]> {
  return texts(await resolver.lookup(name));
}

function texts(addresses: readonly Address[]): string[] {
  return addresses.map(({ address }) => address);
}
