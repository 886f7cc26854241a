// Apache httpd as an interop server.

import { writeFileSync } from 'node:fs';
import { findProgram, type InteropServer, readPlainLog, type ServerContext } from './server.ts';

/** Where Debian puts them. */
const moduleFolder = '/usr/lib/apache2/modules';

const modules = ['mpm_event', 'authz_core', 'socache_shmcb', 'ssl', 'http2', 'proxy', 'proxy_http', 'mime'];

export const apache: InteropServer = {
  name: 'apache',
  protocols: ['h2', 'h1'],
  // MaxKeepAliveRequests, which mod_http2 does not look at
  defaultRequestsPerConnection: { h1: 100 },
  // A child that is told to end resets what it accepted last.
  resetsOnReload: true,
  can: (what, protocol) => {
    if (what === 'requestsPerConnection') return protocol === 'h1';
    return what !== 'maxStreams' || protocol === 'h2';
  },
  configure(context) {
    const file = context.directory.file('apache.conf');
    writeFileSync(file, config(context));
    return { command: findProgram('apache2'), args: ['-D', 'FOREGROUND', '-f', file] };
  },
  reload: (server) => server.signal('SIGUSR1'),
  readLog: readPlainLog,
};

function config({ isRoot, certificate, directory, documents, accessLog, port, originPort, settings }: ServerContext) {
  const { requestsPerConnection, keepAliveSeconds, maxStreams } = settings;
  return `
    ServerRoot ${directory.path}
    ServerName localhost
    DefaultRuntimeDir ${directory.path}
    PidFile ${directory.file('apache.pid')}
    Mutex file:${directory.path} default
    ErrorLog ${directory.file('error.log')}
    ${modules.map((name) => `LoadModule ${name}_module ${moduleFolder}/mod_${name}.so`).join('\n    ')}
    ${isRoot ? 'User www-data\n    Group www-data' : ''}
    TypesConfig /dev/null
    Listen 127.0.0.1:${port}
    LogFormat "%{remote}p %U%q" plain
    CustomLog ${accessLog} plain
    Protocols h2 http/1.1
    ${requestsPerConnection === undefined ? '' : `MaxKeepAliveRequests ${requestsPerConnection}`}
    ${keepAliveSeconds === undefined ? '' : `KeepAliveTimeout ${keepAliveSeconds}`}
    ${maxStreams === undefined ? '' : `H2MaxSessionStreams ${maxStreams}`}
    SSLEngine on
    SSLCertificateFile ${certificate.cert}
    SSLCertificateKeyFile ${certificate.key}
    DocumentRoot ${documents}
    <Directory ${documents}>
      Require all granted
    </Directory>
    ProxyPass /echo http://127.0.0.1:${originPort}/echo
  `;
}
