// A TCP relay that makes the way long: each octet arrives later by a fixed time, and a connection opens as slowly.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class DelayRelay implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Relays to a port on this machine, `oneWayMs` later in each direction. */
  static async start(port: number, oneWayMs: number): Promise<DelayRelay> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', noDelay: true });
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        socket.on('error', () => {
          near.destroy();
          far.destroy();
        });
      }
      // The kernel accepts at once. The client's first octets wait for the round trip that SYN and its answer would take.
      delay(near, far, oneWayMs, performance.now() + 2 * oneWayMs);
      delay(far, near, oneWayMs, 0);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve);
    });
    return new DelayRelay(server, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Passes on what comes, and the end, in order and `ms` later, though not before `notBefore` plus `ms`. */
function delay(from: Socket, to: Socket, ms: number, notBefore: number): void {
  const queue: { at: number; act: () => void }[] = [];
  let isWaiting = false;
  const run = (): void => {
    isWaiting = false;
    while (queue[0] !== undefined && queue[0].at <= performance.now()) queue.shift()?.act();
    const next = queue[0];
    if (next !== undefined) wait(next.at - performance.now());
  };
  const later = (act: () => void): void => {
    queue.push({ at: Math.max(performance.now(), notBefore) + ms, act });
    if (!isWaiting) wait(ms);
  };
  const wait = (forMs: number): void => {
    isWaiting = true;
    setTimeout(run, Math.max(1, forMs));
  };
  from.on('data', (chunk) => later(() => to.write(chunk)));
  from.once('end', () => later(() => to.end()));
  from.once('close', () => later(() => to.end()));
}
