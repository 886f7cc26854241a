// A network without a name: it lives as long as the process that holds it, and its processes end with it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually, type TestProcess } from '@hawser/testkit';
import { processTree } from '../process-usage.ts';
import { programPath } from '../programs.ts';
import { endTree, startTied } from '../tied-process.ts';

const run = promisify(execFile);

export class Namespace implements AsyncDisposable {
  /** The process that holds it; `ip` takes this for the network's name. */
  readonly pid: number;
  readonly #holder: TestProcess;

  private constructor(holder: TestProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  /**
   * Makes a network, process and mount namespace. `cat` holds them: it ends when this process closes its input, however
   * that comes about, and the kernel then kills every process inside and removes the interfaces.
   */
  static async open(): Promise<Namespace> {
    const flags = ['--net', '--pid', '--mount', '--fork', '--kill-child'];
    const holder = await startTied(programPath('unshare'), [...flags, 'cat']);
    try {
      const pid = await eventually(() => processTree(holder.pid)[1] ?? false, { withinMs: 30_000 });
      const namespace = new Namespace(holder, pid as number);
      await namespace.exec('ip', ['link', 'set', 'lo', 'up']);
      return namespace;
    } catch (error) {
      await endTree(holder);
      throw new Error(`no network namespace: ${holder.stderr}`, { cause: error });
    }
  }

  /** Starts a process inside. */
  start = (command: string, args: readonly string[]): Promise<TestProcess> =>
    startTied(programPath('nsenter'), [...this.#enter(), '--pid', '--', command, ...args]);

  /** Runs a command inside to its end; returns what it printed. */
  async exec(command: string, args: readonly string[]): Promise<string> {
    const { stdout } = await run(programPath('nsenter'), [...this.#enter(), '--', command, ...args], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    return stdout;
  }

  /** Sets kernel parameters of this network: names as under /proc/sys. */
  async set(parameters: Readonly<Record<string, string | number>>): Promise<void> {
    for (const [name, value] of Object.entries(parameters)) {
      await this.exec('sh', ['-c', 'echo "$0" > "/proc/sys/$1"', String(value), name]);
    }
  }

  #enter(): string[] {
    return ['--target', String(this.pid), '--net', '--mount'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endTree(this.#holder);
  }
}
