// Processes of a test: output collected, readiness awaited, end certain.

import { type ChildProcess as NodeChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ChildProcessOptions {
  readonly cwd?: string;
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which then ends. Default: standard input stays open until the process is stopped. */
  readonly input?: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Every process that still runs, so that none outlives the test process. */
const running = new Set<NodeChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A running process. `await using child = startProcess(…)` kills it at the end of the scope. */
export class TestProcess implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  stdout = '';
  stderr = '';
  readonly #child: NodeChildProcess;
  readonly #lines: string[] = [];
  #onLine: (() => void) | null = null;

  constructor(child: NodeChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    running.add(child);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    child.stdin?.on('error', () => {});
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#lines.push(line);
        this.#onLine?.();
      });
    }
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
        this.#onLine?.();
      });
    });
  }

  /** The next line of standard output that `accept` takes (default: any); lines before it are passed over. */
  async line(accept: (line: string) => boolean = () => true, withinMs = 10_000): Promise<string> {
    const until = performance.now() + withinMs;
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        if (accept(line)) return line;
      }
      const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
      const leftMs = until - performance.now();
      if (hasEnded || leftMs <= 0) {
        const what = hasEnded ? `process ${this.pid} ended` : `nothing within ${withinMs} ms`;
        throw new Error(`no such line: ${what}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#onLine = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#onLine = null;
    }
  }

  /** Writes a line to standard input. */
  writeLine(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks with `signal`, and after `withinMs` kills. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', withinMs = 5000): Promise<ExitStatus> {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), withinMs);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

/** Starts a program; rejects if it cannot be started. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ChildProcessOptions = {},
): Promise<TestProcess> {
  const child = spawn(command, args, {
    stdio: 'pipe',
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  if (options.input !== undefined) child.stdin.end(options.input);
  return new TestProcess(child, child.pid as number);
}

/** Starts a script with the Node that runs the test. */
export function startNode(script: string, args: readonly string[] = [], options: ChildProcessOptions = {}) {
  return startProcess(process.execPath, [script, ...args], options);
}

/** What the origin's command line prints when it is ready. */
export interface OriginProcess {
  readonly process: TestProcess;
  readonly port: number;
  readonly url: string;
  /** Path of the authority's certificate. */
  readonly ca: string;
  /** Where the counters are read as JSON, without being counted. */
  readonly stats: string;
  readonly pid: number;
}

/** Runs a test origin as a process of its own; `process.stop()` ends it. */
export async function startOriginProcess(directory: string, args: readonly string[] = []): Promise<OriginProcess> {
  const script = fileURLToPath(new URL('./origin-cli.ts', import.meta.url));
  const child = await startNode(script, ['--dir', directory, ...args]);
  try {
    return { process: child, ...JSON.parse(await child.line()) };
  } catch (error) {
    await child.stop('SIGKILL');
    throw error;
  }
}
