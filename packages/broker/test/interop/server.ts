// A server from a Debian package: what it can be made to do, and one that runs.

import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { connect } from 'node:tls';
import {
  type CertificateAuthority,
  type CertificatePair,
  createTemporaryDirectory,
  eventually,
  startProcess,
  type TemporaryDirectory,
  type TestProcess,
  writeCertificate,
} from '@hawser/testkit';

export type Protocol = 'h2' | 'h1';

/** What is awkward about the server's configuration; nothing: as its package leaves it. */
export interface ServerSettings {
  /** Requests after which the server ends a connection. */
  readonly requestsPerConnection?: number;
  /** Time after which the server closes an idle connection. */
  readonly keepAliveSeconds?: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly maxStreams?: number;
}

/** What a configuration is written from. */
export interface ServerContext {
  readonly directory: TemporaryDirectory;
  readonly port: number;
  /** Port of the counting origin, in cleartext. */
  readonly originPort: number;
  /** Paths of the certificate and its key. */
  readonly certificate: CertificatePair;
  /** A folder with `small` and `large`. */
  readonly documents: string;
  readonly settings: ServerSettings;
  /** Where `readLog` finds what was logged. */
  readonly accessLog: string;
  readonly isRoot: boolean;
}

/** What the servers of a stand share. */
export interface ServerPlace {
  readonly authority: CertificateAuthority;
  readonly originPort: number;
  readonly documents: string;
}

/** A starved machine takes its time to start a server. */
const startLimitMs = 60_000;

/** How a configured server is started: in the foreground, by a command that takes signals. */
interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The access log is what the server prints. */
  readonly logsToStdout?: boolean;
}

export interface LoggedRequest {
  /** Names the TCP connection. */
  readonly connection: string;
  /** Path and query. */
  readonly target: string;
}

export interface InteropServer {
  readonly name: string;
  readonly protocols: readonly Protocol[];
  /** Requests after which it ends a connection unless told otherwise; where it is missing: never. */
  readonly defaultRequestsPerConnection: Readonly<Partial<Record<Protocol, number>>>;
  /** A reload resets HTTP/2 connections that carry requests, without GOAWAY. */
  readonly resetsOnReload?: boolean;
  /** The awkward settings that it has for a protocol; `reload`: it takes a new configuration while it runs. */
  can(what: keyof ServerSettings | 'reload', protocol: Protocol): boolean;
  /** Writes its configuration. */
  configure(context: ServerContext): Launch;
  reload?(server: TestProcess, context: ServerContext): void | Promise<void>;
  /** Understands its access log. */
  readLog(text: string): Iterable<LoggedRequest>;
}

/** A server that was started for a test, on a port of 127.0.0.1. */
export class RunningServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: InteropServer;
  readonly #context: ServerContext;
  readonly #process: TestProcess;

  private constructor(server: InteropServer, context: ServerContext, process: TestProcess) {
    this.#server = server;
    this.#context = context;
    this.#process = process;
    this.port = context.port;
  }

  static async start(server: InteropServer, settings: ServerSettings, place: ServerPlace): Promise<RunningServer> {
    const pair = await place.authority.issue();
    // Between the choice of a port and the server's listen another process may take it.
    for (let attempt = 1; ; attempt++) {
      const context = createContext(settings, pair, place, await freePort());
      const launch = server.configure(context);
      const running = new RunningServer(server, context, await launchServer(launch, context));
      try {
        await running.#untilReady(place.authority.cert);
        return running;
      } catch (error) {
        await running[Symbol.asyncDispose]();
        if (attempt === 3) throw error;
      }
    }
  }

  /** Makes the server take its configuration anew, as an operator would. */
  async reload(): Promise<void> {
    await this.#server.reload?.(this.#process, this.#context);
  }

  /** Connections that are open to the server now. */
  get openConnections(): number {
    // The kernel's own list: local and remote address, then the state, all in hexadecimal.
    const table = readFileSync('/proc/net/tcp', 'utf8');
    const port = this.port.toString(16).toUpperCase().padStart(4, '0');
    return table.match(new RegExp(`^ *\\d+: \\S+ \\S+:${port} (01|08) `, 'gm'))?.length ?? 0;
  }

  /** What the server says it was asked so far. */
  log(): LoggedRequest[] {
    const { accessLog } = this.#context;
    return existsSync(accessLog) ? [...this.#server.readLog(readFileSync(accessLog, 'utf8'))] : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop('SIGTERM');
    this.#context.directory.remove();
  }

  /** Ready is a server that shows the certificate it was given: on its port there may be somebody else. */
  async #untilReady(ca: string): Promise<void> {
    let hasEnded = false;
    void this.#process.exited.then(() => {
      hasEnded = true;
    });
    const { port } = this.#context;
    await eventually(() => hasEnded || accepts(port, ca), { withinMs: startLimitMs, everyMs: 20 });
    if (!hasEnded) return;
    const { stdout, stderr } = this.#process;
    throw new Error(`${this.#server.name} did not start\n${stdout}\n${stderr}`);
  }
}

/** Path of a server's program: Debian installs some in a folder that is not in every user's PATH. */
export function findProgram(name: string): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const folder = folders.find((candidate) => existsSync(join(candidate, name)));
  if (folder === undefined) throw new Error(`${name} is not installed; .ci/setup installs it`);
  return join(folder, name);
}

/** Lines `CONNECTION TARGET`, which most servers can be told to write. */
export function* readPlainLog(text: string): Iterable<LoggedRequest> {
  for (const line of text.split('\n')) {
    const [connection, target] = line.split(' ');
    if (connection !== undefined && target !== undefined) yield { connection, target };
  }
}

function createContext(
  settings: ServerSettings,
  pair: CertificatePair,
  { originPort, documents }: ServerPlace,
  port: number,
): ServerContext {
  const directory = createTemporaryDirectory();
  // Servers that give up root read there as another user.
  chmodSync(directory.path, 0o755);
  return {
    directory,
    port,
    originPort,
    certificate: writeCertificate(directory.path, 'server', pair),
    documents,
    settings,
    accessLog: directory.file('access.log'),
    isRoot: process.getuid?.() === 0,
  };
}

function launchServer(launch: Launch, context: ServerContext): Promise<TestProcess> {
  const options = { cwd: context.directory.path, ...(launch.env !== undefined && { env: launch.env }) };
  if (launch.logsToStdout !== true) return startProcess(launch.command, launch.args, options);
  // `exec` keeps the process id, so signals reach the server.
  const script = 'log=$1; shift; exec "$@" >"$log"';
  return startProcess('/bin/sh', ['-c', script, 'sh', context.accessLog, launch.command, ...launch.args], options);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function accepts(port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['http/1.1', 'h2'] });
    socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('secureConnect', () => socket.destroy());
  });
}
