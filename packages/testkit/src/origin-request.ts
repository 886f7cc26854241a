// One request at the test origin, the same to look at whether it came by HTTP/1.1 or HTTP/2.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Readable, Writable } from 'node:stream';

/** Field lines in order: `[name, value, name, value, …]`. */
export type FieldList = readonly string[];

export interface OriginConnection {
  /** Names the TCP connection: 1, 2, 3, … in order of arrival. */
  readonly id: number;
  /** Requests that came on it so far. */
  requests: number;
}

export interface RespondOptions {
  readonly trailers?: FieldList;
  readonly unending?: boolean;
}

export interface OriginRequest {
  readonly protocol: 'h2' | 'http/1.1';
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly authority: string;
  /** All fields but pseudo-fields. */
  readonly fields: FieldList;
  readonly connection: OriginConnection;
  /** Which request on its connection this is, from 1. */
  readonly ordinal: number;
  readonly body: Readable;
  /** The request's trailers; complete once `body` has ended. */
  readonly trailers: FieldList;
  informational(status: number, fields: FieldList): void;
  /** Sends the head; the body goes into the returned stream. `unending`: the response is broken off by `abort`, later. */
  respond(status: number, fields: FieldList, options?: RespondOptions): Writable;
  /** Head and whole body at once. Says `content-length` itself. */
  reply(status: number, fields: FieldList, body: Buffer | string): void;
  /** Ends the response at once and badly: the stream with `code` (an HTTP/2 error code), or the whole connection. */
  abort(what: 'stream' | 'connection', code?: number): void;
  /** Says that the connection takes no more requests (GOAWAY or `connection: close`); before `respond` or `reply`. */
  closeConnection(): void;
}

const maxPlainStatus = 200;

export class Http2OriginRequest implements OriginRequest {
  readonly protocol = 'h2';
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly connection: OriginConnection;
  readonly ordinal: number;
  /** True once the origin itself reset the stream, so that it is not counted as the client's doing. */
  resetHere = false;
  trailers: FieldList = [];
  readonly #stream: ServerHttp2Stream;
  readonly #rawHeaders: readonly string[];

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], connection: OriginConnection) {
    this.#stream = stream;
    this.#rawHeaders = rawHeaders;
    this.connection = connection;
    this.ordinal = ++connection.requests;
    this.method = this.#pseudo(':method');
    this.target = this.#pseudo(':path');
    this.authority = this.#pseudo(':authority');
  }

  get body(): Readable {
    return this.#stream;
  }

  get fields(): FieldList {
    const fields: string[] = [];
    for (let i = 0; i < this.#rawHeaders.length; i += 2) {
      const name = this.#rawHeaders[i] as string;
      if (!name.startsWith(':')) fields.push(name, this.#rawHeaders[i + 1] as string);
    }
    return fields;
  }

  informational(status: number, fields: FieldList): void {
    this.#stream.additionalHeaders({ ':status': status, ...toRecord(fields) });
  }

  respond(status: number, fields: FieldList, options: RespondOptions = {}): Writable {
    const stream = this.#stream;
    const trailers = options.trailers;
    if (trailers !== undefined) stream.once('wantTrailers', () => stream.sendTrailers(toRecord(trailers)));
    // node:http2 ends the body of a stream that is closed with an error, unless it waits for trailers.
    else if (options.unending === true) stream.once('wantTrailers', () => {});
    const waitForTrailers = trailers !== undefined || options.unending === true;
    stream.respond(this.#head(status, fields), { waitForTrailers });
    return stream;
  }

  reply(status: number, fields: FieldList, body: Buffer | string): void {
    if (this.#stream.destroyed) return;
    const endStream = body.length === 0 || this.method === 'HEAD' || !mayHaveBody(status);
    const head = this.#head(status, fields);
    if (mayHaveBody(status)) head.push('content-length', String(Buffer.byteLength(body)));
    this.#stream.respond(head, { endStream });
    if (!endStream) this.#stream.end(body);
  }

  abort(what: 'stream' | 'connection', code: number = constants.NGHTTP2_INTERNAL_ERROR): void {
    this.resetHere = true;
    if (what === 'stream') this.#stream.close(code);
    else this.#stream.session?.socket.destroy();
  }

  closeConnection(): void {
    this.#stream.session?.close();
  }

  #pseudo(name: string): string {
    for (let i = 0; i < this.#rawHeaders.length; i += 2) {
      if (this.#rawHeaders[i] === name) return this.#rawHeaders[i + 1] as string;
    }
    return '';
  }

  #head(status: number, fields: FieldList): string[] {
    return [
      ':status', String(status),
      'x-connection-id', String(this.connection.id),
      'x-request-ordinal', String(this.ordinal),
      'x-protocol', this.protocol,
      ...fields,
    ]; // biome-ignore format: name and value side by side
  }
}

export class Http1OriginRequest implements OriginRequest {
  readonly protocol = 'http/1.1';
  readonly connection: OriginConnection;
  readonly ordinal: number;
  resetHere = false;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, connection: OriginConnection) {
    this.#request = request;
    this.#response = response;
    this.connection = connection;
    this.ordinal = ++connection.requests;
  }

  get method(): string {
    return this.#request.method ?? '';
  }

  get target(): string {
    return this.#request.url ?? '';
  }

  get authority(): string {
    return this.#request.headers.host ?? '';
  }

  get fields(): FieldList {
    return this.#request.rawHeaders.map((part, index) => (index % 2 === 0 ? part.toLowerCase() : part));
  }

  get body(): Readable {
    return this.#request;
  }

  get trailers(): FieldList {
    return this.#request.rawTrailers.map((part, index) => (index % 2 === 0 ? part.toLowerCase() : part));
  }

  informational(status: number, fields: FieldList): void {
    if (status >= maxPlainStatus) throw new RangeError(`status ${status} is not informational`);
    let text = `HTTP/1.1 ${status} \r\n`;
    for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
    // ServerResponse has methods for 100, 102 and 103 only, and those join repeats.
    this.#request.socket.write(`${text}\r\n`, 'latin1');
  }

  respond(status: number, fields: FieldList, options: RespondOptions = {}): Writable {
    const response = this.#response;
    if (options.trailers !== undefined) {
      const pairs = toPairs(options.trailers);
      response.writeHead(status, [...this.#head(fields), 'trailer', pairs.map(([name]) => name).join(', ')]);
      response.addTrailers(pairs);
    } else response.writeHead(status, this.#head(fields));
    return response;
  }

  reply(status: number, fields: FieldList, body: Buffer | string): void {
    const head = this.#head(fields);
    if (mayHaveBody(status)) head.push('content-length', String(Buffer.byteLength(body)));
    this.#response.writeHead(status, head);
    this.#response.end(mayHaveBody(status) && this.method !== 'HEAD' ? body : undefined);
  }

  abort(): void {
    this.resetHere = true;
    this.#request.socket.destroy();
  }

  closeConnection(): void {
    this.#response.shouldKeepAlive = false;
  }

  #head(fields: FieldList): string[] {
    return [
      'x-connection-id', String(this.connection.id),
      'x-request-ordinal', String(this.ordinal),
      'x-protocol', this.protocol,
      ...fields,
    ]; // biome-ignore format: name and value side by side
  }
}

/** Whether a response with this status may have a body at all (RFC 9110 section 6.4.1). */
function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

function toPairs(fields: FieldList): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i] as string, fields[i + 1] as string]);
  return pairs;
}

function toRecord(fields: FieldList): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of toPairs(fields)) {
    const before = record[name];
    record[name] = before === undefined ? value : [before, value].flat();
  }
  return record;
}
