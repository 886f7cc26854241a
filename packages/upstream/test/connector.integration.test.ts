import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  CertificateAuthority,
  type CertificatePair,
  createSelfSigned,
  eventually,
  ScriptedRawPeer,
  TestOrigin,
  type TestOriginOptions,
} from '@hawser/testkit';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Connector } from '../src/connector.ts';
import { UpstreamError } from '../src/errors.ts';
import type { OriginOptions } from '../src/options.ts';
import { CountingClock, connectError, defaults, OpenSession } from './upstream-stand.ts';

let authority: CertificateAuthority;
const origins: TestOrigin[] = [];

beforeAll(async () => {
  authority = await CertificateAuthority.create();
});

afterEach(async () => {
  for (const origin of origins.splice(0)) {
    await eventually(() => expect(origin.stats().openConnections, 'connections left').toBe(0));
    await origin.close();
  }
});

describe('one ALPN negotiation decides the protocol', () => {
  test.each<[string, ('h2' | 'http/1.1')[], OriginOptions['protocol'], string]>([
    ['the origin speaks both', ['h2', 'http/1.1'], 'auto', 'h2'],
    ['the origin speaks HTTP/1.1 only', ['http/1.1'], 'auto', 'http/1.1'],
    ['the origin speaks HTTP/2 only', ['h2'], 'auto', 'h2'],
    ['protocol: h1', ['h2', 'http/1.1'], 'h1', 'http/1.1'],
    ['protocol: h2', ['h2', 'http/1.1'], 'h2', 'h2'],
  ])('%s', async (_name, protocols, protocol, expected) => {
    const origin = await startOrigin({ protocols });
    using open = await OpenSession.open(origin.url, { protocol, tls: { ca: authority.cert } });
    expect(open.session).toMatchObject({
      protocol: expected,
      state: 'open',
      remoteAddress: `127.0.0.1:${origin.port}`,
    });
    const answer = await open.request('/').ended;
    expect(answer.field('x-protocol')).toBe(expected);
    expect(origin.stats()).toMatchObject({ connections: 1, handshakes: 1 });
  });

  test.each<[string, OriginOptions['protocol'], string]>([
    ['HTTP/1.1', 'auto', 'http/1.1'],
    ['HTTP/1.1', 'h1', 'http/1.1'],
    ['HTTP/2 by prior knowledge', 'h2', 'h2'],
  ])('in cleartext there is none: %s with protocol: %s', async (_name, protocol, expected) => {
    const origin = await startOrigin({ plain: true });
    using open = await OpenSession.open(origin.url, { protocol });
    expect((await open.request('/').ended).field('x-protocol')).toBe(expected);
  });

  test('an origin without ALPN gets HTTP/1.1, unless HTTP/2 is asked for', async () => {
    const origin = await startOrigin({ protocols: [] });
    using open = await OpenSession.open(origin.url, { tls: { ca: authority.cert } });
    expect(open.session.protocol).toBe('http/1.1');
    const error = await connectError(origin.url, { protocol: 'h2', tls: { ca: authority.cert } });
    expectRefusal(error, 'alpn_mismatch', 'protocol is h2, but the origin did not choose it in ALPN');
  });

  test.each<[OriginOptions['protocol'], 'h2' | 'http/1.1']>([
    ['h2', 'http/1.1'],
    ['h1', 'h2'],
  ])('protocol: %s does not meet an origin that speaks %s only', async (protocol, offered) => {
    const origin = await startOrigin({ protocols: [offered] });
    const error = await connectError(origin.url, { protocol, tls: { ca: authority.cert } });
    expectRefusal(error, 'alpn_mismatch', 'the origin speaks none of the offered protocols');
  });
});

describe('the certificate', () => {
  test.each<[string, () => Promise<CertificatePair>, string]>([
    [
      'of an authority that is not trusted',
      async () => (await CertificateAuthority.create('Other')).issue(),
      'tls_untrusted',
    ],
    ['that signed itself', () => createSelfSigned(), 'tls_untrusted'],
    ['that has expired', () => authority.issueExpired(), 'tls_expired'],
    ['that is not valid yet', () => authority.issue({ notBefore: new Date(Date.now() + 3_600_000) }), 'tls_expired'],
    ['for another name', () => authority.issueWrongName(), 'tls_name_mismatch'],
    ['that is meant for clients', () => authority.issue({ usage: 'client' }), 'tls_untrusted'],
  ])('%s is refused', async (_name, issue, code) => {
    const origin = await startOrigin({ certificate: await issue() });
    for (const protocol of ['auto', 'h1'] as const) {
      expectRefusal(await connectError(origin.url, { protocol, tls: { ca: authority.cert } }), code, origin.url);
    }
  });

  test('of a private authority is refused by the built-in ones', async () => {
    const origin = await startOrigin();
    expectRefusal(await connectError(origin.url), 'tls_untrusted', origin.url);
  });

  test('must carry tls.serverName, which is what SNI asks for', async () => {
    const origin = await startOrigin({ certificate: await authority.issue({ names: ['inner.example'] }) });
    const tls = { ca: authority.cert, serverName: 'inner.example' };
    using open = await OpenSession.open(origin.url, { tls });
    expect((await open.request('/').ended).status).toBe(200);
    expect(await sniOf({ tls })).toBe('inner.example');
    expectRefusal(await connectError(origin.url, { tls: { ca: authority.cert } }), 'tls_name_mismatch', origin.url);
    const other = { ca: authority.cert, serverName: 'other.example' };
    expectRefusal(await connectError(origin.url, { tls: other }), 'tls_name_mismatch', origin.url);
  });

  test('may be for an address, which never goes into SNI', async () => {
    const origin = await startOrigin({ certificate: await authority.issue({ names: ['127.0.0.1'] }) });
    const url = `https://127.0.0.1:${origin.port}`;
    using open = await OpenSession.open(url, { tls: { ca: authority.cert } });
    expect(open.session.state).toBe('open');
    expect(await sniOf({}, '127.0.0.1')).toBe('');
    // A serverName that is an address is checked all the same.
    expectRefusal(
      await connectError(url, { tls: { ca: authority.cert, serverName: '127.0.0.2' } }),
      'tls_name_mismatch',
      url,
    );
  });

  test('is for the name without the dot that a fully qualified one ends in', async () => {
    const origin = await startOrigin();
    const tls = { ca: authority.cert, serverName: 'localhost.' };
    using open = await OpenSession.open(origin.url, { tls });
    expect(open.session.state).toBe('open');
    expect(await sniOf({ tls })).toBe('localhost');
  });
});

describe('a client certificate', () => {
  test.each(['h2', 'h1'] as const)('is shown where there is one: %s', async (protocol) => {
    const origin = await startOrigin({ clientCa: authority.cert });
    const tls = { ca: authority.cert, ...(await authority.issue({ usage: 'client' })) };
    using open = await OpenSession.open(origin.url, { protocol, tls });
    expect((await open.request('/').ended).status).toBe(200);
  });

  test('that is missing ends the connection; TLS 1.3 tells only when an answer is due', async () => {
    const origin = await startOrigin({ clientCa: authority.cert, protocols: ['http/1.1'] });
    using open = await OpenSession.open(origin.url, { tls: { ca: authority.cert } });
    const { error } = await open.request('/').ended;
    expect(error).toMatchObject({ code: 'session_closed' });
  });

  test('with the key of another is an error, not an exception', async () => {
    const { cert } = await authority.issue({ usage: 'client' });
    const { key } = await authority.issue({ usage: 'client' });
    const error = await connectError('https://localhost:1', { tls: { ca: authority.cert, cert, key } });
    expectRefusal(error, 'tls_failed', 'https://localhost:1');
  });
});

describe('an origin that cannot be reached', () => {
  test('refuses the port', async () => {
    const port = await closedPort();
    for (const scheme of ['http', 'https']) {
      const url = `${scheme}://127.0.0.1:${port}`;
      expectRefusal(await connectError(url), 'connect_refused', `${url}: the port refused the connection`);
    }
  });

  test('refuses the port on every address of its name', async () => {
    const url = `https://localhost:${await closedPort()}`;
    expectRefusal(await connectError(url), 'connect_refused', url);
  });

  test('has no such name', async () => {
    const url = 'https://no-such-host.invalid';
    const timeouts = { ...defaults.timeouts, connectMs: 10_000 };
    expectRefusal(await connectError(url, { timeouts }), 'dns_failed', url);
  });

  test.each<[string, boolean, OriginOptions['protocol']]>([
    ['takes TCP and never speaks TLS', false, 'auto'],
    ['speaks TLS and never sends SETTINGS', true, 'h2'],
  ])('%s: given up after timeouts.connect, and let go of', async (_name, speaksTls, protocol) => {
    const certificate = await authority.issue();
    const peer = await ScriptedRawPeer.start(() => {}, speaksTls ? { certificate, alpn: ['h2'] } : {});
    const url = `https://localhost:${peer.port}`;
    const timeouts = { ...defaults.timeouts, connectMs: 150 };
    const startedAt = performance.now();
    const error = await connectError(url, { protocol, timeouts, tls: { ca: authority.cert } });
    expectRefusal(error, 'connect_timeout', `${url}: no session within 150 ms (timeouts.connect)`);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await eventually(() => expect(peer.connections[0]?.hasEnded).toBe(true));
    await peer.close();
  });

  test.each<[string, string, string]>([
    ['closes at once', '', 'connect_failed'],
    ['speaks HTTP where TLS is expected', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'tls_failed'],
    ['speaks something else', 'SSH-2.0-OpenSSH_9.2p1\r\n', 'tls_failed'],
  ])('%s', async (_name, text, code) => {
    const peer = await ScriptedRawPeer.start((connection) => connection.end(text));
    const url = `https://localhost:${peer.port}`;
    expectRefusal(await connectError(url), code, url);
    await peer.close();
  });
});

describe('giving up', () => {
  test.each([
    ['while TLS waits', {}],
    ['while SETTINGS are waited for', { protocol: 'h2' }],
  ] as const)('%s: rejects with the reason, at once, and lets go of the socket', async (_name, options) => {
    const speaksTls = 'protocol' in options;
    const certificate = await authority.issue();
    const peer = await ScriptedRawPeer.start(() => {}, speaksTls ? { certificate, alpn: ['h2'] } : {});
    const clock = new CountingClock();
    const abort = new AbortController();
    const connecting = new Connector({ clock }).connect(
      { scheme: 'https', host: 'localhost', port: peer.port },
      { ...defaults, ...options, tls: { ca: authority.cert } },
      { onRoom: () => {}, onDraining: () => {}, onClosed: () => {} },
      abort.signal,
    );
    await eventually(() => peer.connections.length === 1);
    const reason = new UpstreamError('broker_draining', 'stopping', { source: 'broker', processed: 'no' });
    abort.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
    await eventually(() => expect(peer.connections[0]?.hasEnded).toBe(true));
    await peer.close();
  });
});

async function startOrigin(options: TestOriginOptions = {}): Promise<TestOrigin> {
  const certificate = options.plain ? {} : { certificate: await authority.issue() };
  const origin = await TestOrigin.start({ ...certificate, ...options });
  origins.push(origin);
  return origin;
}

function expectRefusal(error: UpstreamError, code: string, message: string): void {
  expect(error).toBeInstanceOf(UpstreamError);
  expect(error).toMatchObject({ code, source: 'connect', processed: 'no' });
  expect(error.message).toContain(message);
}

/** A port where nobody listens: one that was just given back. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The name in the ClientHello's SNI; empty where there is none. */
async function sniOf(options: Partial<OriginOptions>, host = 'localhost'): Promise<string> {
  const peer = await ScriptedRawPeer.start(() => {});
  const failed = connectError(`https://${host}:${peer.port}`, options);
  await eventually(() => expect(peer.connections[0]?.received.length).toBeGreaterThan(200));
  const name = readSni(peer.connections[0]?.received as Buffer);
  await peer.close();
  await failed;
  return name;
}

/** RFC 8446 section 4.1.2: record and handshake headers, version, random, session id, suites, compression, extensions. */
function readSni(record: Buffer): string {
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at);
  const end = at + 2 + record.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const length = record.readUInt16BE(at + 2);
    // RFC 6066 section 3: list length, type of the name, its length.
    if (record.readUInt16BE(at) === 0) return record.toString('latin1', at + 9, at + 4 + length);
    at += 4 + length;
  }
  return '';
}
