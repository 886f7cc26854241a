// The origin that all contenders talk to: nginx with one worker, which counts connections and handshakes.

import { closeSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { CertificateAuthority, eventually, type TestProcess, writeCertificate } from '@hawser/testkit';
import { writeConfigFile } from './config-file.ts';
import { findFreePort } from './free-port.ts';
import { programPath } from './programs.ts';
import { SlowBackend } from './slow-backend.ts';
import { endTree, startTied } from './tied-process.ts';

export interface OriginCounts {
  /** Accepted by the kernel for the origin since it started. */
  readonly tcpConnections: number;
  /** Connections on which TLS was agreed and a request came. */
  readonly tlsHandshakes: number;
  /** Those of them that resumed a TLS session. */
  readonly tlsResumed: number;
}

/** Paths of PEM files. */
export interface OriginCertificate {
  readonly cert: string;
  readonly key: string;
  /** The authority that signed it. */
  readonly ca: string;
}

/** One certificate for `localhost`, for every origin of a run: brokers that outlive an origin trust the next one too. */
export async function createOriginCertificate(directory: string): Promise<OriginCertificate> {
  const authority = await CertificateAuthority.create();
  const ca = join(directory, 'ca.pem');
  writeFileSync(ca, authority.cert);
  return { ca, ...writeCertificate(directory, 'origin', await authority.issue()) };
}

export interface OriginOptions {
  /** Where it listens; default 127.0.0.1, on any free port. */
  readonly address?: string;
  readonly port?: number;
  /** How a program is started: in a network namespace, for one. Default: as a child like any other. */
  readonly start?: (command: string, args: readonly string[]) => Promise<TestProcess>;
}

export const smallBytes = 512;
export const bodyBytes = { '64KiB': 64 * 1024, '10MiB': 10 * 1024 * 1024 } as const;
/** What the origin answers to an upload, and after a `/slow?ms=`. */
export const shortAnswerBytes = 5;

const portTries = 5;

export class Origin implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly #process: TestProcess;
  readonly #slow: SlowBackend;
  #controlConnections = 0;
  #logOffset = 0;
  #handshakes = 0;
  #resumed = 0;

  private constructor(directory: string, port: number, process: TestProcess, slow: SlowBackend) {
    this.directory = directory;
    this.port = port;
    this.url = `https://localhost:${port}`;
    this.pid = process.pid;
    this.#process = process;
    this.#slow = slow;
  }

  /** Starts it in `directory`, which is made, and waits until it answers. */
  static async start(directory: string, certificate: OriginCertificate, options: OriginOptions = {}): Promise<Origin> {
    mkdirSync(join(directory, 'files'), { recursive: true });
    for (const [name, bytes] of Object.entries(bodyBytes)) {
      writeFileSync(join(directory, 'files', name), Buffer.alloc(bytes, 'hawser '));
    }
    writeFileSync(join(directory, 'connections.log'), '');
    const slow = await SlowBackend.start(join(directory, 'slow.sock'));
    const start = options.start ?? startTied;
    for (let left = portTries; ; left--) {
      const port = options.port ?? (await findFreePort());
      const address = options.address ?? '127.0.0.1';
      const values = { ...certificate, directory, address, port, small: 'x'.repeat(smallBytes) };
      const config = writeConfigFile('origin.nginx.conf', directory, values);
      const nginx = await start(programPath('nginx'), ['-p', directory, '-c', config, '-e', 'stderr']);
      const origin = new Origin(directory, port, nginx, slow);
      try {
        await eventually(() => origin.counts(), { withinMs: 30_000, everyMs: 20 });
        return origin;
      } catch (error) {
        await endTree(nginx);
        // Somebody else may have taken the port between the asking and the binding.
        if (left > 1 && nginx.stderr.includes('Address already in use')) continue;
        await slow[Symbol.asyncDispose]();
        throw new Error(`the origin did not start: ${nginx.stderr}`, { cause: error });
      }
    }
  }

  /** What it counted since it started. */
  async counts(): Promise<OriginCounts> {
    const status = await this.#status();
    this.#controlConnections++;
    const accepted = Number(/\n\s*(\d+) \d+ \d+/.exec(status)?.[1]);
    this.#readLog();
    return {
      tcpConnections: accepted - this.#controlConnections,
      tlsHandshakes: this.#handshakes,
      tlsResumed: this.#resumed,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endTree(this.#process);
    await this.#slow[Symbol.asyncDispose]();
  }

  #status(): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { agent: false, socketPath: join(this.directory, 'control.sock'), path: '/status' };
      const asked = request(options, (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (part: string) => {
            text += part;
          })
          .once('error', reject)
          .once('end', () => resolve(text));
      });
      asked.once('error', reject);
      asked.end();
    });
  }

  /** Reads on in the log where it stopped; a line is written with the first request of a connection. */
  #readLog(): void {
    const file = openSync(join(this.directory, 'connections.log'), 'r');
    const chunk = Buffer.alloc(64 * 1024);
    try {
      for (let read = -1; read !== 0; ) {
        read = readSync(file, chunk, 0, chunk.length, this.#logOffset);
        const end = chunk.subarray(0, read).lastIndexOf(10) + 1;
        if (end === 0) return;
        this.#logOffset += end;
        for (const line of chunk.toString('latin1', 0, end).split('\n')) {
          if (line === '') continue;
          this.#handshakes++;
          if (line.split(' ')[1] === 'r') this.#resumed++;
        }
      }
    } finally {
      closeSync(file);
    }
  }
}
