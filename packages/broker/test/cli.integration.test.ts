import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import {
  type ChildProcessOptions,
  contentBytes,
  createTemporaryDirectory,
  eventually,
  get,
  hello,
  RawClient,
  startNode,
  type TemporaryDirectory,
  TestOrigin,
  type TestProcess,
} from '@hawser/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url).pathname;

let origin: TestOrigin;
let directory: TemporaryDirectory;
let socket: string;
let socketCount = 0;
let broker: TestProcess;

beforeAll(async () => {
  directory = createTemporaryDirectory();
  origin = await TestOrigin.start();
});

afterAll(async () => {
  await origin.close();
  directory.remove();
});

beforeEach(() => {
  socket = directory.file(`${++socketCount}.sock`);
});

describe('serve refuses', () => {
  test.each<[string, string | null, string[], string]>([
    [
      'a wrong value',
      'defaults:\n  timeouts: { connect: 30 }\n',
      [],
      ':2: defaults.timeouts.connect is 30; allowed: a duration from 1ms to 5m, such as 250ms, 30s or 10m\n',
    ],
    ['an unknown key', 'listn: {}\n', [], ":1: unknown key 'listn'; allowed keys: listen, "],
    ['what is not YAML', 'listen: {\n', [], ':2: not valid YAML: '],
    ['a file that is not there', null, [], ': cannot be read: ENOENT'],
    [
      'a socket path that is relative',
      '',
      ['--socket', 'hawser.sock'],
      "hawser: --socket is 'hawser.sock'; allowed: an absolute path\n",
    ],
  ])('%s: exit code 1, one message, nothing on standard output', async (_name, yaml, args, message) => {
    const config = directory.file(yaml === null ? 'missing.yaml' : 'wrong.yaml');
    if (yaml !== null) writeFileSync(config, yaml);
    const result = await run(['serve', '--config', config, ...args]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(result.stderr).toMatch(/^hawser: /);
    expect(result.stderr).not.toContain('    at ');
  });

  test('a socket that another broker serves', async () => {
    const server = createServer().listen(socket);
    await once(server, 'listening');
    const { code, stderr } = await run(['serve', '--socket', socket]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `hawser: another broker serves ${socket}; stop it first or choose another --socket\n`,
    });
    server.close();
  });

  test('a socket where none can be', async () => {
    const { code, stderr } = await run(['serve', '--socket', '/dev/null/hawser.sock']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hawser: cannot make the directory of the socket: (EEXIST|ENOTDIR)/);
    expect(stderr).not.toContain('    at ');
  });

  test.each([['--log-level', 'loud'], ['--prot', '80'], ['extra']])('wrong arguments: %s', async (...args) => {
    const { code, stderr } = await run(['serve', ...args]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: /);
  });
});

describe('serve finds', () => {
  test('its file and socket in the environment, and arguments win over both', async () => {
    const file = directory.file('hawser.yaml');
    writeFileSync(file, `listen: { socket: ${directory.file('from-file.sock')} }`);
    const env = { HAWSER_CONFIG: file };
    for (const [args, extra, expected] of [
      [[], {}, 'from-file.sock'],
      [[], { HAWSER_SOCKET: directory.file('from-env.sock') }, 'from-env.sock'],
      [['--socket', directory.file('arg.sock')], { HAWSER_SOCKET: directory.file('from-env.sock') }, 'arg.sock'],
    ] as const) {
      await using child = await startNode(main, ['serve', ...args], { env: { ...env, ...extra } });
      expect(JSON.parse(await child.line())).toMatchObject({ msg: 'listening', socket: directory.file(expected) });
      expect((await child.stop()).code).toBe(0);
    }
  });
});

describe('request', () => {
  let brokerSocket: string;

  beforeAll(async () => {
    brokerSocket = socket = directory.file('request.sock');
    broker = await startBroker();
  });

  beforeEach(() => {
    socket = brokerSocket;
  });

  afterAll(async () => {
    expect((await broker.stop()).code).toBe(0);
  });

  test('prints the body and nothing else', async () => {
    expect(await request(['/'])).toMatchObject({ code: 0, stdout: 'hello', stderr: '' });
  });

  test('with --include prints the head before it, each 1xx too', async () => {
    const { code, stdout } = await request(['/early-hints', '--include']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^103\nlink: .*\nx-hint: early\n\n200\n(.+: .+\n)*content-length: 5\n(.+: .+\n)*\nhello$/);
  });

  test('an answer that is no success is an answer', async () => {
    expect(await request(['/status/503', '-i'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^503\n/) });
  });

  test('with --facts prints them as JSON to standard error', async () => {
    const { stdout, stderr } = await request(['/', '--facts']);
    expect(stdout).toBe('hello');
    const facts = JSON.parse(stderr);
    expect(facts).toMatchObject({ protocol: 'h2', attempts: 1 });
    expect(facts.remoteAddress).toBe(`127.0.0.1:${origin.port}`);
    expect(facts.totalUs).toBeGreaterThan(0);
  });

  test('sends method and fields as the shell gives them, in UTF-8', async () => {
    const { stdout } = await request([
      '/inspect',
      '-X',
      'PROPFIND',
      '-H',
      'X-A: 1',
      '-H',
      'x-a:2 ',
      '-H',
      'x-name: J\u00fcrgen \u20ac',
    ]);
    const seen = JSON.parse(stdout);
    expect(seen.method).toBe('PROPFIND');
    const fields = seen.fields.map((part: string) => Buffer.from(part, 'latin1').toString());
    expect(fields).toEqual(expect.arrayContaining(['x-a', '1', 'x-a', '2', 'x-name', 'J\u00fcrgen \u20ac']));
  });

  test.each<[string, string[], ChildProcessOptions]>([
    ['--data TEXT', ['-d', 'caf\u00e9'], {}],
    ['--data @FILE', ['-d', '@FILE'], {}],
    ['--data @-', ['-d', '@-'], { input: 'caf\u00e9' }],
  ])('%s is a POST with that body', async (_name, args, options) => {
    writeFileSync(directory.file('body'), 'caf\u00e9');
    const given = args.map((arg) => arg.replace('FILE', directory.file('body')));
    const { code, stdout } = await request(['/inspect', ...given], options);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ method: 'POST', bodyBytes: 5 });
  });

  test('carries large bodies both ways, whole', async () => {
    const body = contentBytes(3_000_000);
    writeFileSync(directory.file('body'), body);
    const { code, stdout } = await request(['/inspect', '-d', `@${directory.file('body')}`]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).bodyBytes).toBe(body.length);
    const down = await request(['/bytes/3000000']);
    expect(down.code).toBe(0);
    expect(down.stdout.length).toBeGreaterThan(0);
    // Standard output is collected as text here: the octets are counted where every one is a letter.
    const letters = await request(['/headers?count=1&bytes=1']);
    expect(letters.stdout).toBe('hello');
  });

  test.each<[string, string[], RegExp]>([
    [
      'the origin is not trusted',
      ['https://127.0.0.1:ORIGIN/'],
      /^hawser: tls_untrusted \(44\): https:\/\/127\.0\.0\.1:\d+: .+; processed: no\n$/,
    ],
    ['the port is closed', ['http://127.0.0.1:1/'], /^hawser: connect_refused \(41\): .+; processed: no\n$/],
    [
      'the URL is wrong',
      ['api.example.com'],
      /^hawser: request_invalid \(20\): URL 'api\.example\.com' is not absolute/,
    ],
    [
      'the URL is not ASCII',
      ['https://b\u00fccher.example/'],
      /^hawser: request_invalid \(20\): URL holds the octet 0xc3 at position 9/,
    ],
    ['the method is wrong', ['-X', 'G T', '/'], /^hawser: request_invalid \(20\): the method is not a token/],
    ['a field is wrong', ['-H', 'x y: 1', '/'], /^hawser: request_invalid \(20\): field name number 1/],
    [
      'time is over',
      ['--timeout', '200', '/never'],
      /^hawser: deadline_exceeded \(60\): .+ not done within 200 ms; no response had begun; processed: maybe\n$/,
    ],
    ['the body breaks off', ['/abort-after?bytes=10&of=20'], /^hawser: origin_reset \(64\): /],
    ['the body cannot be read', ['-d', '@/no/such/file', '/'], /^hawser: cannot read the body: ENOENT/],
  ])('where %s: exit code 1, and the message says it', async (_name, args, message) => {
    const result = await request(args.map((arg) => arg.replace('ORIGIN', String(origin.port))));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(message);
  });

  test.each([['-H', 'nocolon'], ['-H', ': x'], ['--timeout', '0'], ['--timeout', '1s'], ['--nonsense']])(
    'wrong arguments: %s %s',
    async (...args) => {
      const { code, stdout, stderr } = await request([...args.filter((arg) => arg !== undefined), '/']);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^error: /);
    },
  );

  test('where the reader of its output goes away: it ends, and the broker lives on', async () => {
    const child = await startNode(main, ['request', `${origin.url}/bytes/50000000`, '--socket', socket]);
    await eventually(() => child.stdout.length > 0);
    await child.stop('SIGINT');
    await eventually(() => expect(origin.stats().openRequests).toBe(0));
    expect(await request(['/'])).toMatchObject({ code: 0, stdout: 'hello' });
  });
});

describe('request without a broker', () => {
  test('says where it looked', async () => {
    const { code, stderr } = await run(['request', origin.url, '--socket', socket]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^hawser: no broker on ${socket}: connect ENOENT`));
  });

  test.each<[string, string | null, RegExp]>([
    ['that closes at once', '', /^hawser: the broker closed the connection before the response was whole\n$/],
    ['that speaks something else', 'HTTP/1.1 400 Bad Request\r\n\r\n', /^hawser: frame/],
    ['that says nothing', null, /^hawser: no answer within 100 ms\n$/],
  ])('but somebody %s', async (_name, text, message) => {
    const server = createServer((client) => {
      client.on('error', () => {});
      if (text !== null) client.end(text);
    }).listen(socket);
    await once(server, 'listening');
    const { code, stderr } = await run(['request', origin.url, '--socket', socket, '--timeout', '100']);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    server.close();
  });
});

describe('SIGTERM', () => {
  beforeEach(async () => {
    broker = await startBroker();
  });

  test('lets a running exchange finish, takes nothing new, removes the socket file, and exits 0', async () => {
    using client = await RawClient.connect(socket);
    client.send(hello(), get(1, `${origin.url}/slow?ms=600`));
    await eventually(() => expect(origin.stats().openRequests).toBe(1));
    broker.signal('SIGTERM');
    await client.next((frame) => frame.type === frameType.goaway);
    expect(existsSync(socket)).toBe(false);
    client.send(get(2, `${origin.url}/`));
    const refused = await client.next((frame) => frame.type === frameType.error);
    expect(refused).toMatchObject({ exchangeId: 2, name: 'broker_draining', processed: 'no' });
    const answer = await client.next((frame) => frame.type === frameType.response);
    expect(answer).toMatchObject({ exchangeId: 1, status: 200, end: true });
    expect((await broker.exited).code).toBe(0);
    expect(
      broker.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).msg),
    ).toEqual(['listening', 'draining', 'stopped']);
  });

  test('does not wait for a client that keeps its connection and reads nothing, as PHP-FPM does', async () => {
    const idle = connect({ path: socket, allowHalfOpen: true });
    await once(idle, 'connect');
    idle.pause();
    using greeted = await RawClient.connect(socket);
    greeted.send(hello(), get(1, `${origin.url}/`));
    await greeted.next((frame) => frame.type === frameType.response);
    greeted.pause();
    const startedAt = performance.now();
    broker.signal('SIGTERM');
    expect((await broker.exited).code).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    idle.destroy();
  });
});

/** Wire types, as protocol names them. */
const frameType = { response: 4, error: 10, goaway: 13 } as const;

async function startBroker(): Promise<TestProcess> {
  const config = directory.file('hawser.yaml');
  writeFileSync(directory.file('ca.pem'), origin.ca);
  writeFileSync(config, 'origins: [{ match: "https://localhost:*", tls: { ca: ca.pem } }]\n');
  const child = await startNode(main, ['serve', '--config', config, '--socket', socket]);
  await child.line((line) => line.includes('listening'));
  return child;
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `hawser` to its end. */
async function run(args: readonly string[], options: ChildProcessOptions = {}): Promise<Result> {
  await using child = await startNode(main, args, options);
  const { code } = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

/** `hawser request` on the broker of the test; an argument that begins with a slash is a path of the origin. */
function request(args: readonly string[], options: ChildProcessOptions = {}): Promise<Result> {
  const given = args.map((arg) => (arg.startsWith('/') ? `${origin.url}${arg}` : arg));
  return run(['request', ...given, '--socket', socket], options);
}
