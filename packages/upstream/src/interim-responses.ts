// Takes interim responses (RFC 9110 section 15.2) out of what is read from an HTTP/1.1 connection, before its parser sees them.

import type { Socket } from 'node:net';

/** Gets the raw field lines: name, value, name, value, … */
export type OnInterim = (status: number, raw: readonly Buffer[]) => void;

/** What comes before a status of 1xx, as far as it is the same for all. A digit stands for the minor version. */
const interimStart = /^HTTP\/1\.\d 1/;
const statusLine = /^HTTP\/1\.\d (1\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;
const startLength = 'HTTP/1.1 1'.length;
const headEnd = Buffer.from('\r\n\r\n');

/**
 * undici ends the connection over a 100 that nobody asked for, and over an interim response with `connection: close`,
 * after which it wants no more. Both are allowed: a client must be able to parse any number of interim responses, and the
 * connection option is about the final one. So they are read here, and undici gets the final response alone.
 *
 * It stands between socket and parser by replacing the socket's `read`. What is not plainly an interim response, 101
 * included, goes on as it came: the parser judges it.
 */
export class InterimResponses {
  readonly #socket: Socket;
  readonly #maxHeadBytes: number;
  #onInterim: OnInterim | null = null;
  #held: Buffer | null = null;

  constructor(socket: Socket, maxHeadBytes: number) {
    this.#socket = socket;
    this.#maxHeadBytes = maxHeadBytes;
    const read = socket.read.bind(socket);
    // Streams call `read(0)` themselves to get more into their buffer; only whoever takes octets calls it without a size.
    socket.read = (size?: number) => (size === undefined ? this.#filter(read()) : read(size));
  }

  /** A request goes out: the octets that come next are the head of its response, or of interim ones before it. */
  expectHead(onInterim: OnInterim): void {
    this.#onInterim = onInterim;
  }

  #filter(chunk: Buffer | null): Buffer | null {
    if (this.#onInterim === null || chunk === null) return chunk;
    let octets = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    for (;;) {
      if (octets.length === 0) return null;
      const start = octets.toString('latin1', 0, startLength);
      const isCut =
        octets.length < startLength &&
        'HTTP/1.'.startsWith(start.slice(0, 7)) &&
        /^(?:\d(?: )?)?$/.test(start.slice(7));
      if (!isCut && !interimStart.test(start)) return this.#passOn(octets);
      const end = isCut ? -1 : octets.indexOf(headEnd);
      if (end < 0) {
        if (octets.length > this.#maxHeadBytes) return this.#passOn(octets);
        this.#held = octets;
        return null;
      }
      const head = parse(octets.toString('latin1', 0, end));
      if (head === null) return this.#passOn(octets);
      octets = octets.subarray(end + headEnd.length);
      this.#onInterim(head.status, head.raw);
      if (this.#socket.destroyed) return null;
    }
  }

  #passOn(octets: Buffer): Buffer {
    this.#onInterim = null;
    return octets;
  }
}

/** Null for what is not an interim response by the letter. */
function parse(head: string): { readonly status: number; readonly raw: Buffer[] } | null {
  const [first = '', ...lines] = head.split('\r\n');
  const status = Number(statusLine.exec(first)?.[1] ?? 0);
  if (status === 0 || status === 101) return null;
  const raw: Buffer[] = [];
  for (const line of lines) {
    const field = fieldLine.exec(line);
    if (field === null) return null;
    raw.push(Buffer.from(field[1] as string, 'latin1'), Buffer.from(field[2] as string, 'latin1'));
  }
  return { status, raw };
}
