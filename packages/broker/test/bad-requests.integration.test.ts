// What PHP hears of requests that cannot work: a stable code, a typed exception that says what was tried, no hang.

import { createServer, type Server } from 'node:net';
import { CertificateAuthority, TestOrigin } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Outcome, TestStand } from './test-stand.ts';

let stand: TestStand;

beforeAll(async () => {
  stand = await TestStand.start();
});

afterAll(async () => {
  expect(stand.broker.load.exchanges).toBe(0);
  await stand[Symbol.asyncDispose]();
});

function attempt(method: string, url: string, options: Record<string, unknown> = {}): Promise<Outcome> {
  return stand.outcome(method, url, options);
}

describe('requests that are not valid HTTP', () => {
  const cases: [what: string, method: string, url: string, options: Record<string, unknown>, says: RegExp][] = [
    ['URL without scheme', 'GET', 'api.example.com/x', {}, /not absolute/],
    ['URL without host', 'GET', 'https:///x', {}, /no host/],
    ['URL with another scheme', 'GET', 'ftp://api.example.com/', {}, /scheme 'ftp'/],
    ['URL with userinfo', 'GET', 'https://user:secret@api.example.com/', {}, /userinfo/],
    ['URL with a space', 'GET', 'https://api.example.com/a b', {}, /0x20/],
    ['URL with CR LF', 'GET', 'https://api.example.com/a\r\nx: y', {}, /0x0d/],
    ['URL with a letter beyond ASCII', 'GET', 'https://api.example.com/ü', {}, /0xc3/],
    ['URL with a bad port', 'GET', 'https://api.example.com:99999/', {}, /port '99999'/],
    ['method with a space', 'GE T', 'https://api.example.com/', {}, /method/],
    ['empty method', '', 'https://api.example.com/', {}, /method/],
    ['field name with a space', 'GET', 'https://api.example.com/', { headers: { 'x y': 'z' } }, /field name/],
    ['empty field name', 'GET', 'https://api.example.com/', { headers: [['', 'z']] }, /field name/],
    ['field value with CR LF', 'GET', 'https://api.example.com/', { headers: { 'x-a': 'b\r\nc: d' } }, /'x-a'/],
    ['field value with NUL', 'GET', 'https://api.example.com/', { headers: { 'x-a': 'b\u0000c' } }, /'x-a'/],
    [
      'content-length that lies',
      'POST',
      'https://api.example.com/',
      { headers: { 'content-length': '9' }, body: 'abc' },
      /9.*3/,
    ],
  ];
  test.each(cases)('%s', async (_what, method, url, options, says) => {
    const outcome = await attempt(method, url, options);
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\RequestException',
      name: 'request_invalid',
      number: 20,
      processed: 'no',
      source: 'client',
    });
    expect(outcome.message).toMatch(says);
    expect(outcome.message).not.toContain('secret');
  });

  test('CONNECT', async () => {
    const outcome = await attempt('CONNECT', 'https://api.example.com/');
    expect(outcome).toMatchObject({ exception: 'Hawser\\Exception\\RequestException', name: 'request_unsupported' });
  });

  test('fields beyond their limit', async () => {
    const outcome = await attempt('GET', 'https://api.example.com/', { headers: { 'x-long': 'v'.repeat(193 * 1024) } });
    expect(outcome).toMatchObject({ exception: 'Hawser\\Exception\\RequestException', name: 'request_too_large' });
  });
});

describe('origins that cannot be reached', () => {
  test('unknown host', async () => {
    const outcome = await attempt('GET', 'https://no-such-host.invalid/');
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\DnsException',
      name: 'dns_failed',
      processed: 'no',
    });
    expect(outcome.message).toContain('no-such-host.invalid');
  });

  test('refused port', async () => {
    const outcome = await attempt('GET', 'https://localhost:1/');
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\ConnectException',
      name: 'connect_refused',
      processed: 'no',
    });
  });

  const certificates = [
    ['untrusted', 'tls_untrusted', async () => (await CertificateAuthority.create('another')).issue()],
    ['expired', 'tls_expired', (authority: CertificateAuthority) => authority.issueExpired()],
    ['wrong name', 'tls_name_mismatch', (authority: CertificateAuthority) => authority.issueWrongName()],
  ] as const;
  test.each(certificates)('certificate: %s', async (_what, name, issue) => {
    const authority = await CertificateAuthority.create();
    const origin = await TestOrigin.start({ certificate: await issue(authority) });
    await using trusting = await TestStand.start({ trust: authority.cert });
    try {
      const outcome = await trusting.outcome('POST', `${origin.url}/echo`, { body: 'x' });
      expect(outcome).toMatchObject({
        exception: 'Hawser\\Exception\\TlsException',
        name,
        processed: 'no',
        source: 'connect',
      });
      expect(outcome.message).toContain(origin.url);
      expect(origin.stats().requests).toBe(0);
    } finally {
      await origin.close();
    }
  });

  test('a port that never answers TLS', async () => {
    const silent = await listen(() => {});
    const outcome = await attempt('GET', `https://localhost:${portOf(silent)}/`);
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\ConnectException',
      name: 'connect_timeout',
      processed: 'no',
    });
    silent.close();
  });
});

describe.each(['auto', 'h1'])('origins that misbehave (protocol: %s)', (protocol) => {
  test('closes half-way through the body: an error, never a short success', async () => {
    await using misbehaving = await TestStand.start({ originConfig: [`protocol: ${protocol}`] });
    const outcome = await misbehaving.outcome('GET', `${misbehaving.origin.url}/abort-after?bytes=1000`);
    expect(outcome.exception).toBe('Hawser\\Exception\\NetworkException');
    expect(['origin_closed', 'origin_reset']).toContain(outcome.name);
    expect(outcome.processed).toBe('maybe');
  });

  test('sends nothing: a time-out before the deadline', async () => {
    await using misbehaving = await TestStand.start({ originConfig: [`protocol: ${protocol}`] });
    const outcome = await misbehaving.outcome('GET', `${misbehaving.origin.url}/never`, { timeoutMs: 300 });
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\TimeoutException',
      name: 'deadline_exceeded',
      processed: 'maybe',
    });
    expect(outcome.elapsedMs).toBeGreaterThan(250);
  });
});

describe('origins that speak no HTTP', () => {
  test('rubbish in the place of an answer', async () => {
    const rubbish = await listen((socket) => socket.once('data', () => socket.end('\u0001\u0002 rubbish\r\n\r\n')));
    const outcome = await attempt('POST', `http://localhost:${portOf(rubbish)}/`, { body: 'x' });
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\NetworkException',
      name: 'origin_protocol_error',
      processed: 'maybe',
    });
    rubbish.close();
  });

  test('closes without a word', async () => {
    const closing = await listen((socket) => socket.once('data', () => socket.destroy()));
    const outcome = await attempt('POST', `http://localhost:${portOf(closing)}/`, { body: 'x' });
    expect(outcome).toMatchObject({
      exception: 'Hawser\\Exception\\NetworkException',
      name: 'origin_closed',
      processed: 'maybe',
    });
    closing.close();
  });

  test('a body shorter than its content-length', async () => {
    const short = await listen((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')),
    );
    const outcome = await attempt('GET', `http://localhost:${portOf(short)}/`);
    expect(outcome).toMatchObject({ exception: 'Hawser\\Exception\\NetworkException', name: 'origin_closed' });
    short.close();
  });
});

function listen(onConnection: (socket: import('node:net').Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}
