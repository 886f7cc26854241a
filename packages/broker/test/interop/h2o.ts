// h2o as an interop server.

import { writeFileSync } from 'node:fs';
import { findProgram, type InteropServer, readPlainLog, type ServerContext } from './server.ts';

export const h2o: InteropServer = {
  name: 'h2o',
  protocols: ['h2', 'h1'],
  defaultRequestsPerConnection: {},
  // It ends no connection for the number of its requests, and announces 100 streams whatever it is told.
  can: (what) => what === 'keepAliveSeconds' || what === 'reload',
  configure(context) {
    const file = context.directory.file('h2o.conf');
    writeFileSync(file, JSON.stringify(config(context)));
    return { command: findProgram('h2o'), args: ['-m', 'master', '-c', file] };
  },
  // The master starts a new worker, then ends the old one by SIGTERM.
  reload: (server) => server.signal('SIGHUP'),
  readLog: readPlainLog,
};

/** YAML, which JSON is. */
function config({ isRoot, certificate, directory, documents, accessLog, port, originPort, settings }: ServerContext) {
  const { keepAliveSeconds } = settings;
  return {
    ...(isRoot && { user: 'root' }),
    'pid-file': directory.file('h2o.pid'),
    'error-log': directory.file('error.log'),
    'access-log': { path: accessLog, format: '%{remote}p %U%q' },
    'num-threads': 2,
    ...(keepAliveSeconds !== undefined && {
      'http1-request-timeout': keepAliveSeconds,
      'http2-idle-timeout': keepAliveSeconds,
    }),
    listen: {
      host: '127.0.0.1',
      port,
      ssl: { 'certificate-file': certificate.cert, 'key-file': certificate.key },
    },
    hosts: {
      default: {
        paths: {
          '/echo': { 'proxy.reverse.url': `http://127.0.0.1:${originPort}/echo` },
          '/': { 'file.dir': documents },
        },
      },
    },
  };
}
