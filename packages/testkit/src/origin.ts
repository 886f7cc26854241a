// An honest origin: HTTP/2 and HTTP/1.1 on one port by ALPN, or both in cleartext; it counts what clients do.

import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { constants, performServerHandshake, type ServerHttp2Session, type Settings } from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { CertificateAuthority, type CertificatePair } from './certificates.ts';
import { http2CodeName } from './http2-codes.ts';
import { answer, type OriginControl } from './origin-answers.ts';
import { Http1OriginRequest, Http2OriginRequest, type OriginConnection } from './origin-request.ts';

export interface TestOriginOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Cleartext: HTTP/1.1, and HTTP/2 by prior knowledge. Default false. */
  readonly plain?: boolean;
  /** What ALPN offers (in cleartext: what is taken); default both. */
  readonly protocols?: readonly ('h2' | 'http/1.1')[];
  /** Default: a fresh authority and a leaf for localhost. */
  readonly certificate?: CertificatePair;
  /** Highest TLS version that is spoken; default: the newest. */
  readonly maxVersion?: 'TLSv1.2';
  /** PEM of an authority: clients must show a certificate that it signed. */
  readonly clientCa?: string;
  /** The origin's HTTP/2 settings, e.g. `{ maxConcurrentStreams: 10 }`. */
  readonly settings?: Settings;
  /** Idle time after which an HTTP/1.1 connection is closed; default 0: never. */
  readonly keepAliveTimeoutMs?: number;
}

export interface OriginStats {
  /** TCP connections accepted. */
  connections: number;
  openConnections: number;
  /** TLS handshakes completed; `resumed` of them took up an older TLS session. */
  handshakes: number;
  resumed: number;
  handshakeErrors: number;
  /** HTTP/2 sessions. */
  sessions: number;
  /** Requests other than `/stats`. */
  requests: number;
  openRequests: number;
  /** Most requests open at once. */
  maxOpenRequests: number;
  /** HTTP/2 streams that clients reset, by error code name. */
  resets: Record<string, number>;
  /** HTTP/1.1 responses that clients did not wait for. */
  aborted: number;
  /** Body octets that `/bytes` has written. */
  bodyBytesSent: number;
  /** Body octets that `/inspect` has read. */
  bodyBytesReceived: number;
}

/** Generous, so that it is the client's limits that a test meets. */
const maxFieldSectionBytes = 4 * 1024 * 1024;
const maxFieldLines = 20_000;

const prefaceStart = Buffer.from('PRI * HTTP/2.0');

/** An origin on a port of its own. Every answer says `x-connection-id`, `x-request-ordinal` and `x-protocol`. */
export class TestOrigin implements OriginControl {
  readonly port: number;
  /** `https://localhost:PORT`, or `http://…`. */
  readonly url: string;
  /** PEM to trust; empty in cleartext, or where the certificate was given. */
  readonly ca: string;
  readonly #server: Server;
  readonly #options: TestOriginOptions;
  readonly #http1: HttpServer;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #connections = new WeakMap<Socket, OriginConnection>();
  #connectionIds = 0;
  #stats = emptyStats();

  private constructor(server: Server, options: TestOriginOptions, ca: string) {
    this.#server = server;
    this.#options = options;
    this.ca = ca;
    this.port = (server.address() as AddressInfo).port;
    this.url = `${options.plain === true ? 'http' : 'https'}://localhost:${this.port}`;
    this.#http1 = createHttpServer({
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 0,
      requestTimeout: 0,
      maxHeaderSize: maxFieldSectionBytes,
    });
    this.#http1.maxHeadersCount = maxFieldLines;
    this.#http1.on('request', (request, response) => {
      const seen = new Http1OriginRequest(request, response, this.#connectionOf(request.socket));
      this.#count(seen.target, 1);
      response.once('close', () => {
        this.#count(seen.target, -1);
        if (!response.writableFinished && !seen.resetHere) this.#stats.aborted++;
      });
      answer(seen, this);
    });
    this.#http1.on('clientError', (_error, socket) => socket.destroy());
    server.on('connection', (socket: Socket) => this.#accept(socket));
    server.on('secureConnection', (socket: TLSSocket) => this.#secured(socket));
    server.on('tlsClientError', () => this.#stats.handshakeErrors++);
  }

  static async start(options: TestOriginOptions = {}): Promise<TestOrigin> {
    let ca = '';
    let certificate = options.certificate;
    if (certificate === undefined && options.plain !== true) {
      const authority = await CertificateAuthority.create();
      certificate = await authority.issue();
      ca = authority.cert;
    }
    const clientAuth = options.clientCa === undefined ? {} : { requestCert: true, ca: options.clientCa };
    const server =
      certificate === undefined
        ? createNetServer({ noDelay: true })
        : createTlsServer({
            ...certificate,
            ...clientAuth,
            ...(options.maxVersion !== undefined && { maxVersion: options.maxVersion }),
            noDelay: true,
            ALPNProtocols: [...(options.protocols ?? ['h2', 'http/1.1'])],
          });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1', backlog: 1024 }, resolve);
    });
    return new TestOrigin(server, options, ca);
  }

  stats(): OriginStats {
    return { ...this.#stats, resets: { ...this.#stats.resets } };
  }

  statsJson(): string {
    return JSON.stringify(this.#stats);
  }

  /** Starts counting anew; what is open now stays counted as open. */
  resetStats(): void {
    const { openConnections, openRequests } = this.#stats;
    this.#stats = { ...emptyStats(), openConnections, openRequests, maxOpenRequests: openRequests };
  }

  /** Announces GOAWAY on every HTTP/2 session; what runs is finished. */
  goaway(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Changes the HTTP/2 settings of every open session. */
  changeSettings(settings: Settings): void {
    for (const session of this.#sessions) session.settings(settings);
  }

  /** Breaks every connection, without a word. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  countBody(sent: number, received: number): void {
    this.#stats.bodyBytesSent += sent;
    this.#stats.bodyBytesReceived += received;
  }

  after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#http1.closeAllConnections();
    this.#http1.close();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#stats.connections++;
    this.#stats.openConnections++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#stats.openConnections--;
    });
    if (this.#options.plain === true) socket.once('readable', () => this.#sniff(socket));
  }

  #secured(socket: TLSSocket): void {
    this.#stats.handshakes++;
    if (socket.isSessionReused()) this.#stats.resumed++;
    socket.on('error', () => {});
    if (socket.alpnProtocol === 'h2') this.#serveHttp2(socket);
    else this.#http1.emit('connection', socket);
  }

  /** Tells the protocols apart by the first octets; a test's client sends its preface in one write. */
  #sniff(socket: Socket): void {
    const first = socket.read() as Buffer | null;
    if (first === null) return;
    const protocols = this.#options.protocols ?? ['h2', 'http/1.1'];
    const isHttp2 = first.subarray(0, prefaceStart.length).equals(prefaceStart);
    socket.unshift(first);
    if (!protocols.includes(isHttp2 ? 'h2' : 'http/1.1')) socket.destroy();
    else if (isHttp2) this.#serveHttp2(socket);
    else this.#http1.emit('connection', socket);
  }

  #serveHttp2(socket: Socket): void {
    this.#stats.sessions++;
    const session = performServerHandshake(socket, {
      settings: { maxHeaderListSize: maxFieldSectionBytes, ...this.#options.settings },
      maxHeaderListPairs: maxFieldLines,
      maxSendHeaderBlockLength: maxFieldSectionBytes,
    });
    const connection = this.#connectionOf(socket);
    this.#sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => this.#sessions.delete(session));
    session.on('stream', (stream, _headers, _flags, rawHeaders: string[]) => {
      const request = new Http2OriginRequest(stream, rawHeaders, connection);
      this.#count(request.target, 1);
      stream.on('error', () => {});
      stream.on('trailers', (_trailers, _flags, rawTrailers: string[]) => {
        request.trailers = rawTrailers;
      });
      stream.once('close', () => {
        this.#count(request.target, -1);
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && !request.resetHere) {
          const name = http2CodeName(stream.rstCode);
          this.#stats.resets[name] = (this.#stats.resets[name] ?? 0) + 1;
        }
      });
      answer(request, this);
    });
  }

  #connectionOf(socket: Socket): OriginConnection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      connection = { id: ++this.#connectionIds, requests: 0 };
      this.#connections.set(socket, connection);
    }
    return connection;
  }

  #count(target: string, step: 1 | -1): void {
    if (target.startsWith('/stats')) return;
    const stats = this.#stats;
    stats.openRequests += step;
    if (step < 0) return;
    stats.requests++;
    if (stats.openRequests > stats.maxOpenRequests) stats.maxOpenRequests = stats.openRequests;
  }
}

function emptyStats(): OriginStats {
  return {
    connections: 0,
    openConnections: 0,
    handshakes: 0,
    resumed: 0,
    handshakeErrors: 0,
    sessions: 0,
    requests: 0,
    openRequests: 0,
    maxOpenRequests: 0,
    resets: {},
    aborted: 0,
    bodyBytesSent: 0,
    bodyBytesReceived: 0,
  };
}
