import { beforeEach, describe, expect, test } from 'vitest';
import { parseAddress } from './address.ts';
import { defaultEgressOptions, type EgressOptions, EgressPolicy, isAddressRange, withEgressPolicy } from './egress.ts';
import type { UpstreamError } from './errors.ts';
import { createFacts, type Exchange, type Handle, type ResponseSink } from './exchange.ts';
import { defaultOriginOptions } from './options.ts';
import { parseTarget } from './origin.ts';
import { OriginPattern } from './origin-pattern.ts';

describe('by origin', () => {
  test.each<[string, Partial<EgressOptions>, string, boolean]>([
    ['nothing said', {}, 'https://api.example.com', true],
    ['default: deny', { default: 'deny' }, 'https://api.example.com', false],
    ['allowed', { default: 'deny', allow: patterns('https://api.example.com') }, 'https://api.example.com', true],
    [
      'another one allowed',
      { default: 'deny', allow: patterns('https://*.example.com') },
      'https://example.com',
      false,
    ],
    ['denied', { deny: patterns('https://*.example.com') }, 'https://api.example.com', false],
    ['denied, with a dot at the end', { deny: patterns('https://api.example.com') }, 'https://api.example.com.', false],
    ['another one denied', { deny: patterns('https://*.example.com') }, 'https://example.com', true],
    [
      'denied and allowed',
      { allow: patterns('https://*.example.com'), deny: patterns('https://api.example.com') },
      'https://api.example.com',
      false,
    ],
  ])('%s', (_name, options, url, isAllowed) => {
    const refusal = policy(options).originRefusal(parseTarget(url).origin);
    if (isAllowed) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject({ code: 'origin_forbidden', source: 'broker', processed: 'no' });
  });

  test('the refusal names the origin and the rule', () => {
    const { origin } = parseTarget('https://api.example.com');
    expect(policy({ default: 'deny' }).originRefusal(origin)?.message).toMatch(
      /api\.example\.com: egress\.default is deny/,
    );
    expect(policy({ deny: patterns('https://*') }).originRefusal(origin)?.message).toMatch(/egress\.deny/);
  });

  test('verdicts of more origins than are remembered are right', () => {
    const some = policy({ deny: patterns('https://*.bad.test') });
    for (let i = 0; i < 10_050; i++) some.originRefusal(parseTarget(`https://host-${i}.good.test`).origin);
    expect(some.originRefusal(parseTarget('https://x.bad.test').origin)).not.toBeNull();
    expect(some.originRefusal(parseTarget('https://host-1.good.test').origin)).toBeNull();
  });
});

describe('by address', () => {
  test.each<[entry: string, addresses: string[]]>([
    [
      'link-local',
      [
        '169.254.0.0',
        '169.254.169.254',
        '169.254.255.255',
        'fe80::1',
        'fe80::1%eth0',
        'febf:ffff::1',
        '::ffff:169.254.169.254',
        '::ffff:a9fe:a9fe',
        '0:0:0:0:0:ffff:a9fe:a9fe',
        '::169.254.169.254',
        '64:ff9b::a9fe:a9fe',
        '2002:a9fe:a9fe::1',
        'fd00:ec2::254',
      ],
    ],
    [
      'loopback',
      ['127.0.0.1', '127.255.255.255', '::1', '::', '0.0.0.0', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1'],
    ],
    [
      'private',
      [
        '10.0.0.1',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        '100.64.0.1',
        'fc00::1',
        'fd12::1',
        '::ffff:10.1.2.3',
      ],
    ],
    ['203.0.113.0/24', ['203.0.113.0', '203.0.113.255', '::ffff:203.0.113.7']],
    ['203.0.113.7', ['203.0.113.7', '::ffff:203.0.113.7']],
    ['2001:db8::/32', ['2001:db8::', '2001:db8:ffff::1']],
    ['2001:DB8::0007', ['2001:db8::7']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3', '::ffff:10.1.2.3']],
    ['::/0', ['::1', '2001:db8::1', '::ffff:10.1.2.3']],
    ['0.0.0.0/0', ['1.1.1.1', '::ffff:1.1.1.1']],
  ])('%s refuses what is in it, in every form', (entry, addresses) => {
    const { refusingEntry } = bound(policy({ denyAddresses: [entry] }));
    for (const address of addresses) expect(refusingEntry(address), address).toBe(entry);
  });

  test.each<[entry: string, addresses: string[]]>([
    [
      'link-local',
      ['169.253.255.255', '169.255.0.0', '127.0.0.1', '10.0.0.1', 'fec0::1', '2001:db8::a9fe:a9fe', 'fd00:ec3::1'],
    ],
    ['loopback', ['128.0.0.1', '126.255.255.255', '1.0.0.0', '::2:0:0', '2001:db8::1']],
    ['private', ['172.15.255.255', '172.32.0.0', '100.128.0.0', '11.0.0.1', 'fe80::1', '2001:db8::1']],
    ['203.0.113.0/24', ['203.0.112.255', '203.0.114.0']],
    ['203.0.113.7', ['203.0.113.6', '203.0.113.8']],
    ['::/0', ['1.1.1.1']],
  ])('%s lets the rest pass', (entry, addresses) => {
    const { refusingEntry } = bound(policy({ denyAddresses: [entry] }));
    for (const address of addresses) expect(refusingEntry(address), address).toBeNull();
  });

  test('link-local is refused unless something else is said', () => {
    expect(bound(new EgressPolicy()).refusingEntry('169.254.169.254')).toBe('link-local');
    expect(bound(new EgressPolicy()).refusingEntry('127.0.0.1')).toBeNull();
    expect(bound(policy({ denyAddresses: [] })).refusingEntry('169.254.169.254')).toBeNull();
  });

  test('of several addresses those that may be connected to are left; of none of them it is told', () => {
    const { origin } = parseTarget('https://api.example.com');
    const [bad, good, worse] = ['169.254.169.254', '192.0.2.1', 'fe80::1'].map((text) => parseAddress(text)!);
    expect(policy({}).allowedAddresses(origin, [bad!, good!, worse!])).toEqual([good]);
    expect(() => policy({}).allowedAddresses(origin, [bad!, worse!])).toThrow(
      expect.objectContaining({
        code: 'origin_forbidden',
        source: 'broker',
        processed: 'no',
        message: expect.stringMatching(
          /api\.example\.com: egress\.denyAddresses \(link-local\) forbids 169\.254\.169\.254/,
        ),
      }),
    );
  });

  test.each(['link-local', 'loopback', 'private', '10.0.0.0/8', '10.0.0.1', '::/0', '2001:db8::1', '0.0.0.0/0'])(
    '%s is an entry',
    (text) => expect(isAddressRange(text)).toBe(true),
  );

  test.each([
    '',
    'public',
    'toString',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    'fe80::1%eth0',
    '1.2.3.4/-1',
  ])('%j is none', (text) => {
    expect(isAddressRange(text)).toBe(false);
    expect(() => policy({ denyAddresses: [text] })).toThrow(RangeError);
  });
});

describe('the layer', () => {
  let sent: string[];
  let told: (UpstreamError | 'from inside')[];
  let isInside: boolean;

  beforeEach(() => {
    sent = [];
    told = [];
    isInside = false;
  });

  test('ends an exchange to an origin that is refused, before anything acts on it', async () => {
    const handle = send('https://api.example.com/x', { deny: patterns('https://api.example.com') });
    handle.write(Buffer.from('x'));
    handle.end();
    await Promise.resolve();
    expect(sent).toEqual([]);
    expect(told).toMatchObject([{ code: 'origin_forbidden' }]);
  });

  test('says nothing to who has cancelled', async () => {
    send('https://api.example.com/x', { default: 'deny' }).cancel();
    await Promise.resolve();
    expect(told).toEqual([]);
  });

  test('lets the others pass', () => {
    send('https://api.example.com/x', { deny: patterns('https://www.example.com') });
    expect(sent).toEqual(['api.example.com']);
  });

  test('is not there where it has nothing to say', () => {
    const next = () => null as unknown as Handle;
    expect(withEgressPolicy(next, new EgressPolicy())).toBe(next);
  });

  function send(url: string, options: Partial<EgressOptions>): Handle {
    const { origin, authority, path } = parseTarget(url);
    const layer = withEgressPolicy((exchange) => {
      sent.push(exchange.origin.host);
      return null as unknown as Handle;
    }, policy(options));
    const exchange: Exchange = {
      origin,
      options: defaultOriginOptions,
      head: { method: 'GET', scheme: origin.scheme, authority, path, fields: [] },
      body: null,
      client: {},
      startedAt: 0,
      deadlineAt: 60_000,
      facts: createFacts(),
    };
    const sink = { onError: (error: UpstreamError) => told.push(isInside ? 'from inside' : error) };
    isInside = true;
    const handle = layer(exchange, sink as unknown as ResponseSink);
    isInside = false;
    return handle;
  }
});

function policy(options: Partial<EgressOptions>): EgressPolicy {
  return new EgressPolicy({ ...defaultEgressOptions, ...options });
}

function patterns(...texts: string[]): OriginPattern[] {
  return texts.map((text) => OriginPattern.parse(text)!);
}

function bound(policy: EgressPolicy): { refusingEntry: (address: string) => string | null } {
  return { refusingEntry: (address) => policy.refusingEntry(parseAddress(address)!) };
}
