// A real PHP-FPM with a fixed number of workers, for one test.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { startProcess, type TestProcess } from './child-process.ts';
import { type FastCgiRequest, type FastCgiResponse, requestFastCgi } from './fastcgi.ts';
import { eventually } from './poll.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';

export interface PhpFpmOptions {
  readonly workers: number;
  /** Lines for the pool, such as `php_admin_value[max_execution_time] = 1` or `env[HAWSER_SOCKET] = /…`. */
  readonly pool?: readonly string[];
}

export class PhpFpm implements AsyncDisposable {
  readonly socket: string;
  readonly #process: TestProcess;
  readonly #directory: TemporaryDirectory;

  private constructor(process: TestProcess, directory: TemporaryDirectory) {
    this.#process = process;
    this.#directory = directory;
    this.socket = directory.file('fpm.sock');
  }

  /** Starts the pool and waits until it accepts. */
  static async start(options: PhpFpmOptions): Promise<PhpFpm> {
    const directory = createTemporaryDirectory();
    const configFile = directory.file('fpm.conf');
    const isRoot = process.getuid?.() === 0;
    const config = [
      '[global]',
      'daemonize = no',
      `error_log = ${directory.file('fpm.log')}`,
      '[www]',
      ...(isRoot ? ['user = root', 'group = root'] : []),
      `listen = ${directory.file('fpm.sock')}`,
      'pm = static',
      `pm.max_children = ${options.workers}`,
      'catch_workers_output = yes',
      ...(options.pool ?? []),
    ];
    writeFileSync(configFile, `${config.join('\n')}\n`);
    const args = ['--nodaemonize', '--fpm-config', configFile, ...(isRoot ? ['--allow-to-run-as-root'] : [])];
    const fpm = new PhpFpm(await startProcess(findPhpFpm(), args), directory);
    try {
      await eventually(() => existsSync(fpm.socket));
    } catch (error) {
      await fpm[Symbol.asyncDispose]();
      throw error;
    }
    return fpm;
  }

  /** Process ids of the workers as they are now. */
  workerPids(): number[] {
    const { pid } = this.#process;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children.trim().split(/\s+/).filter(Boolean).map(Number);
  }

  request(request: FastCgiRequest, withinMs?: number): Promise<FastCgiResponse> {
    return requestFastCgi(this.socket, request, withinMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGQUIT would wait for the workers; SIGTERM ends them at once.
    await this.#process.stop('SIGTERM');
    this.#directory.remove();
  }
}

/** Debian names the binary after its version, others do not. */
function findPhpFpm(): string {
  const names = ['php-fpm', 'php-fpm8.5', 'php-fpm8.4', 'php-fpm8.3', 'php-fpm8.2'];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name);
  }
  throw new Error(`no php-fpm found: tried ${names.join(', ')} in PATH, /usr/sbin and /usr/local/sbin`);
}
