// Runs dynalite, a DynamoDB in memory, behind TLS as a process of its own: `node dynalite-cli.ts --dir DIR`.
// Prints one JSON line when it is ready; ends on SIGTERM, SIGINT and the end of its standard input.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
// @ts-expect-error It has no types.
import dynalite from 'dynalite';
import { CertificateAuthority } from './certificates.ts';

const { values } = parseArgs({ options: { dir: { type: 'string' } } });
if (values.dir === undefined) throw new Error('--dir DIR is missing: ca.pem is written there');

const authority = await CertificateAuthority.create();
const caPath = join(values.dir, 'dynalite-ca.pem');
writeFileSync(caPath, authority.cert);

const { cert, key } = await authority.issue();
const server: Server = dynalite({ ssl: true, cert, key, ca: authority.cert, createTableMs: 0 });
server.keepAliveTimeout = 0;

const stats = { connections: 0, openConnections: 0, maxOpenConnections: 0, requests: 0, signed: 0 };
server.on('secureConnection', (socket) => {
  stats.connections++;
  stats.openConnections++;
  stats.maxOpenConnections = Math.max(stats.maxOpenConnections, stats.openConnections);
  socket.once('close', () => stats.openConnections--);
});
// What was signed last, as it came: a test compares it with what was sent.
let last: object = {};
server.on('request', (request) => {
  stats.requests++;
  if (request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ') === true) stats.signed++;
  last = { method: request.method, target: request.url, fields: request.rawHeaders };
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

// Counters are read on a port of their own, so that reading them is not counted.
const control = createServer((_request, response) => response.end(JSON.stringify({ ...stats, last })));
await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));

process.stdout.write(
  `${JSON.stringify({
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca: caPath,
    stats: `http://127.0.0.1:${(control.address() as AddressInfo).port}/`,
  })}\n`,
);

process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
process.stdin.once('end', () => process.exit(0));
process.stdin.once('error', () => process.exit(0));
process.stdin.resume();
