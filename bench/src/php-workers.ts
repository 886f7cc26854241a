// The PHP processes of one contender: they wait, do a job all at once, and tell what they measured.

import { fileURLToPath } from 'node:url';
import { startProcess, type TestProcess } from '@hawser/testkit';
import { programPath } from './programs.ts';

/** As `bench/php/src/Job.php` takes it. */
export interface Job {
  readonly act: 'get' | 'fanOut' | 'upload';
  readonly path: string;
  /** Exchanges at once for `fanOut`, octets for `upload`. */
  readonly size: number;
  /** Octets that must come back for each repeat. */
  readonly expect: number;
  /** How often each process does it, at most. */
  readonly repeats: number;
  /** How long, at most. */
  readonly seconds: number;
}

/** As `bench/php/src/Target.php` takes it. */
export interface Target {
  readonly transport: string;
  readonly origin: string;
  readonly ca: string;
  readonly socket: string | null;
}

export interface WorkerReport {
  readonly latenciesUs: readonly number[];
  readonly wallUs: number;
  readonly cpuUs: number;
  readonly errors: number;
  readonly messages: readonly string[];
}

const script = fileURLToPath(new URL('../php/worker.php', import.meta.url));
/** PHP-FPM has OPcache on where it is loaded; on the command line it is off by default. */
const asInFpm = ['-d', 'opcache.enable_cli=1'];
const readyWithinMs = 60_000;
/** Beyond the job's own time: its last exchange may run into its time-out. */
const graceMs = 120_000;

/** Whatever does jobs in PHP: processes of the command line, or a PHP-FPM pool. */
export interface Workers extends AsyncDisposable {
  readonly pids: readonly number[];
  run(job: Job): Promise<WorkerReport[]>;
}

export class PhpWorkers implements Workers {
  readonly #processes: readonly TestProcess[];

  private constructor(processes: readonly TestProcess[]) {
    this.#processes = processes;
  }

  /** Starts the processes and waits until all are ready to send. */
  static async start(count: number, target: Target): Promise<PhpWorkers> {
    // Guzzle's handler and Symfony's client find the broker where any application finds it: in the environment.
    const env = target.socket === null ? {} : { HAWSER_SOCKET: target.socket, HAWSER_FALLBACK: 'fail' };
    const processes = await Promise.all(
      Array.from({ length: count }, () =>
        startProcess(programPath('php'), [...asInFpm, script, JSON.stringify(target)], { env }),
      ),
    );
    const workers = new PhpWorkers(processes);
    try {
      await Promise.all(processes.map((process) => process.line((line) => line === 'ready', readyWithinMs)));
      return workers;
    } catch (error) {
      await workers[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pids(): number[] {
    return this.#processes.map((process) => process.pid);
  }

  /** All processes do the job at the same time. */
  async run(job: Job): Promise<WorkerReport[]> {
    const line = JSON.stringify(job);
    for (const process of this.#processes) process.writeLine(line);
    return await Promise.all(
      this.#processes.map(
        async (process) => JSON.parse(await process.line(() => true, job.seconds * 1000 + graceMs)) as WorkerReport,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop('SIGKILL')));
  }
}
