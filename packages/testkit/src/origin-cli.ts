// Runs a test origin as a process of its own: `node origin-cli.ts --dir DIR [--plain] [--h1-only | --h2-only] [--port N]`.
// Prints one JSON line when it is ready; ends on SIGTERM, SIGINT and the end of its standard input.

import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CertificateAuthority } from './certificates.ts';
import { TestOrigin } from './origin.ts';

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    plain: { type: 'boolean', default: false },
    'h1-only': { type: 'boolean', default: false },
    'h2-only': { type: 'boolean', default: false },
    port: { type: 'string', default: '0' },
    'max-streams': { type: 'string' },
    certificate: { type: 'string', default: 'good' },
  },
});
if (values.dir === undefined) throw new Error('--dir DIR is missing: ca.pem is written there');
mkdirSync(values.dir, { recursive: true });

const authority = await CertificateAuthority.create();
const caPath = join(values.dir, 'ca.pem');
writeFileSync(caPath, authority.cert);

const origin = await TestOrigin.start({
  port: Number(values.port),
  plain: values.plain,
  ...(values.plain ? {} : { certificate: await issue(values.certificate) }),
  protocols: values['h1-only'] ? ['http/1.1'] : values['h2-only'] ? ['h2'] : ['h2', 'http/1.1'],
  ...(values['max-streams'] === undefined ? {} : { settings: { maxConcurrentStreams: Number(values['max-streams']) } }),
});

// Counters are read on a port of their own, so that reading them is not counted.
const control = createServer((request, response) => {
  if (request.url === '/stats/reset') origin.resetStats();
  response.writeHead(200, { 'content-type': 'application/json' }).end(origin.statsJson());
});
await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));

process.stdout.write(
  `${JSON.stringify({
    port: origin.port,
    url: origin.url,
    ca: caPath,
    stats: `http://127.0.0.1:${(control.address() as AddressInfo).port}/stats`,
    pid: process.pid,
  })}\n`,
);

process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
process.stdin.once('end', () => process.exit(0));
process.stdin.once('error', () => process.exit(0));
process.stdin.resume();

async function issue(kind: string): Promise<{ cert: string; key: string }> {
  switch (kind) {
    case 'good':
      return await authority.issue();
    case 'expired':
      return await authority.issueExpired();
    case 'wrong-name':
      return await authority.issueWrongName();
    case 'untrusted':
      return await (await CertificateAuthority.create('Hawser unknown authority')).issue();
    default:
      throw new Error(`--certificate is ${kind}; allowed: good, expired, wrong-name, untrusted`);
  }
}
