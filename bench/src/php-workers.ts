// The PHP processes of one contender: they wait, do a job all at once, and tell what they measured.

import { fileURLToPath } from 'node:url';
import type { TestProcess } from '@hawser/testkit';
import { programPath } from './programs.ts';
import { endTree, startTied } from './tied-process.ts';

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

const script = fileURLToPath(new URL('../php/pool.php', import.meta.url));
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

/** Processes of the command line, forked from one. */
export class PhpWorkers implements Workers {
  readonly #pool: TestProcess;
  readonly pids: readonly number[];

  private constructor(pool: TestProcess, pids: readonly number[]) {
    this.#pool = pool;
    this.pids = pids;
  }

  /** Starts the processes and waits until all are ready to send. */
  static async start(count: number, target: Target): Promise<PhpWorkers> {
    // Guzzle's handler and Symfony's client find the broker where any application finds it: in the environment.
    const env = target.socket === null ? {} : { HAWSER_SOCKET: target.socket, HAWSER_FALLBACK: 'fail' };
    const args = [...asInFpm, script, String(count), JSON.stringify(target)];
    const pool = await startTied(programPath('php'), args, { env });
    try {
      const ready = await pool.line((line) => line.startsWith('ready '), readyWithinMs);
      return new PhpWorkers(pool, ready.split(' ').slice(1).map(Number));
    } catch (error) {
      await endTree(pool);
      throw error;
    }
  }

  /** All processes do the job at the same time. */
  async run(job: Job): Promise<WorkerReport[]> {
    this.#pool.writeLine(JSON.stringify(job));
    const reports: WorkerReport[] = [];
    while (reports.length < this.pids.length) {
      reports.push(JSON.parse(await this.#pool.line(() => true, job.seconds * 1000 + graceMs)) as WorkerReport);
    }
    return reports;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endTree(this.#pool);
  }
}
