// The scenario of a real PHP-FPM pool: whole application requests, each with several calls upstream.

import { fileURLToPath } from 'node:url';
import { PhpFpm } from '@hawser/testkit';
import { runLoad } from './load.ts';
import { smallBytes } from './origin.ts';
import type { Job, Target, WorkerReport, Workers } from './php-workers.ts';
import { cpuMicroseconds } from './process-usage.ts';
import { describeMissing, findProgram } from './programs.ts';
import type { Scenario } from './scenario.ts';

const poolSize = 8;
const callsPerRequest = 3;
const maxMessages = 5;
const script = fileURLToPath(new URL('../php/fpm.php', import.meta.url));

export const fpm: Scenario = {
  name: 'fpm',
  what:
    `a PHP-FPM pool of ${poolSize} workers, kept busy by FastCGI; a request is one of the application's, with ` +
    `${callsPerRequest} calls upstream`,
  async run(stand, contenders) {
    if (findProgram('php-fpm') === null) {
      for (const { name } of contenders) stand.skip(name, 'fpm', describeMissing('php-fpm'));
      return [];
    }
    const able = contenders.filter((contender) => {
      if (contender.transport !== 'curl-share' || stand.php.hasPersistentShare) return true;
      stand.skip(contender.name, 'fpm', `PHP ${stand.php.php} keeps no share handle between requests; 8.5 does`);
      return false;
    });
    await using origin = await stand.startOrigin();
    await using pool = await PhpFpm.start({ workers: poolSize });
    const endWorkers = (): void => {
      for (const pid of pool.workerPids()) process.kill(pid, 'SIGKILL');
    };
    process.prependListener('exit', endWorkers);
    try {
      return await runLoad(stand, origin, able, {
        scenario: 'fpm',
        case: null,
        processes: poolSize,
        job: { act: 'get', path: '/small', size: 1, expect: smallBytes },
        requestsPerRepeat: 1,
        startWorkers: (target) => Promise.resolve(new FpmClients(pool, target)),
      });
    } finally {
      process.off('exit', endWorkers);
    }
  },
};

/** Web servers' part: as many requests at once as the pool has workers. */
class FpmClients implements Workers {
  readonly #pool: PhpFpm;
  readonly #target: Target;

  constructor(pool: PhpFpm, target: Target) {
    this.#pool = pool;
    this.#target = target;
  }

  get pids(): number[] {
    return this.#pool.workerPids();
  }

  async run(job: Job): Promise<WorkerReport[]> {
    const before = this.#cpuUs();
    const startedAt = performance.now();
    const until = startedAt + job.seconds * 1000;
    const latenciesUs: number[] = [];
    const messages = new Set<string>();
    let errors = 0;
    const one = async (): Promise<void> => {
      const sentAt = performance.now();
      const problem = await this.#request(job);
      latenciesUs.push(Math.round((performance.now() - sentAt) * 1000));
      if (problem === null) return;
      errors++;
      if (messages.size < maxMessages) messages.add(problem);
    };
    const client = async (): Promise<void> => {
      for (let i = 0; i < job.repeats && performance.now() < until; i++) await one();
    };
    await Promise.all(Array.from({ length: poolSize }, client));
    const wallUs = Math.round((performance.now() - startedAt) * 1000);
    return [{ latenciesUs, wallUs, cpuUs: this.#cpuUs() - before, errors, messages: [...messages] }];
  }

  /** Null, or what went wrong. */
  async #request(job: Job): Promise<string | null> {
    const query = new URLSearchParams({
      target: JSON.stringify(this.#target),
      path: job.path,
      calls: String(callsPerRequest),
      expect: String(job.expect),
    });
    try {
      const response = await this.#pool.request({ scriptFilename: script, queryString: query.toString() }, 60_000);
      return response.status === 200 && response.body === 'done' ? null : response.body || response.stderr;
    } catch (error) {
      return String(error);
    }
  }

  #cpuUs(): number {
    return this.#pool.workerPids().reduce((us, pid) => us + cpuMicroseconds(pid), 0);
  }

  /** The pool is another's to end. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
