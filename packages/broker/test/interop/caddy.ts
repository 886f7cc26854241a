// Caddy as an interop server.

import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { findProgram, type InteropServer, type LoggedRequest, type ServerContext } from './server.ts';

export const caddy: InteropServer = {
  name: 'caddy',
  protocols: ['h2', 'h1'],
  defaultRequestsPerConnection: {},
  // It announces 250 streams and cannot be told otherwise.
  can: (what) => what !== 'maxStreams',
  configure(context) {
    const { directory } = context;
    const file = configFile(context);
    writeFileSync(file, config(context));
    return {
      command: findProgram('caddy'),
      args: ['run', '--adapter', 'caddyfile', '--config', file],
      env: { HOME: directory.path, XDG_DATA_HOME: directory.path, XDG_CONFIG_HOME: directory.path },
    };
  },
  reload: (_server, context) => load(adminSocket(context), readFileSync(configFile(context))),
  *readLog(text): Iterable<LoggedRequest> {
    for (const line of text.split('\n')) {
      if (!line.endsWith('}')) continue;
      const { request: seen } = JSON.parse(line) as { request: { remote_port: string; uri: string } };
      yield { connection: seen.remote_port, target: seen.uri };
    }
  },
};

const configFile = ({ directory }: ServerContext) => directory.file('Caddyfile');
const adminSocket = ({ directory }: ServerContext) => directory.file('admin.sock');

/**
 * It does not count the requests of a connection. Told by a handler, it ends the connection after the answer, in HTTP/2
 * by GOAWAY; so every so manieth request asks for that, which comes to the same on average.
 */
function config(context: ServerContext) {
  const { certificate, documents, accessLog, port, originPort, settings } = context;
  const { requestsPerConnection, keepAliveSeconds } = settings;
  if (requestsPerConnection !== undefined && requestsPerConnection !== 10) throw new RangeError('10 is what it can do');
  // Without buffer_requests Go may close the body of a request that is answered while its proxy still looks for the end
  // of it, and with it the connection to the origin: the answer is then cut off, once in some thousand.
  return `
    {
      admin unix/${adminSocket(context)} {
        origins localhost
      }
      auto_https off
      servers {
        protocols h1 h2
        ${keepAliveSeconds === undefined ? '' : `timeouts {\n          idle ${keepAliveSeconds}s\n        }`}
      }
    }
    https://localhost:${port}, https://127.0.0.1:${port} {
      bind 127.0.0.1
      tls ${certificate.cert} ${certificate.key}
      log {
        output file ${accessLog} {
          roll_disabled
        }
        format json
      }
      ${requestsPerConnection === undefined ? '' : '@tenth vars_regexp {query.id} 0$\n      header @tenth Connection close'}
      handle /echo {
        reverse_proxy 127.0.0.1:${originPort} {
          buffer_requests
        }
      }
      handle {
        root * ${documents}
        file_server
      }
    }
  `;
}

function load(socketPath: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    // It passes over a configuration that has not changed unless it must revalidate.
    const headers = { 'content-type': 'text/caddyfile', 'cache-control': 'must-revalidate' };
    const sent = request({ socketPath, method: 'POST', path: '/load', headers }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`caddy: reload: status ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
