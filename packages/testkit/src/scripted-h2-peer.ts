// An HTTP/2 server at frame level, for origins that misbehave: a script writes any frame, or any octets, at any moment.

import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { CertificatePair } from './certificates.ts';
import { encodeFields, type FrameInit, frameHeaderBytes, Http2Frame, http2Preface, writeFrame } from './h2-frame.ts';
import type { Http2CodeName } from './http2-codes.ts';
import { http2Code } from './http2-codes.ts';

export interface ScriptedPeerOptions {
  /** TLS with ALPN `h2`; default: cleartext. */
  readonly certificate?: CertificatePair;
  /** What is sent as soon as the client's preface came; default an empty SETTINGS. `null`: nothing at all. */
  readonly settings?: Readonly<Record<number, number>> | null;
  /** Acknowledges the client's SETTINGS and PING by itself; default true. */
  readonly acknowledges?: boolean;
  /** Renews the windows as DATA comes; default true. */
  readonly renewsWindows?: boolean;
}

/** Settings by number (RFC 9113 section 6.5.2). */
export const http2Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** Listens on a port of its own; each connection runs the script, and its end ends nothing else. */
export class ScriptedHttp2Peer {
  readonly port: number;
  readonly connections: PeerConnection[] = [];
  readonly #server: Server;
  /** TCP sockets by the port of the client's end. */
  readonly #sockets = new Map<number, Socket>();
  #error: unknown = null;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Starts it. `script` runs for each connection as soon as its transport is ready. */
  static async start(
    script: (connection: PeerConnection) => Promise<void> | void,
    options: ScriptedPeerOptions = {},
  ): Promise<ScriptedHttp2Peer> {
    const { certificate } = options;
    const server =
      certificate === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true })
        : createTlsServer({ ...certificate, ALPNProtocols: ['h2'], allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const peer = new ScriptedHttp2Peer(server, typeof address === 'object' && address !== null ? address.port : 0);
    server.on('connection', (socket: Socket) => peer.#sockets.set(socket.remotePort ?? 0, socket));
    server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      const connection = new PeerConnection(socket, options, peer.#sockets.get(socket.remotePort ?? 0));
      peer.connections.push(connection);
      Promise.resolve(script(connection)).catch((error: unknown) => {
        // A script that waits when its connection ends is not a failure of the test.
        if (!(error instanceof PeerConnectionEnded)) peer.#error ??= error;
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

/** What a script's wait ends with when the client closed the connection. */
export class PeerConnectionEnded extends Error {}

interface Waiter {
  readonly accept: (frame: Http2Frame) => boolean;
  readonly resolve: (frame: Http2Frame) => void;
  readonly reject: (error: Error) => void;
}

/** One connection, as the script sees it. */
export class PeerConnection {
  /** Every frame that came, in order. */
  readonly frames: Http2Frame[] = [];
  /** True once the client has closed its end. */
  hasEnded = false;
  readonly socket: Socket;
  readonly #transport: Socket;
  readonly #options: ScriptedPeerOptions;
  readonly #waiters: Waiter[] = [];
  #buffered: Buffer = Buffer.alloc(0);
  #hasPreface = false;
  #seen = 0;

  /** `transport` is the TCP socket below, where `socket` is TLS. */
  constructor(socket: Socket, options: ScriptedPeerOptions, transport = socket) {
    this.socket = socket;
    this.#transport = transport;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => {});
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /** The next frame, not seen by an earlier `next`, that `accept` takes; frames before it count as seen. */
  next(accept: (frame: Http2Frame) => boolean): Promise<Http2Frame> {
    for (; this.#seen < this.frames.length; this.#seen++) {
      const frame = this.frames[this.#seen] as Http2Frame;
      if (accept(frame)) {
        this.#seen++;
        return Promise.resolve(frame);
      }
    }
    if (this.hasEnded) return Promise.reject(new PeerConnectionEnded('the client closed the connection'));
    return new Promise((resolve, reject) => this.#waiters.push({ accept, resolve, reject }));
  }

  /** The next request's HEADERS frame. */
  request(): Promise<Http2Frame> {
    return this.next((frame) => frame.type === 'HEADERS');
  }

  send(frame: FrameInit): void {
    this.write(writeFrame(frame));
  }

  /** Any octets: half a frame, or nonsense. */
  write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  settings(settings: Readonly<Record<number, number>> = {}): void {
    const entries = Object.entries(settings);
    const payload = Buffer.alloc(entries.length * 6);
    entries.forEach(([id, value], index) => {
      payload.writeUInt16BE(Number(id), index * 6);
      payload.writeUInt32BE(value, index * 6 + 2);
    });
    this.send({ type: 'SETTINGS', streamId: 0, payload });
  }

  /** HEADERS with the fields as literals, never indexed. */
  headers(streamId: number, fields: readonly string[], options: { endStream?: boolean } = {}): void {
    const flags = 0x4 | (options.endStream === true ? 0x1 : 0);
    this.send({ type: 'HEADERS', streamId, flags, payload: encodeFields(fields) });
  }

  data(streamId: number, payload: Buffer | string, options: { endStream?: boolean } = {}): void {
    const flags = options.endStream === true ? 0x1 : 0;
    this.send({ type: 'DATA', streamId, flags, payload: Buffer.from(payload) });
  }

  /** A whole small response. */
  respond(streamId: number, body = 'hello', fields: readonly string[] = [], status = '200'): void {
    this.headers(streamId, [':status', status, ...fields]);
    this.data(streamId, body, { endStream: true });
  }

  reset(streamId: number, code: Http2CodeName | number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(numberOf(code));
    this.send({ type: 'RST_STREAM', streamId, payload });
  }

  goaway(lastStreamId: number, code: Http2CodeName | number = 'NO_ERROR'): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(lastStreamId);
    payload.writeUInt32BE(numberOf(code), 4);
    this.send({ type: 'GOAWAY', streamId: 0, payload });
  }

  windowUpdate(streamId: number, increment: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(increment);
    this.send({ type: 'WINDOW_UPDATE', streamId, payload });
  }

  /** Closes this end in order: FIN. */
  end(): void {
    this.socket.end();
  }

  /** Breaks the connection: RST. */
  break(): void {
    this.#transport.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    if (!this.#hasPreface) {
      if (this.#buffered.length < http2Preface.length) return;
      this.#buffered = this.#buffered.subarray(http2Preface.length);
      this.#hasPreface = true;
      if (this.#options.settings !== null) this.settings(this.#options.settings);
    }
    while (this.#buffered.length >= frameHeaderBytes) {
      const length = this.#buffered.readUIntBE(0, 3) + frameHeaderBytes;
      if (this.#buffered.length < length) return;
      const frame = new Http2Frame(this.#buffered.subarray(0, length));
      this.#buffered = this.#buffered.subarray(length);
      this.#frame(frame);
    }
  }

  #frame(frame: Http2Frame): void {
    this.frames.push(frame);
    if (this.#options.acknowledges !== false && !frame.isAck) {
      if (frame.type === 'SETTINGS') this.send({ type: 'SETTINGS', streamId: 0, flags: 0x1 });
      if (frame.type === 'PING') this.send({ type: 'PING', streamId: 0, flags: 0x1, payload: frame.payload });
    }
    if (this.#options.renewsWindows !== false && frame.type === 'DATA' && frame.payload.length > 0) {
      this.windowUpdate(0, frame.payload.length);
      if (!frame.isEndStream) this.windowUpdate(frame.streamId, frame.payload.length);
    }
    const index = this.#waiters.findIndex((waiter) => waiter.accept(frame));
    if (index < 0) return;
    this.#seen = this.frames.length;
    const [waiter] = this.#waiters.splice(index, 1);
    waiter?.resolve(frame);
  }

  #end(): void {
    this.hasEnded = true;
    for (const waiter of this.#waiters.splice(0)) {
      waiter.reject(new PeerConnectionEnded('the client closed the connection'));
    }
  }
}

function numberOf(code: Http2CodeName | number): number {
  return typeof code === 'number' ? code : http2Code[code];
}
