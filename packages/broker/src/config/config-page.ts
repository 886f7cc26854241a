// Renders docs/reference/configuration.md: every key of hawser.yaml with its meaning, what it may be, and its default.

import { listKeys } from './schema.ts';

/** Keys that stand under `defaults` and under each entry of `origins` alike. */
const perOrigin: Readonly<Record<string, readonly [meaning: string, standard: string]>> = {
  protocol: [
    'Which protocol is spoken. `auto`: ALPN decides for https, HTTP/1.1 for http; `h2` over http needs prior knowledge.',
    '`auto`',
  ],
  'timeouts.connect': ['DNS, TCP, TLS and the first SETTINGS of one connection, together.', '`1s`'],
  'timeouts.firstByte': ['From the request being sent whole to the head of the response.', '`30s`'],
  'timeouts.idle': ['Longest silence of the origin inside a body that PHP is ready to take.', '`30s`'],
  'timeouts.total': ['The whole exchange, waiting and repeats included. A client may ask for less.', '`60s`'],
  'connections.max': [
    'Sessions to one origin at most; raise it where `queue_timeout` shows up and the origin is not slow.',
    '`4`',
  ],
  'connections.maxIdle': ['Idle sessions that are kept; those beyond go after 10 s.', '`2`'],
  'connections.idle': [
    'An idle session is closed after this long; keep it below the idle timeout of your NAT.',
    '`5m`',
  ],
  'connections.maxAge': ['A session this old is replaced, the new one opened first; up to 10 % sooner.', '`10m`'],
  'connections.warm': ['Sessions held open even if nobody asks. Only for an origin without a wildcard.', '`0`'],
  'retry.attempts': [
    'Attempts in all for what may be repeated, five where only sessions broke off; `1` turns repeats off, but for what is provably unprocessed.',
    '`2`',
  ],
  'retry.budget': [
    'Repeats as a share of first attempts, over ten seconds and all clients; ten are always allowed, unless it is `0%`.',
    '`20%`',
  ],
  'breaker.failures': ['Failures in a row after which the origin gets a pause; `0` turns the breaker off.', '`5`'],
  'breaker.open': ['Length of that pause; then one exchange is let through as a probe.', '`10s`'],
  'queue.max': ['Exchanges that may wait for room on a session; one more is refused with `queue_full`.', '`1000`'],
  'queue.timeout': ['Longest wait for room; then `queue_timeout`.', '`5s`'],
  'resolve.prefer': ['Which address family is tried first. `auto`: as the resolver orders them.', '`auto`'],
  'http2.engine': ['Implementation of HTTP/2: our own, or the one in Node.', '`native`'],
};

const keys: Readonly<Record<string, readonly [meaning: string, standard: string]>> = {
  'listen.socket': [
    'Path of the Unix socket for PHP; `--socket` and `HAWSER_SOCKET` win over it.',
    '`/run/hawser/hawser.sock`',
  ],
  'listen.mode': ['Permission bits of the socket file; connecting needs the write bit.', '`"0660"`'],
  'egress.default': ['Whether an origin that no list names may be reached.', '`allow`'],
  'egress.allow': ['Origins that may be reached although the default is `deny`.', 'none'],
  'egress.deny': ['Origins that may not be reached; wins over `allow`.', 'none'],
  'egress.denyAddresses': ['Addresses that are never connected to, whatever name led there.', '`[link-local]`'],
  'nat.ports': [
    'Connections that the NAT in front of the pod can hold to one address and port: 55,000 for each address of an AWS NAT ' +
      'gateway. Half of them are shared out to the pods.',
    '`55000`',
  ],
  'nat.pods': [
    'Pods behind that NAT. A pod opens at most ports / 2 / pods connections to one address and port; more wait. Without ' +
      'it, 500. Raise it as the deployment grows, before the NAT reports that it could not allocate a port.',
    'none',
  ],
  'limits.sessions': [
    'Sessions to all origins together; at the limit idle ones give way, and connects wait. Each costs a descriptor.',
    '`1000`',
  ],
  'origins[].match': ['Which origins the entry is for; the first entry that matches counts. Required.', '–'],
  'origins[].tls.serverName': ['Name in SNI and in the certificate.', "the origin's host"],
  'origins[].tls.ca': ['Authorities to trust instead of the built-in ones.', 'built-in'],
  'origins[].tls.cert': ['Client certificate chain.', 'none'],
  'origins[].tls.key': ["The client certificate's private key.", 'none'],
  'origins[].tls.minVersion': ['Oldest TLS version that is spoken.', '`TLSv1.2`'],
};

/** The whole page as Markdown. Throws for a key that has no meaning here, so that none is left out. */
export function renderConfigPage(): string {
  const rows = listKeys().map(({ key, allowed }) => {
    const [meaning, standard] = describe(key);
    return `| \`${key}\` | ${meaning} | ${allowed} | ${standard} |`;
  });
  return `${head}\n${rows.join('\n')}\n`;
}

function describe(key: string): readonly [string, string] {
  const found = keys[key] ?? perOrigin[key.replace(/^(defaults|origins\[\])\./, '')];
  if (found === undefined) throw new Error(`no meaning is written down for the key ${key}`);
  return key.startsWith('origins[].') && keys[key] === undefined ? [found[0], 'that of `defaults`'] : found;
}

const head = `# Configuration

Generated from \`packages/broker/src/config\`; do not edit it here.

\`hawser serve --config FILE\`, or \`HAWSER_CONFIG\`. Every key is optional but \`match\`. Durations are written \`250ms\`,
\`30s\`, \`10m\` or \`2h\`. Paths of PEM files are relative to the configuration file. A wrong key or value is refused with
file, line, what was found and what is allowed.

| key | meaning | allowed | default |
| --- | --- | --- | --- |`;
