// `hawser request`: one request through a running broker, for a shell.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import {
  type ClientFrame,
  type ExchangeFacts,
  encodeFrame,
  type Fields,
  type Frame,
  FrameDecoder,
  FrameType,
  initialWindowBytes,
  maxDataBytes,
  nonceBytes,
  WireError,
  wireVersion,
} from '@hawser/protocol';
import { brokerAgent } from './version.ts';

export interface RequestOptions {
  readonly method?: string;
  readonly header: string[];
  readonly data?: string;
  readonly include?: boolean;
  readonly facts?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly socket: string;
}

/** Room beyond the exchange's own time for the broker to say that it is over. */
const graceMs = 1_000;

/** Prints the body to standard output. Resolves to the exit code: 0 for any response, 1 for an error. */
export function runRequest(url: string, options: RequestOptions): Promise<number> {
  let body: Buffer | null;
  try {
    body = readBody(options.data);
  } catch (error) {
    return Promise.resolve(complain(`cannot read the body: ${(error as Error).message}`));
  }
  return new Promise((resolve) => {
    const socket = connect(options.socket);
    let isOver = false;
    let isConnected = false;
    const end = (code: number) => {
      isOver = true;
      socket.destroy();
      clearTimeout(timer);
      resolve(code);
    };
    const fail = (message: string) => {
      if (!isOver) end(complain(message));
    };
    const timer = setTimeout(() => fail(`no answer within ${options.timeout} ms`), options.timeout + graceMs);
    const call = new Call(socket, options, end);
    const decoder = new FrameDecoder({ from: 'broker' });
    socket.on('connect', () => {
      isConnected = true;
      attempt(() => call.send(url, body), fail);
    });
    socket.on('data', (chunk) => {
      if (!isOver) attempt(() => decoder.push(chunk, call.onFrame), fail);
    });
    socket.on('error', (error) =>
      fail(
        `${isConnected ? 'the connection to the broker failed' : `no broker on ${options.socket}`}: ${error.message}`,
      ),
    );
    socket.on('close', () => fail('the broker closed the connection before the response was whole'));
    // `hawser request … | head` closes the pipe early.
    process.stdout.on('error', (error) => fail(`cannot write the answer: ${error.message}`));
  });
}

/** Frames that cannot be encoded or decoded end the call, not the process. */
function attempt(step: () => void, fail: (message: string) => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    fail(error.message);
  }
}

function readBody(data: string | undefined): Buffer | null {
  if (data === undefined) return null;
  if (!data.startsWith('@')) return Buffer.from(data);
  return readFileSync(data === '@-' ? 0 : data.slice(1));
}

/** The one exchange: request out, answer to standard output, windows both ways. */
class Call {
  readonly #socket: Socket;
  readonly #options: RequestOptions;
  readonly #end: (code: number) => void;
  #upload: Buffer | null = null;
  #windowBytes = initialWindowBytes;

  constructor(socket: Socket, options: RequestOptions, end: (code: number) => void) {
    this.#socket = socket;
    this.#options = options;
    this.#end = end;
  }

  send(url: string, body: Buffer | null): void {
    const isWhole = body === null || body.length <= maxDataBytes;
    this.#write({ type: FrameType.hello, nonce: randomBytes(nonceBytes), version: wireVersion, agent: brokerAgent });
    this.#write({
      type: FrameType.request,
      exchangeId: 1,
      end: isWhole,
      timeoutMs: this.#options.timeout,
      method: octets(this.#options.method ?? (body === null ? 'GET' : 'POST')),
      url: octets(url),
      fields: this.#options.header.map(octets),
      body: isWhole ? body : null,
    });
    if (isWhole) return;
    this.#upload = body;
    this.#continueUpload();
  }

  onFrame = (frame: Frame): void => {
    switch (frame.type) {
      case FrameType.informational:
        this.#printHead(frame.status, frame.fields);
        break;
      case FrameType.response:
        this.#printHead(frame.status, frame.fields);
        if (frame.body !== null) this.#printBody(frame.body);
        if (frame.end) this.#done(frame.facts);
        break;
      case FrameType.data:
        this.#printBody(frame.payload);
        break;
      case FrameType.end:
        this.#done(frame.facts);
        break;
      case FrameType.window:
        this.#windowBytes += frame.increment;
        this.#continueUpload();
        break;
      case FrameType.error:
        this.#end(complain(`${frame.name} (${frame.code}): ${frame.message}; processed: ${frame.processed}`));
        break;
      case FrameType.ping:
        this.#write({ type: FrameType.pong, payload: frame.payload });
        break;
      default:
        // WELCOME, PONG and GOAWAY change nothing for a single exchange.
        break;
    }
  };

  #continueUpload(): void {
    while (this.#upload !== null && this.#windowBytes > 0) {
      const payload = this.#upload.subarray(0, Math.min(maxDataBytes, this.#windowBytes));
      const rest = this.#upload.subarray(payload.length);
      this.#write({ type: FrameType.data, exchangeId: 1, payload });
      this.#windowBytes -= payload.length;
      this.#upload = rest.length === 0 ? null : rest;
      if (rest.length === 0) this.#write({ type: FrameType.end, exchangeId: 1, trailers: [], facts: null });
    }
  }

  #printHead(status: number, fields: Fields): void {
    if (!this.#options.include) return;
    let text = `${status}\n`;
    for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\n`;
    process.stdout.write(`${text}\n`, 'latin1');
  }

  #printBody(bytes: Buffer): void {
    // The window opens again when standard output has taken the bytes, so a slow pipe slows the origin.
    process.stdout.write(bytes, () => {
      if (!this.#socket.destroyed) this.#write({ type: FrameType.window, exchangeId: 1, increment: bytes.length });
    });
  }

  #done(facts: ExchangeFacts | null): void {
    if (this.#options.facts) process.stderr.write(`${JSON.stringify(facts)}\n`);
    this.#end(0);
  }

  #write(frame: ClientFrame): void {
    this.#socket.write(encodeFrame(frame));
  }
}

/** The shell's UTF-8, one character per octet as the wire has it. */
function octets(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function complain(message: string): number {
  process.stderr.write(`hawser: ${message}\n`);
  return 1;
}
