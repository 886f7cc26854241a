// A server from a Debian package, a broker process, and several PHP processes in front of it.

import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  CertificateAuthority,
  createTemporaryDirectory,
  eventually,
  startNode,
  startProcess,
  type TestProcess,
} from '@hawser/testkit';
import { digests } from './contents.ts';
import { CountingOrigin } from './counting-origin.ts';
import { addReports, type LoadReport } from './load-report.ts';
import { type InteropServer, type Protocol, RunningServer, type ServerSettings } from './server.ts';

export interface StandOptions {
  readonly server: InteropServer;
  readonly protocol: Protocol;
  readonly settings?: ServerSettings;
  /** `connections.max`; default: the broker's own. */
  readonly maxConnections?: number;
}

export interface Load {
  /** Taken in turn. */
  readonly methods: readonly ('GET' | 'POST')[];
  /** Of all processes together. */
  readonly requests: number;
  readonly processes: number;
  /** Requests at once, of one process; default 1. */
  readonly batch?: number;
  /** The requests are spread over this time. */
  readonly spreadMs?: number;
  /** What the ids of the requests begin with; default `r`. */
  readonly prefix?: string;
}

/** Longest that one batch or one run of a process may take. */
const runLimitMs = 600_000;

/** `await using stand = await InteropStand.start(…)` leaves nothing behind. */
export class InteropStand implements AsyncDisposable {
  readonly server: RunningServer;
  readonly #origin: CountingOrigin;
  readonly #broker: TestProcess;
  readonly #socket: string;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    server: RunningServer,
    origin: CountingOrigin,
    broker: TestProcess,
    socket: string,
    resources: AsyncDisposableStack,
  ) {
    this.server = server;
    this.#origin = origin;
    this.#broker = broker;
    this.#socket = socket;
    this.#resources = resources;
  }

  static async start({ server, protocol, settings = {}, maxConnections }: StandOptions): Promise<InteropStand> {
    await using resources = new AsyncDisposableStack();
    const authority = await CertificateAuthority.create();
    const origin = resources.use(await CountingOrigin.start());
    const running = resources.use(await RunningServer.start(server, settings, authority, origin.port));
    const directory = resources.use(createTemporaryDirectory());
    writeFileSync(directory.file('ca.pem'), authority.cert);
    const entry = [
      'match: https://localhost:*',
      'tls: { ca: ca.pem }',
      `protocol: ${protocol}`,
      // The machine is kept busy on purpose: a server that is being reloaded may take its time to accept.
      'timeouts: { connect: 5s }',
      ...(maxConnections === undefined ? [] : [`connections: { max: ${maxConnections} }`]),
    ];
    const socket = directory.file('hawser.sock');
    const config = directory.file('hawser.yaml');
    writeFileSync(config, `listen: { socket: ${socket} }\norigins:\n  - ${entry.join('\n    ')}\n`);
    // A process of its own, so that what the test does does not hold it up.
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const broker = resources.use(await startNode(main, ['serve', '--config', config]));
    await broker.line((line) => line.includes('"listening"'));
    return new InteropStand(running, origin, broker, socket, resources.move());
  }

  /** Starts a script of `test/php`; PHP goes through the broker or not at all. */
  php(name: string, args: readonly string[]): Promise<TestProcess> {
    const script = fileURLToPath(new URL(`../php/${name}`, import.meta.url));
    const env = { HAWSER_SOCKET: this.#socket, HAWSER_FALLBACK: 'fail' };
    return startProcess('php', [script, ...args], { env });
  }

  /** Sends requests from several processes at once. */
  async run(load: Load): Promise<LoadReport> {
    const processes = await this.#startLoad(load, false);
    return finish(processes);
  }

  /** As `run`, in rounds of one batch per process: before each the origin is left alone for one of `pausesMs`. */
  async runRounds(load: Omit<Load, 'requests'> & { batch: number }, pausesMs: readonly number[]): Promise<LoadReport> {
    const requests = load.processes * load.batch * pausesMs.length;
    const processes = await this.#startLoad({ ...load, requests }, true);
    for (const pauseMs of pausesMs) {
      await delay(pauseMs);
      for (const php of processes) php.writeLine('');
      await Promise.all(processes.map((php) => php.line((line) => line === 'done', runLimitMs)));
    }
    return finish(processes);
  }

  /** Connections that are open to the server now. */
  get openConnections(): number {
    // The kernel's own list: local and remote address, then the state, all in hexadecimal.
    const table = readFileSync('/proc/net/tcp', 'utf8');
    const port = this.server.port.toString(16).toUpperCase().padStart(4, '0');
    return table.match(new RegExp(`^ *\\d+: \\S+ \\S+:${port} (01|08) `, 'gm'))?.length ?? 0;
  }

  /** Connections that carried requests with such ids in the server's log, once that shows at least so many requests. */
  async connections(ids: string, requests: number): Promise<number> {
    const log = await eventually(
      () => {
        const lines = this.server.log().filter(({ target }) => idOf(target)?.startsWith(ids));
        if (lines.length < requests) throw new Error(`the access log shows ${lines.length} requests of ${requests}`);
        return lines;
      },
      { withinMs: 10_000, everyMs: 50 },
    );
    return new Set(log.map(({ connection }) => connection)).size;
  }

  /** Ids of POSTs that were acted on more than once: by the counting origin, or by a server that answers for itself. */
  duplicates(ids: string): string[] {
    const counted = new Map(this.#origin.executions);
    if (counted.size === 0) {
      for (const { target } of this.server.log()) {
        const id = target.startsWith('/echo?') ? idOf(target) : null;
        if (id !== null) counted.set(id, (counted.get(id) ?? 0) + 1);
      }
    }
    return [...counted].filter(([id, times]) => id.startsWith(ids) && times > 1).map(([id]) => id);
  }

  /** Throws where the broker has ended by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { code, signal } = await this.#broker.stop('SIGTERM');
    await this.#resources.disposeAsync();
    if (code === 0) return;
    throw new Error(`the broker ended with ${code ?? signal}\n${this.#broker.stdout}\n${this.#broker.stderr}`);
  }

  #startLoad(load: Load, isGated: boolean): Promise<TestProcess[]> {
    const requests = Math.ceil(load.requests / load.processes);
    const { methods, batch = 1, spreadMs = 0, prefix = 'r' } = load;
    const job = { url: this.server.url, methods, requests, batch, digest: digests.small, spreadMs, isGated };
    const indices = Array.from({ length: load.processes }, (_, index) => index);
    return Promise.all(
      indices.map((index) => this.php('interop-load.php', [JSON.stringify({ ...job, prefix: `${prefix}${index}-` })])),
    );
  }
}

async function finish(processes: readonly TestProcess[]): Promise<LoadReport> {
  const reports = await Promise.all(
    processes.map(async (php) => JSON.parse(await php.line((line) => line.startsWith('{'), runLimitMs)) as LoadReport),
  );
  await Promise.all(processes.map((php) => php.stop()));
  return addReports(reports);
}

function idOf(target: string): string | null {
  return new URLSearchParams(target.split('?')[1]).get('id');
}
