// An address and port where connecting neither succeeds nor fails, as with a host that is gone without a word.

import { connect, type Socket } from 'node:net';
import { startProcess, type TestProcess } from './child-process.ts';

/** Longer than loopback ever takes to accept. */
const acceptedWithinMs = 200;

const maxQueued = 16;

/**
 * A stopped process listens there, and its queue of connections is filled: the kernel drops whatever else knocks.
 * `await using hole = await BlackHole.start('127.0.0.3', port)` ends it.
 */
export class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly #listener: TestProcess;
  readonly #queued: readonly Socket[];

  private constructor(port: number, listener: TestProcess, queued: readonly Socket[]) {
    this.port = port;
    this.#listener = listener;
    this.#queued = queued;
  }

  static async start(host: string, port = 0): Promise<BlackHole> {
    const listen = { host, port, backlog: 1 };
    const script = `const server = require('node:net').createServer().listen(${JSON.stringify(listen)}, () => {
      console.log(server.address().port);
    });`;
    const listener = await startProcess(process.execPath, ['--eval', script]);
    const actualPort = Number(await listener.line());
    listener.signal('SIGSTOP');
    const queued: Socket[] = [];
    while (await fills(host, actualPort, queued)) {
      if (queued.length > maxQueued) throw new Error(`the queue of ${host}:${actualPort} does not fill`);
    }
    return new BlackHole(actualPort, listener, queued);
  }

  /** From now on connections are accepted, those included that have been trying: TCP repeats its SYN after a second. */
  release(): void {
    this.#listener.signal('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#queued) socket.destroy();
    await this.#listener[Symbol.asyncDispose]();
  }
}

/** Adds one connection to the queue; false where it does not come about any more. */
function fills(host: string, port: number, queued: Socket[]): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    queued.push(socket);
    const timer = setTimeout(() => resolve(false), acceptedWithinMs);
    socket.on('error', () => {});
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
