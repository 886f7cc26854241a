// nginx as an interop server.

import { writeFileSync } from 'node:fs';
import { findProgram, type InteropServer, readPlainLog, type ServerContext } from './server.ts';

export const nginx: InteropServer = {
  name: 'nginx',
  protocols: ['h2', 'h1'],
  // keepalive_requests
  defaultRequestsPerConnection: { h2: 1000, h1: 1000 },
  can: (what, protocol) => what !== 'maxStreams' || protocol === 'h2',
  configure(context) {
    const file = context.directory.file('nginx.conf');
    writeFileSync(file, config(context));
    return { command: findProgram('nginx'), args: ['-p', context.directory.path, '-c', file, '-e', 'stderr'] };
  },
  reload: (server) => server.signal('SIGHUP'),
  readLog: readPlainLog,
};

function config({ isRoot, certificate, directory, documents, accessLog, port, originPort, settings }: ServerContext) {
  const { requestsPerConnection, keepAliveSeconds, maxStreams } = settings;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    ${isRoot ? 'user root;' : ''}
    daemon off;
    worker_processes 2;
    pid ${directory.file('nginx.pid')};
    events { worker_connections 1024; }
    http {
      ${temporary.map((name) => `${name}_temp_path ${directory.file(name)};`).join('\n      ')}
      log_format plain '$remote_port $request_uri';
      access_log ${accessLog} plain;
      client_max_body_size 16m;
      ${requestsPerConnection === undefined ? '' : `keepalive_requests ${requestsPerConnection};`}
      ${keepAliveSeconds === undefined ? '' : `keepalive_timeout ${keepAliveSeconds}s;`}
      ${maxStreams === undefined ? '' : `http2_max_concurrent_streams ${maxStreams};`}
      upstream origin { server 127.0.0.1:${originPort}; keepalive 64; }
      server {
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate ${certificate.cert};
        ssl_certificate_key ${certificate.key};
        root ${documents};
        location /echo {
          proxy_pass http://origin;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
        }
      }
    }
  `;
}
