import { writeFileSync } from 'node:fs';
import { CertificateAuthority, type CertificatePair, createTemporaryDirectory } from '@hawser/testkit';
import { defaultOriginOptions, type OriginOptions, parseTarget } from '@hawser/upstream';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Config, defaultConfig } from './config.ts';
import { ConfigError, loadConfig, parseConfig } from './file.ts';

const api = 'https://api.example.com/';

describe('a file that says nothing', () => {
  test.each(['', '# only a comment\n', '{}', '---\n', 'null', 'origins: []\n', 'listen: {}\ndefaults: {}\n'])(
    '%j leaves the defaults',
    (text) => {
      const config = parseConfig(text, 'hawser.yaml');
      expect(config.listen).toEqual({ socket: '/run/hawser/hawser.sock', mode: 0o660 });
      expect(optionsFor(config, api)).toEqual(defaultOriginOptions);
      expect(optionsFor(defaultConfig, api)).toBe(defaultOriginOptions);
    },
  );
});

describe('each key', () => {
  test.each<[string, string, Partial<Config['listen']>]>([
    ['listen.socket', 'listen: { socket: /tmp/h.sock }', { socket: '/tmp/h.sock' }],
    ['listen.mode', 'listen: { mode: "0600" }', { mode: 0o600 }],
    ['listen.mode without the zero', 'listen: { mode: "666" }', { mode: 0o666 }],
  ])('%s', (_name, text, expected) => {
    expect(parseConfig(text, 'hawser.yaml').listen).toMatchObject(expected);
  });

  test.each<[string, string, object]>([
    ['protocol', 'protocol: h1', { protocol: 'h1' }],
    ['timeouts.connect', 'timeouts: { connect: 250ms }', { timeouts: { connectMs: 250 } }],
    ['timeouts.firstByte', 'timeouts: { firstByte: 2s }', { timeouts: { firstByteMs: 2_000 } }],
    ['timeouts.idle', 'timeouts: { idle: 10m }', { timeouts: { idleMs: 600_000 } }],
    ['timeouts.total', 'timeouts: { total: 24h }', { timeouts: { totalMs: 86_400_000 } }],
    ['connections.max', 'connections: { max: 1000 }', { connections: { max: 1000 } }],
    ['resolve.prefer', 'resolve: { prefer: ipv6 }', { resolve: { prefer: 'ipv6' } }],
    ['http2.engine', 'http2: { engine: native }', { http2: { engine: 'native' } }],
  ])('%s, in defaults and for one origin', (_name, setting, expected) => {
    const everywhere = parseConfig(`defaults:\n  ${setting}\n`, 'hawser.yaml');
    expect(optionsFor(everywhere, 'https://any.example/')).toMatchObject(expected);
    const forOne = parseConfig(`origins:\n  - match: https://api.example.com\n    ${setting}\n`, 'hawser.yaml');
    expect(optionsFor(forOne, api)).toMatchObject(expected);
    expect(optionsFor(forOne, 'https://any.example/')).toEqual(defaultOriginOptions);
  });

  test.each(['TLSv1.2', 'TLSv1.3'])('tls.minVersion: %s, for one origin', (minVersion) => {
    const config = parseConfig(`origins: [{ match: ${api}, tls: { minVersion: ${minVersion} } }]`, 'hawser.yaml');
    expect(optionsFor(config, api).tls).toEqual({ minVersion });
  });

  test('egress: what is not said is link-local denied, and nothing else', () => {
    const built = { default: 'allow', allow: [], deny: [], denyAddresses: ['link-local'] };
    for (const text of ['', 'egress: {}']) expect(parseConfig(text, 'hawser.yaml').egress).toEqual(built);
    expect(defaultConfig.egress).toEqual(built);
  });

  test('egress', () => {
    const { egress } = parseConfig(
      'egress:\n  default: deny\n  allow: [https://*.example.com]\n  deny: [https://b.example.com, http://*:*]\n' +
        '  denyAddresses: [private, loopback, 203.0.113.0/24, "2001:db8::1"]\n',
      'hawser.yaml',
    );
    const { origin } = parseTarget('https://a.example.com');
    expect(egress.default).toBe('deny');
    expect(egress.allow.map((pattern) => pattern.matches(origin))).toEqual([true]);
    expect(egress.deny.map((pattern) => pattern.matches(origin))).toEqual([false, false]);
    expect(egress.denyAddresses).toEqual(['private', 'loopback', '203.0.113.0/24', '2001:db8::1']);
    expect(parseConfig('egress: { denyAddresses: [] }', 'hawser.yaml').egress.denyAddresses).toEqual([]);
  });

  test('nat and limits', () => {
    for (const text of ['', 'nat: {}\nlimits: {}']) {
      const { nat, limits } = parseConfig(text, 'hawser.yaml');
      expect([nat, limits]).toEqual([{ ports: 55_000, pods: null }, { sessions: 1_000 }]);
    }
    expect([defaultConfig.nat, defaultConfig.limits]).toEqual([{ ports: 55_000, pods: null }, { sessions: 1_000 }]);
    const config = parseConfig('nat: { ports: 1024, pods: 40 }\nlimits: { sessions: 50 }', 'hawser.yaml');
    expect([config.nat, config.limits]).toEqual([{ ports: 1_024, pods: 40 }, { sessions: 50 }]);
    for (const part of [config.nat, config.limits]) expect(Object.isFrozen(part)).toBe(true);
  });

  test('an origin keeps what it does not say from defaults, and defaults from the built-in ones', () => {
    const config = parseConfig(
      'defaults: { protocol: h1, timeouts: { connect: 2s, total: 9s }, connections: { max: 7 } }\n' +
        'origins: [{ match: https://api.example.com, timeouts: { total: 3s } }]\n',
      'hawser.yaml',
    );
    const { timeouts } = defaultOriginOptions;
    expect(optionsFor(config, api)).toMatchObject({
      protocol: 'h1',
      timeouts: { ...timeouts, connectMs: 2_000, totalMs: 3_000 },
      connections: { ...defaultOriginOptions.connections, max: 7 },
    });
    expect(optionsFor(config, 'https://b.example/').timeouts).toEqual({
      ...timeouts,
      connectMs: 2_000,
      totalMs: 9_000,
    });
  });

  test('nobody can change it afterwards', () => {
    const config = parseConfig('origins: [{ match: https://api.example.com, tls: { serverName: a } }]', 'hawser.yaml');
    const options = optionsFor(config, api);
    for (const part of [config, config.listen, options, options.tls, options.timeouts, options.connections]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe('what is wrong is told with file, line, what was found and what is allowed', () => {
  const timeText = 'such as 250ms, 30s or 10m';
  test.each<[text: string, message: string]>([
    ['listen:\n  socket: hawser.sock', 'f.yaml:2: listen.socket is "hawser.sock"; allowed: an absolute path'],
    ['listen:\n  socket: 7', 'f.yaml:2: listen.socket is 7; allowed: an absolute path'],
    ['listen: { mode: 0660 }', 'f.yaml:1: listen.mode is 660; allowed: an octal mode in quotes, such as "0660"'],
    ['listen: { mode: "0999" }', 'f.yaml:1: listen.mode is "0999"; allowed: an octal mode in quotes, such as "0660"'],
    ['listen: { mode: "rw" }', 'f.yaml:1: listen.mode is "rw"; allowed: an octal mode in quotes, such as "0660"'],
    ['listen: /run/h.sock', 'f.yaml:1: listen is "/run/h.sock"; allowed: a section with the keys socket, mode'],
    ['listen:\n', 'f.yaml:1: listen is null; allowed: a section with the keys socket, mode'],
    ['listen:\n  port: 80', "f.yaml:2: unknown key 'listen.port'; allowed keys: socket, mode"],
    ['nat: { pods: 0 }', 'f.yaml:1: nat.pods is 0; allowed: a whole number from 1 to 1000000'],
    ['nat:\n  pods: 1000001', 'f.yaml:2: nat.pods is 1000001; allowed: a whole number from 1 to 1000000'],
    ['nat: { ports: 0 }', 'f.yaml:1: nat.ports is 0; allowed: a whole number from 1 to 10000000'],
    ['nat: { ports: 10000001 }', 'f.yaml:1: nat.ports is 10000001; allowed: a whole number from 1 to 10000000'],
    ['nat: { max: 1 }', "f.yaml:1: unknown key 'nat.max'; allowed keys: ports, pods"],
    ['limits: { sessions: 0 }', 'f.yaml:1: limits.sessions is 0; allowed: a whole number from 1 to 100000'],
    ['limits: { sessions: 100001 }', 'f.yaml:1: limits.sessions is 100001; allowed: a whole number from 1 to 100000'],
    ['limits: { session: 1 }', "f.yaml:1: unknown key 'limits.session'; allowed keys: sessions"],
    ['egress:\n  default: block', 'f.yaml:2: egress.default is "block"; allowed: allow or deny'],
    [
      'egress:\n  deny:\n    - https://a.example\n    - a.example',
      'f.yaml:4: egress.deny.1 is "a.example"; allowed: an origin such as https://api.example.com, ' +
        'https://*.example.com or http://localhost:*, without a path',
    ],
    [
      'egress: { allow: https://a.example }',
      'f.yaml:1: egress.allow is "https://a.example"; allowed: a list of origins',
    ],
    [
      'egress: { denyAddresses: [10.0.0.0/33] }',
      'f.yaml:1: egress.denyAddresses.0 is "10.0.0.0/33"; allowed: link-local, loopback, private, an address, ' +
        'or a range such as 203.0.113.0/24',
    ],
    [
      'egress: { denyAddress: [] }',
      "f.yaml:1: unknown key 'egress.denyAddress'; allowed keys: default, allow, deny, denyAddresses",
    ],
    ['defaults: { resolve: { prefer: v4 } }', 'f.yaml:1: defaults.resolve.prefer is "v4"; allowed: auto, ipv4 or ipv6'],
    [
      'origins: [{ match: https://a.example, tls: { minVersion: TLSv1.1 } }]',
      'f.yaml:1: origins.0.tls.minVersion is "TLSv1.1"; allowed: TLSv1.2 or TLSv1.3',
    ],
    ['\n\ndefaults:\n  protocol: h3', 'f.yaml:4: defaults.protocol is "h3"; allowed: auto, h2 or h1'],
    [
      'defaults:\n  timeouts:\n    connect: 30',
      `f.yaml:3: defaults.timeouts.connect is 30; allowed: a duration from 1ms to 5m, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    connect: 0s',
      `f.yaml:3: defaults.timeouts.connect is "0s"; allowed: a duration from 1ms to 5m, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    connect: 301s',
      `f.yaml:3: defaults.timeouts.connect is "301s"; allowed: a duration from 1ms to 5m, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    total: 25h',
      `f.yaml:3: defaults.timeouts.total is "25h"; allowed: a duration from 1ms to 24h, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    idle: 1 s',
      `f.yaml:3: defaults.timeouts.idle is "1 s"; allowed: a duration from 1ms to 24h, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    idle: -1s',
      `f.yaml:3: defaults.timeouts.idle is "-1s"; allowed: a duration from 1ms to 24h, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    idle: 1.5s',
      `f.yaml:3: defaults.timeouts.idle is "1.5s"; allowed: a duration from 1ms to 24h, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    idle: 9999999999999h',
      `f.yaml:3: defaults.timeouts.idle is "9999999999999h"; allowed: a duration from 1ms to 24h, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts:\n    idle: null',
      `f.yaml:3: defaults.timeouts.idle is null; allowed: a duration from 1ms to 24h, ${timeText}`,
    ],
    [
      'defaults:\n  timeouts: 30s',
      'f.yaml:2: defaults.timeouts is "30s"; allowed: a section with the keys connect, firstByte, idle, total',
    ],
    [
      'defaults:\n  timeouts:\n    connect: 1s\n    conect: 1s',
      "f.yaml:4: unknown key 'defaults.timeouts.conect'; allowed keys: connect, firstByte, idle, total",
    ],
    [
      'defaults:\n  connections: { max: 0 }',
      'f.yaml:2: defaults.connections.max is 0; allowed: a whole number from 1 to 1000',
    ],
    [
      'defaults:\n  connections: { max: 1001 }',
      'f.yaml:2: defaults.connections.max is 1001; allowed: a whole number from 1 to 1000',
    ],
    [
      'defaults:\n  connections: { max: 0.5 }',
      'f.yaml:2: defaults.connections.max is 0.5; allowed: a whole number from 1 to 1000',
    ],
    [
      'defaults:\n  connections: { max: "4" }',
      'f.yaml:2: defaults.connections.max is "4"; allowed: a whole number from 1 to 1000',
    ],
    [
      'defaults:\n  connections: { max: .inf }',
      'f.yaml:2: defaults.connections.max is null; allowed: a whole number from 1 to 1000',
    ],
    ['defaults:\n  http2: { engine: curl }', 'f.yaml:2: defaults.http2.engine is "curl"; allowed: native or node'],
    [
      'origins: https://api.example.com',
      'f.yaml:1: origins is "https://api.example.com"; allowed: a list of origins, each with a match',
    ],
    [
      'origins:\n  - tls: { cert: a.pem }\n    match: https://a',
      'f.yaml:2: origins.0.tls is {"cert":"a.pem"}; allowed: cert and key together, or neither',
    ],
    [
      'origins:\n  - match: https://a\n    tls: { key: a.key }',
      'f.yaml:3: origins.0.tls is {"key":"a.key"}; allowed: cert and key together, or neither',
    ],
    [
      'origins:\n  - match: https://a\n    tls: { ca: "" }',
      'f.yaml:3: origins.0.tls.ca is ""; allowed: the path of a PEM file',
    ],
    [
      'origins:\n  - match: https://a\n    tls: { serverName: 1 }',
      'f.yaml:3: origins.0.tls.serverName is 1; allowed: a host name',
    ],
  ])('%j', (text, message) => {
    expect(refusal(text).message).toBe(message);
  });

  test.each([
    'api.example.com',
    'ftp://api.example.com',
    'https://api.example.com/v1',
    'https://api.example.com?q',
    'https://user@api.example.com',
    'https://',
    'https://*.*.example.com',
    'https://api.*.com',
    'https://a*.example.com',
    'https://*.*',
    'https://*.',
    'https://.example.com',
    'https://a..b',
    'https://*.[::1]',
    'https://[::1',
    'https://127.1',
    'https://api.example.com:0',
    'https://api.example.com:65536',
    'https://api.example.com:8*',
    'https://api example.com',
    'https://b\u00fccher.example',
    '',
  ])('match: %j is no origin', (match) => {
    const found = JSON.stringify(match);
    expect(refusal(`origins:\n  - match: ${found}`).message).toBe(
      `f.yaml:2: origins.0.match is ${found}; allowed: an origin such as https://api.example.com, ` +
        'https://*.example.com or http://localhost:*, without a path',
    );
  });

  test('an origin without a match', () => {
    const { message } = refusal('origins:\n  - match: https://a\n  - protocol: h1\n');
    expect(message).toMatch(/^f\.yaml:3: origins\.1\.match is nothing; allowed: an origin such as /);
  });

  test.each([
    ['lisen: {}', /^f\.yaml:1: unknown key 'lisen'; allowed keys: listen, /],
    ['origins:\n  - match: https://a\n    tsl: {}', /^f\.yaml:3: unknown key 'origins\.0\.tsl'; allowed keys: match, /],
    ['1: 2', /^f\.yaml:1: unknown key '1'; /],
    ['- a\n- b', /^f\.yaml:1: the file is \["a","b"\]; allowed: a section with the keys listen, /],
    ['just text', /^f\.yaml:1: the file is "just text"; allowed: a section with the keys listen, /],
  ])('%j', (text, message) => {
    expect(refusal(text).message).toMatch(message);
  });

  test('everything that is wrong is told at once, a line each', () => {
    const { message } = refusal(
      'listen:\n  socket: x\n  moed: "1"\ndefaults:\n  protocol: h3\n  connections: { max: 0.5 }\n',
    );
    expect(message.split('\n').map((line) => line.split(' is ')[0])).toEqual(
      [
        'f.yaml:2: listen.socket',
        "f.yaml:3: unknown key 'listen.moed'; allowed keys: socket, mode",
        'f.yaml:5: defaults.protocol',
        'f.yaml:6: defaults.connections.max',
      ].toSorted((a, b) => message.indexOf(a) - message.indexOf(b)),
    );
  });

  test('of what was found no more than is needed to know it again', () => {
    const { message } = refusal(`defaults: { protocol: ${'x'.repeat(10_000)} }`);
    expect(message).toBe(`f.yaml:1: defaults.protocol is "${'x'.repeat(99)}…; allowed: auto, h2 or h1`);
  });

  test('a value that comes by an alias is found where the alias stands', () => {
    const { message } = refusal(
      'defaults:\n  timeouts: &t { connect: never }\norigins:\n  - match: https://a\n    timeouts: *t\n',
    );
    expect(message).toContain('f.yaml:2: defaults.timeouts.connect is "never"');
    expect(message).toContain('origins.0.timeouts.connect is "never"');
  });
});

describe('what is not YAML', () => {
  test.each([
    ['listen: { socket: /a', /^f\.yaml:1: not valid YAML: /],
    ['listen:\n  socket: /a\n socket: /b', /^f\.yaml:3: not valid YAML: /],
    ['a: 1\n\tb: 2', /^f\.yaml:2: not valid YAML: /],
    ['listen: {}\nlisten: {}', /^f\.yaml:2: not valid YAML: Map keys must be unique/],
    ['listen: {}\n---\nlisten: {}', /^f\.yaml:[123]: not valid YAML: /],
    ['listen: *nobody', /^f\.yaml:1: not valid YAML: |^f\.yaml: not usable YAML: /],
  ])('%j', (text, message) => {
    const error = refusal(text);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });

  test('aliases that unfold beyond measure', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    expect(refusal(lines.join('\n')).message).toMatch(/^f\.yaml: not usable YAML: /);
  });
});

describe('the entry that matches', () => {
  const all = `origins:
  - { match: "https://api.example.com", connections: { max: 11 } }
  - { match: "https://*.example.com", connections: { max: 12 } }
  - { match: "https://*.example.com:*", connections: { max: 13 } }
  - { match: "http://localhost:*", connections: { max: 14 } }
  - { match: "https://[2001:DB8::1]:8443/", connections: { max: 15 } }
  - { match: "https://192.0.2.7", connections: { max: 16 } }
  - { match: "https://UPPER.example.org", connections: { max: 17 } }
  - { match: "http://*", connections: { max: 18 } }
  - { match: "http://*:*", connections: { max: 19 } }
`;

  test.each([
    ['https://api.example.com/', 11, 'exactly'],
    ['https://API.example.com:443/x', 11, 'exactly'],
    ['https://www.example.com/', 12, 'by its last labels'],
    ['https://a.b.c.example.com/', 12, 'by its last labels, however many come before'],
    ['https://api.example.com:8443/', 13, 'with any port'],
    ['https://example.com/', 4, 'a wildcard stands for at least one label'],
    ['https://badexample.com/', 4, 'a label ends at its dot'],
    ['https://www.example.com.evil.net/', 4, 'the last labels are the last'],
    ['http://localhost/', 14, 'with any port, the default one too'],
    ['http://localhost:3000/', 14, 'with any port'],
    ['https://localhost/', 4, 'with its scheme only'],
    ['https://[2001:db8::1]:8443/', 15, 'an IPv6 address'],
    ['https://192.0.2.7/', 16, 'an IPv4 address'],
    ['https://upper.example.org/', 17, 'in whatever case'],
    ['http://any.example/', 18, 'any host'],
    ['http://any.example:8080/', 19, 'any host, any port'],
    ['https://any.example/', 4, 'no scheme but its own'],
  ])('%s gets %d connections: %s', (url, max) => {
    expect(optionsFor(parseConfig(all, 'hawser.yaml'), url).connections.max).toBe(max);
  });

  test('is the first one, and is the same object each time', () => {
    const text = 'origins: [{ match: "https://*", protocol: h1 }, { match: "https://api.example.com", protocol: h2 }]';
    const config = parseConfig(text, 'hawser.yaml');
    expect(optionsFor(config, api).protocol).toBe('h1');
    expect(optionsFor(config, api)).toBe(optionsFor(config, api));
  });
});

describe('PEM files', () => {
  let ca: string;
  let pair: CertificatePair;
  let other: CertificatePair;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create();
    ca = authority.cert;
    pair = await authority.issue({ usage: 'client' });
    other = await authority.issue({ usage: 'client' });
  });

  test('are read at once, relative to the file', () => {
    using directory = createTemporaryDirectory();
    writeFileSync(directory.file('ca.pem'), `# ours\n${ca}${pair.cert}`);
    writeFileSync(directory.file('c.pem'), pair.cert);
    writeFileSync(directory.file('c.key'), pair.key);
    const file = directory.file('hawser.yaml');
    writeFileSync(file, withTls('{ serverName: inner, ca: ca.pem, cert: ./c.pem, key: c.key }'));
    const config = loadConfig(file);
    expect(optionsFor(config, 'https://a/').tls).toEqual({
      serverName: 'inner',
      ca: `# ours\n${ca}${pair.cert}`,
      cert: pair.cert,
      key: pair.key,
    });
  });

  test.each<[string, () => Record<string, string>, string, string]>([
    ['that are missing', () => ({}), '{ ca: no.pem }', 'tls.ca is "no.pem", which cannot be used: ENOENT'],
    ['that are a directory', () => ({}), '{ ca: . }', 'tls.ca is ".", which cannot be used: EISDIR'],
    [
      'that are not PEM',
      () => ({ 'a.pem': 'hello' }),
      '{ ca: a.pem }',
      'tls.ca is "a.pem", which cannot be used: it is not PEM',
    ],
    ['that are empty', () => ({ 'a.pem': '' }), '{ ca: a.pem }', 'it is not PEM'],
    [
      'with a key for a ca',
      () => ({ 'a.pem': pair.key }),
      '{ ca: a.pem }',
      'tls.ca is "a.pem", which cannot be used: it holds no certificate',
    ],
    [
      'with a second certificate that is broken',
      () => ({ 'a.pem': ca + ca.replace(/\n.{20}/, '\nAAAA') }),
      '{ ca: a.pem }',
      'tls.ca is "a.pem", which cannot be used: ',
    ],
    ['that are cut off', () => ({ 'a.pem': ca.slice(0, 200) }), '{ ca: a.pem }', 'it holds no certificate'],
    [
      'with a certificate for a key',
      () => ({ 'c.pem': pair.cert }),
      '{ cert: c.pem, key: c.pem }',
      'tls.key is "c.pem", which cannot be used: ',
    ],
    [
      'with the key of another certificate',
      () => ({ 'c.pem': pair.cert, 'o.key': other.key }),
      '{ cert: c.pem, key: o.key }',
      'cert and key do not go together',
    ],
  ])('%s are told with the line', (_name, files, tls, message) => {
    using directory = createTemporaryDirectory();
    for (const [name, content] of Object.entries(files())) writeFileSync(directory.file(name), content);
    const file = directory.file('hawser.yaml');
    writeFileSync(file, withTls(tls));
    expect(() => loadConfig(file)).toThrow(ConfigError);
    const error = refusal(withTls(tls), file);
    expect(error.message).toMatch(/hawser\.yaml:3: origins\.0\.tls/);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('PRIVATE KEY');
  });

  function withTls(tls: string): string {
    return `origins:\n  - match: https://a\n    tls: ${tls}\n`;
  }
});

describe('loading', () => {
  test('a file that is not there', () => {
    expect(() => loadConfig('/no/such/hawser.yaml')).toThrow(/^\/no\/such\/hawser\.yaml: cannot be read: ENOENT/);
  });

  test('a file that is a directory', () => {
    expect(() => loadConfig('/tmp')).toThrow(/^\/tmp: cannot be read: EISDIR/);
  });
});

function optionsFor(config: Config, url: string): OriginOptions {
  return config.origins.optionsFor(parseTarget(url).origin);
}

function refusal(text: string, file = 'f.yaml'): ConfigError {
  try {
    parseConfig(text, file);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('it was taken');
}
