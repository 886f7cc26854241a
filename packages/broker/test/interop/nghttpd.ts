// nghttpd as an interop server: HTTP/2 only, echoes uploads itself, and can neither be reloaded nor told an idle time.

import { findProgram, type InteropServer, type LoggedRequest } from './server.ts';

export const nghttpd: InteropServer = {
  name: 'nghttpd',
  protocols: ['h2'],
  defaultRequestsPerConnection: {},
  can: (what) => what === 'maxStreams',
  configure({ certificate, documents, port, settings: { maxStreams } }) {
    const awkward =
      maxStreams === undefined
        ? []
        : // As far from what is usual as it goes: padded frames, no dynamic tables, small windows, answers that begin early.
          [
            `--max-concurrent-streams=${maxStreams}`,
            '--padding=200',
            '--header-table-size=0',
            '--encoder-header-table-size=0',
            '--window-bits=14',
            '--connection-window-bits=14',
            '--early-response',
            '--no-content-length',
            '--trailer=x-trailer: yes',
          ];
    const address = ['--address=127.0.0.1', `--htdocs=${documents}`];
    return {
      command: findProgram('nghttpd'),
      args: ['--verbose', '--echo-upload', ...address, ...awkward, String(port), certificate.key, certificate.cert],
      logsToStdout: true,
    };
  },
  *readLog(text): Iterable<LoggedRequest> {
    for (const [, connection = '', target = ''] of text.matchAll(/^\[id=(\d+)\] .*recv .*:path: (.*)$/gm)) {
      yield { connection, target };
    }
  },
};
