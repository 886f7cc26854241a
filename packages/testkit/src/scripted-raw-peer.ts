// A TCP or TLS server whose script reads and writes raw octets: HTTP/1.1 origins that misbehave, or no HTTP at all.

import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { CertificatePair } from './certificates.ts';

export interface RawPeerOptions {
  /** TLS; default: cleartext. */
  readonly certificate?: CertificatePair;
  /** What ALPN offers; default `http/1.1`. */
  readonly alpn?: readonly string[];
}

/** One connection, as the script sees it. */
export class RawConnection {
  readonly socket: Socket;
  /** Everything that came. */
  received: Buffer = Buffer.alloc(0);
  hasEnded = false;
  #onChange: (() => void) | null = null;
  readonly #transport: Socket;

  /** `transport` is the TCP socket below, where `socket` is TLS. */
  constructor(socket: Socket, transport = socket) {
    this.socket = socket;
    this.#transport = transport;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#onChange?.();
    });
    const end = (): void => {
      this.hasEnded = true;
      this.#onChange?.();
    };
    socket.on('error', () => {});
    socket.on('end', end);
    socket.on('close', end);
  }

  /** Takes the octets up to and with `marker` (default: the end of a head); what came after stays. Null at the end. */
  async readThrough(marker = '\r\n\r\n'): Promise<string | null> {
    for (;;) {
      const at = this.received.indexOf(marker);
      if (at >= 0) {
        const text = this.received.toString('latin1', 0, at + marker.length);
        this.received = this.received.subarray(at + marker.length);
        return text;
      }
      if (this.hasEnded) return null;
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
      this.#onChange = null;
    }
  }

  write(text: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(text);
  }

  /** Closes this end in order: FIN. */
  end(text = ''): void {
    this.socket.end(text);
  }

  /** Closes this end without a word of TLS: FIN, and no close_notify. */
  endWithoutCloseNotify(): void {
    this.#transport.end();
  }

  /** Breaks the connection: RST. */
  break(): void {
    this.#transport.resetAndDestroy();
  }
}

export class ScriptedRawPeer {
  readonly port: number;
  readonly connections: RawConnection[] = [];
  readonly #server: Server;
  /** TCP sockets by the port of the client's end. */
  readonly #sockets = new Map<number, Socket>();
  #error: unknown = null;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Starts it on a port of its own. `script` runs for each connection as soon as its transport is ready. */
  static async start(
    script: (connection: RawConnection) => Promise<void> | void,
    options: RawPeerOptions = {},
  ): Promise<ScriptedRawPeer> {
    const { certificate, alpn = ['http/1.1'] } = options;
    const server =
      certificate === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true })
        : createTlsServer({ ...certificate, ALPNProtocols: [...alpn], allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const peer = new ScriptedRawPeer(server, typeof address === 'object' && address !== null ? address.port : 0);
    server.on('connection', (socket: Socket) => peer.#sockets.set(socket.remotePort ?? 0, socket));
    server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      const connection = new RawConnection(socket, peer.#sockets.get(socket.remotePort ?? 0));
      peer.connections.push(connection);
      Promise.resolve(script(connection)).catch((error: unknown) => {
        peer.#error ??= error;
      });
    });
    return peer;
  }

  /** Closes everything; throws what a script threw. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets.values()) socket.destroy();
    await closed;
    if (this.#error !== null) throw this.#error;
  }
}
