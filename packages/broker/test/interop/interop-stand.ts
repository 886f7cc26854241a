// A server from a Debian package in all its set-ups, one broker process, and several PHP processes in front of it.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  CertificateAuthority,
  createTemporaryDirectory,
  startNode,
  startProcess,
  type TestProcess,
} from '@hawser/testkit';
import { writeContents } from './contents.ts';
import { CountingOrigin } from './counting-origin.ts';
import { type InteropServer, type LoggedRequest, type Protocol, RunningServer } from './server.ts';
import { protocolsOf, type SetUp, type SetUpName, setUps } from './set-ups.ts';
import type { Engine } from './volume.ts';

/** A starved machine takes its time to start a broker, or to end one. */
const brokerLimitMs = 120_000;

/** The broker tells the two protocols apart by the host that a request names; the server is the same. */
const hosts = { h2: 'localhost', h1: '127.0.0.1' } as const satisfies Record<Protocol, string>;

/** One server process, as requests by one protocol see it. */
export interface Target {
  readonly server: RunningServer;
  readonly protocol: Protocol;
  readonly url: string;
}

/** `await using stand = await InteropStand.start(…)` leaves nothing behind. */
export class InteropStand implements AsyncDisposable {
  readonly #origin: CountingOrigin;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #broker: TestProcess;
  readonly #socket: string;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    origin: CountingOrigin,
    targets: ReadonlyMap<string, Target>,
    broker: TestProcess,
    socket: string,
    resources: AsyncDisposableStack,
  ) {
    this.#origin = origin;
    this.#targets = targets;
    this.#broker = broker;
    this.#socket = socket;
    this.#resources = resources;
  }

  static async start(server: InteropServer, engine: Engine): Promise<InteropStand> {
    await using resources = new AsyncDisposableStack();
    const authority = await CertificateAuthority.create();
    const origin = resources.use(await CountingOrigin.start());
    const directory = resources.use(createTemporaryDirectory());
    const place = { authority, originPort: origin.port, documents: writeContents(directory) };
    const targets = new Map<string, Target>();
    const entries: string[] = [];
    const startOne = async (name: SetUpName, protocols: readonly Protocol[]) => {
      if (protocols.length === 0) return;
      const setUp: SetUp = setUps[name];
      const running = resources.use(await RunningServer.start(server, setUp.settings, place));
      for (const protocol of protocols) {
        const target = { server: running, protocol, url: `https://${hosts[protocol]}:${running.port}` };
        targets.set(keyOf(name, protocol), target);
        entries.push(originEntry(target, setUp, engine));
      }
    };
    const started = Object.entries(setUps).flatMap(([key, setUp]) => {
      const name = key as SetUpName;
      const protocols = protocolsOf(server, setUp);
      const isApart = (setUp as SetUp).isApart === true;
      return isApart ? protocols.map((protocol) => startOne(name, [protocol])) : [startOne(name, protocols)];
    });
    // All of them, so that what has started is ended where another has not.
    for (const result of await Promise.allSettled(started)) if (result.status === 'rejected') throw result.reason;

    writeFileSync(directory.file('ca.pem'), authority.cert);
    const socket = directory.file('hawser.sock');
    const config = directory.file('hawser.yaml');
    writeFileSync(config, `listen: { socket: ${socket} }\norigins:\n${entries.join('')}`);
    // A process of its own, so that what the test does does not hold it up.
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const broker = resources.use(await startNode(main, ['serve', '--config', config]));
    await broker.line((line) => line.includes('"listening"'), brokerLimitMs);
    return new InteropStand(origin, targets, broker, socket, resources.move());
  }

  target(name: SetUpName, protocol: Protocol): Target {
    const target = this.#targets.get(keyOf(name, protocol));
    if (target === undefined) throw new Error(`no server runs as '${name}' for ${protocol}`);
    return target;
  }

  /** Starts a script of `test/php`; PHP goes through the broker or not at all. */
  php(name: string, args: readonly string[]): Promise<TestProcess> {
    const script = fileURLToPath(new URL(`../php/${name}`, import.meta.url));
    const env = { HAWSER_SOCKET: this.#socket, HAWSER_FALLBACK: 'fail' };
    return startProcess('php', [script, ...args], { env });
  }

  /** Ids of POSTs that were acted on more than once: by the counting origin, or by a server that answers for itself. */
  duplicates({ server }: Target, ids: string): string[] {
    const counted = new Map(this.#origin.executions);
    if (counted.size === 0) {
      for (const { target } of server.log()) {
        const id = target.startsWith('/echo?') ? idOf(target) : null;
        if (id !== null) counted.set(id, (counted.get(id) ?? 0) + 1);
      }
    }
    return [...counted].filter(([id, times]) => id.startsWith(ids) && times > 1).map(([id]) => id);
  }

  /** Throws where the broker has ended by itself, or does not end when it is told to. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { code, signal } = await this.#broker.stop('SIGTERM', brokerLimitMs);
    await this.#resources.disposeAsync();
    if (code === 0) return;
    throw new Error(`the broker ended with ${code ?? signal}\n${this.#broker.stdout}\n${this.#broker.stderr}`);
  }
}

/** What a server logged of the requests whose ids begin so. */
export function logged(server: RunningServer, ids: string): LoggedRequest[] {
  return server.log().filter(({ target }) => idOf(target)?.startsWith(ids));
}

function keyOf(name: SetUpName, protocol: Protocol): string {
  return `${name} ${protocol}`;
}

/** Time-outs are generous: that a busy machine is slow is not what these runs are about. */
function originEntry({ url, protocol }: Target, { maxConnections }: SetUp, engine: Engine): string {
  const lines = [
    `match: ${url}`,
    'tls: { ca: ca.pem }',
    `protocol: ${protocol}`,
    'timeouts: { connect: 30s, firstByte: 60s, total: 120s }',
    'queue: { timeout: 60s }',
    `http2: { engine: ${engine} }`,
    ...(maxConnections === undefined ? [] : [`connections: { max: ${maxConnections} }`]),
  ];
  return `  - ${lines.join('\n    ')}\n`;
}

function idOf(target: string): string | null {
  return new URLSearchParams(target.split('?')[1]).get('id');
}
