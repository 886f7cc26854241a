import { once } from 'node:events';
import { connect } from 'node:tls';
import { CertificateAuthority, type CertificatePair, createSelfSigned, TestOrigin } from '@hawser/testkit';
import { beforeAll, expect, test } from 'vitest';

let authority: CertificateAuthority;

beforeAll(async () => {
  authority = await CertificateAuthority.create();
});

/** `ok`, or the code of the TLS error. */
async function handshake(certificate: CertificatePair, servername: string): Promise<string> {
  const origin = await TestOrigin.start({ certificate });
  const socket = connect({ host: '127.0.0.1', port: origin.port, servername, ca: authority.cert });
  try {
    await once(socket, 'secureConnect');
    return 'ok';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    socket.destroy();
    await origin.close();
  }
}

test.each([
  ['localhost', () => authority.issue(), 'ok'],
  ['hawser.test', () => authority.issue(), 'ok'],
  ['api.hawser.test', () => authority.issue(), 'ok'],
  ['example.com', () => authority.issue(), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['example.com', () => authority.issue({ names: ['example.com'] }), 'ok'],
  ['localhost', () => authority.issueExpired(), 'CERT_HAS_EXPIRED'],
  ['localhost', () => authority.issueWrongName(), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['localhost', () => createSelfSigned(), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['localhost', async () => (await CertificateAuthority.create('unknown')).issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
])('%s with %s gives %s', async (servername, issue, outcome) => {
  expect(await handshake(await issue(), servername)).toBe(outcome);
});
