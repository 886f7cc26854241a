// Holds answers back behind the origin: `/slow?ms=N` is answered after N milliseconds.

import { chmodSync } from 'node:fs';
import { createServer, type Server } from 'node:http';

const answer = 'later';
const defaultMs = 100;

export class SlowBackend implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a Unix socket. */
  static async start(socketPath: string): Promise<SlowBackend> {
    const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
      const query = new URLSearchParams(request.url?.split('?')[1] ?? '');
      const timer = setTimeout(() => response.end(answer), Number(query.get('ms') ?? defaultMs));
      response.once('close', () => clearTimeout(timer));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: socketPath, backlog: 4096 }, resolve);
    });
    // For nginx's workers, which are another user's where the bench is root's.
    chmodSync(socketPath, 0o666);
    return new SlowBackend(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
