// TLS towards an origin: sessions are resumed, only where everything that was checked is the same, and only new versions pass.

import { connect } from 'node:net';
import { CertificateAuthority, eventually, TestOrigin, type TestOriginOptions } from '@hawser/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Connector } from '../src/connector.ts';
import type { OriginOptions } from '../src/options.ts';
import { secure, secureContextOf } from '../src/secure.ts';
import { connectError, OpenSession } from './upstream-stand.ts';

let authority: CertificateAuthority;
let connector: Connector;
const origins: TestOrigin[] = [];

beforeAll(async () => {
  authority = await CertificateAuthority.create();
});

beforeEach(() => {
  connector = new Connector();
});

afterEach(async () => {
  connector.close();
  for (const origin of origins.splice(0)) await origin.close();
});

describe('the next connection resumes the TLS session of the last', () => {
  test.each<[string, TestOriginOptions, Partial<OriginOptions>]>([
    ['TLS 1.3, HTTP/2', {}, {}],
    ['TLS 1.3, HTTP/1.1', { protocols: ['http/1.1'] }, {}],
    ['TLS 1.2, HTTP/2', { maxVersion: 'TLSv1.2' }, {}],
    ['TLS 1.2, HTTP/1.1', { maxVersion: 'TLSv1.2', protocols: ['http/1.1'] }, { protocol: 'h1' }],
  ])('%s', async (_name, originOptions, options) => {
    const origin = await startOrigin(originOptions);
    const tls = { ca: authority.cert };
    for (let resumed = 0; resumed < 3; resumed++) {
      await exchange(origin, { ...options, tls });
      expect(origin.stats()).toMatchObject({ handshakes: resumed + 1, resumed });
    }
  });

  test('with the client certificate that it was made with', async () => {
    const origin = await startOrigin({ clientCa: authority.cert });
    const tls = { ca: authority.cert, ...(await authority.issue({ usage: 'client' })) };
    await exchange(origin, { tls });
    await exchange(origin, { tls: { ...tls } });
    expect(origin.stats()).toMatchObject({ handshakes: 2, resumed: 1 });
  });

  test.each<[string, (tls: OriginOptions['tls']) => Promise<Partial<OriginOptions>> | Partial<OriginOptions>]>([
    ['another name', (tls) => ({ tls: { ...tls, serverName: 'api.hawser.test' } })],
    ['other trust', async (tls) => ({ tls: { ca: `${tls.ca}\n${(await CertificateAuthority.create()).cert}` } })],
    ['a client certificate', async (tls) => ({ tls: { ...tls, ...(await authority.issue({ usage: 'client' })) } })],
    ['another lowest version', (tls) => ({ tls: { ...tls, minVersion: 'TLSv1.3' } })],
    ['another protocol', (tls) => ({ tls, protocol: 'h1' })],
  ])('but not with %s', async (_name, change) => {
    const origin = await startOrigin();
    const tls = { ca: authority.cert };
    await exchange(origin, { tls });
    await exchange(origin, await change(tls));
    expect(origin.stats()).toMatchObject({ handshakes: 2, resumed: 0 });
  });

  test('and an origin that has lost its keys gets a full handshake', async () => {
    const first = await startOrigin();
    await exchange(first, { tls: { ca: authority.cert } });
    const { port } = first;
    await first.close();
    const second = await startOrigin({ port });
    await exchange(second, { tls: { ca: authority.cert } });
    expect(second.stats()).toMatchObject({ handshakes: 1, resumed: 0 });
  });
});

describe('a certificate that is refused', () => {
  test.each([undefined, 'TLSv1.2'] as const)('stays refused: its session is not resumed (%s)', async (maxVersion) => {
    const wrong = await startOrigin({
      certificate: await authority.issueWrongName(),
      ...(maxVersion !== undefined && { maxVersion }),
    });
    for (let i = 0; i < 3; i++) {
      const error = await connectError(wrong.url, { tls: { ca: authority.cert } }, connector);
      expect(error).toMatchObject({ code: 'tls_name_mismatch', processed: 'no' });
    }
    expect(wrong.stats().resumed).toBe(0);
  });
});

test.each([undefined, 'TLSv1.2'] as const)(
  'a session that was not trusted is told to nobody (%s)',
  async (maxVersion) => {
    const certificate = await authority.issueWrongName();
    const wrong = await startOrigin({ certificate, ...(maxVersion !== undefined && { maxVersion }) });
    let told = 0;
    const secured = secure(connect({ host: '127.0.0.1', port: wrong.port }), {
      serverName: 'localhost',
      protocol: 'auto',
      context: secureContextOf({ ca: authority.cert }),
      session: undefined,
      onSession: () => told++,
    });
    await expect(secured).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await eventually(() => expect(wrong.stats().openConnections).toBe(0));
    expect(told).toBe(0);
  },
);

describe('tls.minVersion', () => {
  test.each<[OriginOptions['tls']['minVersion'], TestOriginOptions['maxVersion'], boolean]>([
    ['TLSv1.3', undefined, true],
    ['TLSv1.2', 'TLSv1.2', true],
    [undefined, 'TLSv1.2', true],
    ['TLSv1.3', 'TLSv1.2', false],
  ])('%s, an origin that speaks up to %s: %s', async (minVersion, maxVersion, connects) => {
    const origin = await startOrigin(maxVersion === undefined ? {} : { maxVersion });
    const tls = { ca: authority.cert, ...(minVersion !== undefined && { minVersion }) };
    if (connects) {
      await exchange(origin, { tls });
      return;
    }
    const error = await connectError(origin.url, { tls }, connector);
    expect(error).toMatchObject({ code: 'tls_failed', source: 'connect', processed: 'no' });
    expect(error.message).toContain('no TLS version from tls.minVersion on');
    expect(origin.stats()).toMatchObject({ handshakes: 0, requests: 0 });
  });
});

async function startOrigin(options: TestOriginOptions = {}): Promise<TestOrigin> {
  const origin = await TestOrigin.start({ certificate: await authority.issue(), ...options });
  origins.push(origin);
  return origin;
}

/** A connection of its own, and one exchange on it: by then TLS 1.3 has brought its tickets. */
async function exchange(origin: TestOrigin, options: Partial<OriginOptions>): Promise<void> {
  const { openConnections } = origin.stats();
  using open = await OpenSession.open(origin.url, options, connector);
  expect((await open.request('/').ended).status).toBe(200);
  open.session.destroy();
  await eventually(() => expect(origin.stats().openConnections).toBe(openConnections));
}
