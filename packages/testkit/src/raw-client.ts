// A client of the broker that writes whatever bytes a test wants and sees every frame and every read.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type ClientFrame,
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  nonceBytes,
  wireVersion,
} from '@hawser/protocol';

export class RawClient implements Disposable {
  /** Frames that came and were not taken by `next`. */
  readonly frames: Frame[] = [];
  /** Chunks that the socket delivered: one for each write of the broker, if it was not joined with others. */
  reads = 0;
  isClosed = false;
  /** Called with each frame that comes; those it takes (true) are not kept in `frames`. */
  onFrame: (frame: Frame) => boolean = () => false;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder({ from: 'broker' });
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.reads++;
      this.#decoder.push(chunk, (frame) => {
        if (!this.onFrame(frame)) this.frames.push(frame);
      });
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake?.();
    });
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Writes frames and raw bytes as one write. */
  send(...parts: (ClientFrame | Buffer)[]): void {
    this.#socket.write(Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : encodeFrame(part)))));
  }

  /** The first frame that `accept` takes, of those that came already or come within `withinMs`. */
  async next<T extends Frame>(accept: (frame: Frame) => frame is T, withinMs?: number): Promise<T>;
  async next(accept: (frame: Frame) => boolean, withinMs?: number): Promise<Frame>;
  async next(accept: (frame: Frame) => boolean, withinMs = 5000): Promise<Frame> {
    const until = performance.now() + withinMs;
    for (;;) {
      const index = this.frames.findIndex(accept);
      if (index >= 0) return this.frames.splice(index, 1)[0] as Frame;
      const leftMs = until - performance.now();
      if (this.isClosed || leftMs <= 0) {
        const types = this.frames.map((frame) => frame.type).join(', ');
        throw new Error(
          `no such frame: ${this.isClosed ? 'the connection closed' : `${withinMs} ms passed`}; came: ${types}`,
        );
      }
      await this.#somethingWithin(leftMs);
    }
  }

  /** Resolves when the broker has closed the connection. */
  async closed(withinMs = 5000): Promise<void> {
    const until = performance.now() + withinMs;
    while (!this.isClosed) {
      if (performance.now() >= until) throw new Error(`the connection is open after ${withinMs} ms`);
      await this.#somethingWithin(until - performance.now());
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #somethingWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

/** A HELLO as the PHP client sends it, with a nonce of its own. */
export function hello(nonce = randomBytes(nonceBytes)): ClientFrame {
  return { type: FrameType.hello, nonce, version: wireVersion, agent: 'testkit' };
}

/** A GET whose body is whole, with the parts that matter to the test. */
export function get(exchangeId: number, url: string): ClientFrame {
  return { type: FrameType.request, exchangeId, end: true, timeoutMs: 0, method: 'GET', url, fields: [], body: null };
}
