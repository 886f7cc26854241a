// HAProxy as an interop server. It serves no files: the counting origin answers everything.

import { readFileSync, writeFileSync } from 'node:fs';
import { findProgram, type InteropServer, readPlainLog, type ServerContext } from './server.ts';

export const haproxy: InteropServer = {
  name: 'haproxy',
  protocols: ['h2', 'h1'],
  defaultRequestsPerConnection: {},
  can: (what, protocol) => {
    // It makes nothing of `Connection: close` in HTTP/2.
    if (what === 'requestsPerConnection') return protocol === 'h1';
    return what !== 'maxStreams' || protocol === 'h2';
  },
  configure(context) {
    const file = context.directory.file('haproxy.cfg');
    writeFileSync(file, config(context));
    return { command: findProgram('haproxy'), args: ['-W', '-db', '-f', file], logsToStdout: true };
  },
  reload: (server) => server.signal('SIGUSR2'),
  readLog: readPlainLog,
};

/** It does not count the requests of a connection by itself, but by port of the client it can. */
function config({ certificate, directory, port, originPort, settings }: ServerContext) {
  const { requestsPerConnection, keepAliveSeconds, maxStreams } = settings;
  const both = directory.file('both.pem');
  const pair = [certificate.cert, certificate.key].map((path) => readFileSync(path, 'utf8'));
  writeFileSync(both, pair.join('\n'), { mode: 0o600 });
  const lines = [
    'global',
    'log stdout format raw local0',
    ...(maxStreams === undefined ? [] : [`tune.h2.max-concurrent-streams ${maxStreams}`]),
    'defaults',
    'mode http',
    'timeout connect 5s',
    'timeout client 30s',
    'timeout server 30s',
    ...(keepAliveSeconds === undefined ? [] : [`timeout http-keep-alive ${keepAliveSeconds}s`]),
    'frontend public',
    'log global',
    'log-format "%cp %HU"',
    `bind 127.0.0.1:${port} ssl crt ${both} alpn h2,http/1.1`,
    ...(requestsPerConnection === undefined
      ? []
      : [
          'stick-table type integer size 100k expire 1m store http_req_cnt',
          'http-request track-sc0 src_port',
          `http-after-response set-header Connection close if { sc0_http_req_cnt ge ${requestsPerConnection} }`,
        ]),
    'default_backend origin',
    'backend origin',
    `server origin 127.0.0.1:${originPort}`,
  ];
  return `${lines.join('\n')}\n`;
}
