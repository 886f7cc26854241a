// A broker in this process, an origin to talk to, and real PHP: what the end-to-end tests stand on.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  createTemporaryDirectory,
  startProcess,
  type TemporaryDirectory,
  TestOrigin,
  type TestOriginOptions,
  type TestProcess,
} from '@hawser/testkit';
import { Broker, createLog, parseConfig } from '../src/index.ts';

export interface StandOptions {
  readonly origin?: TestOriginOptions;
  /** Lines of YAML for the origin's entry, such as `protocol: h1`. */
  readonly originConfig?: readonly string[];
  /** Lines of YAML at the top of the file, such as `egress: { default: deny }`. */
  readonly config?: readonly string[];
  /** PEM of the authority that the broker trusts; default: the origin's. */
  readonly trust?: string;
}

/** A broker in this process, on `hawser.sock` in the directory, that trusts `ca` for https://localhost. */
export function startBroker(
  directory: TemporaryDirectory,
  ca: string,
  options: Pick<StandOptions, 'originConfig' | 'config'> = {},
): Promise<Broker> {
  writeFileSync(directory.file('ca.pem'), ca);
  const entry = ['match: https://localhost:*', 'tls: { ca: ca.pem }', ...(options.originConfig ?? [])];
  const top = [`listen: { socket: ${directory.file('hawser.sock')} }`, ...(options.config ?? [])];
  const yaml = `${top.join('\n')}\norigins:\n  - ${entry.join('\n    ')}\n`;
  return Broker.start(parseConfig(yaml, directory.file('hawser.yaml')), createLog('silent'));
}

type Environment = Readonly<Record<string, string>>;

/** What `outcome.php` prints: a response, or an exception. */
export interface Outcome {
  readonly status?: number;
  readonly bodyBytes?: number;
  readonly exception?: string;
  readonly name?: string;
  readonly number?: number;
  readonly processed?: string;
  readonly source?: string;
  readonly message?: string;
  readonly elapsedMs: number;
}

/** `await using stand = await TestStand.start()` leaves nothing behind. */
export class TestStand implements AsyncDisposable {
  readonly origin: TestOrigin;
  readonly broker: Broker;
  readonly socket: string;
  readonly directory: TemporaryDirectory;
  readonly caFile: string;

  private constructor(origin: TestOrigin, broker: Broker, directory: TemporaryDirectory) {
    this.origin = origin;
    this.broker = broker;
    this.directory = directory;
    this.socket = directory.file('hawser.sock');
    this.caFile = directory.file('ca.pem');
  }

  static async start(options: StandOptions = {}): Promise<TestStand> {
    const directory = createTemporaryDirectory();
    const origin = await TestOrigin.start(options.origin);
    const broker = await startBroker(directory, options.trust ?? origin.ca, options);
    return new TestStand(origin, broker, directory);
  }

  /** Starts `test/php/NAME` with arguments; PHP finds the broker by its environment. */
  php(name: string, args: readonly string[] = [], input?: string, env: Environment = {}): Promise<TestProcess> {
    const script = fileURLToPath(new URL(`./php/${name}`, import.meta.url));
    return startProcess('php', [script, ...args], {
      env: { HAWSER_SOCKET: this.socket, HAWSER_FALLBACK: 'fail', ...env },
      ...(input !== undefined && { input }),
    });
  }

  /** Runs a PHP script to its end and decodes the JSON that it printed. */
  async phpJson<T>(name: string, args: readonly string[] = [], input?: string, env: Environment = {}): Promise<T> {
    await using child = await this.php(name, args, input, env);
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`${name} exited with ${code}\n${child.stdout}\n${child.stderr}`);
    return JSON.parse(child.stdout) as T;
  }

  /** Sends one request from PHP and tells how it went. */
  outcome(method: string, url: string, options: Readonly<Record<string, unknown>> = {}): Promise<Outcome> {
    return this.phpJson<Outcome>('outcome.php', [], JSON.stringify({ method, url, options }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.drain(0);
    await this.origin.close();
    this.directory.remove();
  }
}
