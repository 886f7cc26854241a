// An HTTP/1.1 origin in a thread of its own, which closes a kept connection while this thread stands still.

import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

const script = `
  const { createServer } = require('node:net');
  const { parentPort, workerData } = require('node:worker_threads');
  const isClosed = new Int32Array(workerData);
  const sockets = [];
  let requests = 0;
  const server = createServer((socket) => {
    const id = sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      requests++;
      const head = ['HTTP/1.1 200 OK', 'x-connection-id: ' + id, 'x-requests: ' + requests, 'content-length: 2'];
      socket.write(head.join('\\r\\n') + '\\r\\n\\r\\nok');
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => sockets.at(-1).end(() => {
    Atomics.store(isClosed, 0, 1);
    Atomics.notify(isClosed, 0);
  }));
`;

/** Each answer says `x-connection-id` and, in `x-requests`, how many requests came in all. */
export class ClosingPeer implements AsyncDisposable {
  readonly port: number;
  readonly #worker: Worker;
  readonly #isClosed: Int32Array;

  private constructor(worker: Worker, isClosed: Int32Array, port: number) {
    this.#worker = worker;
    this.#isClosed = isClosed;
    this.port = port;
  }

  static async start(): Promise<ClosingPeer> {
    const isClosed = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(script, { eval: true, workerData: isClosed.buffer });
    const [port] = (await once(worker, 'message')) as [number];
    return new ClosingPeer(worker, isClosed, port);
  }

  /**
   * Closes its last connection. On return the FIN is in this side's socket, and the event loop has not seen it: what is
   * sent now meets the close on its way. In the `check` phase the loop looks at its sockets once more before what is due at
   * the end of the turn; in the `poll` phase, where requests come, it has looked already. A close that comes after the last
   * look is one that nobody can see.
   */
  async closeUnseen(phase: 'poll' | 'check'): Promise<void> {
    if (phase === 'check') await new Promise((resolve) => setImmediate(resolve));
    else await stat('/');
    this.#worker.postMessage('close');
    if (Atomics.wait(this.#isClosed, 0, 0, 5_000) === 'timed-out') throw new Error('not closed within 5 s');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
