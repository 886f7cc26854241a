// What stands behind the servers that forward: counts how often each request id was acted on, and echoes bodies.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contents } from './contents.ts';

/** Cleartext HTTP/1.1 on 127.0.0.1. It never closes a connection, so that no failure of a run is one between the two servers. */
export class CountingOrigin implements AsyncDisposable {
  readonly #server: Server;
  /** How often each id of `?id=` came by POST, with a whole body. */
  readonly executions = new Map<string, number>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => this.#answer(request, response));
  }

  static async start(): Promise<CountingOrigin> {
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve);
    });
    return new CountingOrigin(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://origin');
      const id = searchParams.get('id');
      if (id !== null && request.method === 'POST') this.executions.set(id, (this.executions.get(id) ?? 0) + 1);
      if (pathname === '/echo') respond(response, 200, Buffer.concat(chunks));
      else if (pathname === '/small') respond(response, 200, contents.small);
      else if (pathname === '/large') respond(response, 200, contents.large);
      else respond(response, 404, Buffer.from(`nothing at ${pathname}\n`));
    });
  }
}

function respond(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { 'content-type': 'application/octet-stream', 'content-length': body.length });
  response.end(body);
}
