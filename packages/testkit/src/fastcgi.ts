// A small FastCGI client (FastCGI specification 1.0): one request at a time on a Unix socket, as a web server would send it.

import { connect } from 'node:net';

export interface FastCgiRequest {
  readonly scriptFilename: string;
  readonly queryString?: string;
  readonly method?: string;
  readonly body?: string;
}

export interface FastCgiResponse {
  /** From the `Status` header; 200 without one. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the script wrote to its error stream. */
  readonly stderr: string;
}

const record = { begin: 1, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;
const responderRole = 1;
const headerBytes = 8;

/** Sends one request on a connection of its own. Rejects if the connection ends before the request does, or after `withinMs`. */
export function requestFastCgi(
  socketPath: string,
  request: FastCgiRequest,
  withinMs = 30_000,
): Promise<FastCgiResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    let pending = Buffer.alloc(0);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.removeAllListeners('close').destroy();
      act();
    };
    const timer = setTimeout(
      () => settle(() => reject(new Error(`no FastCGI answer within ${withinMs} ms`))),
      withinMs,
    );
    socket.on('connect', () => socket.write(encodeRequest(request)));
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('close', () => {
      const soFar = Buffer.concat(errors).toString();
      settle(() => reject(new Error(`the FastCGI connection ended before the request\n${soFar}`)));
    });
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= headerBytes) {
        const contentBytes = pending.readUInt16BE(4);
        const total = headerBytes + contentBytes + (pending[6] as number);
        if (pending.length < total) return;
        const content = pending.subarray(headerBytes, headerBytes + contentBytes);
        const type = pending[1];
        pending = pending.subarray(total);
        if (type === record.stdout) out.push(content);
        else if (type === record.stderr) errors.push(content);
        else if (type === record.end) {
          settle(() =>
            resolve(decodeResponse(Buffer.concat(out).toString('latin1'), Buffer.concat(errors).toString())),
          );
          return;
        }
      }
    });
  });
}

function encodeRequest(request: FastCgiRequest): Buffer {
  const body = Buffer.from(request.body ?? '');
  const params = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: request.method ?? (body.length > 0 ? 'POST' : 'GET'),
    SCRIPT_FILENAME: request.scriptFilename,
    SCRIPT_NAME: '/',
    REQUEST_URI: `/?${request.queryString ?? ''}`,
    QUERY_STRING: request.queryString ?? '',
    CONTENT_LENGTH: String(body.length),
    CONTENT_TYPE: 'application/octet-stream',
  };
  const pairs = Object.entries(params).flatMap(([name, value]) => [
    encodeLength(name),
    encodeLength(value),
    Buffer.from(name),
    Buffer.from(value),
  ]);
  const begin = Buffer.from([0, responderRole, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([
    encodeRecord(record.begin, begin),
    encodeRecord(record.params, Buffer.concat(pairs)),
    encodeRecord(record.params, Buffer.alloc(0)),
    ...(body.length > 0 ? [encodeRecord(record.stdin, body)] : []),
    encodeRecord(record.stdin, Buffer.alloc(0)),
  ]);
}

function encodeRecord(type: number, content: Buffer): Buffer {
  if (content.length > 0xffff) throw new RangeError(`a FastCGI record holds 65535 bytes, not ${content.length}`);
  return Buffer.concat([Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 0xff, 0, 0]), content]);
}

function encodeLength(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  if (bytes < 0x80) return Buffer.from([bytes]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE((bytes | 0x80000000) >>> 0);
  return length;
}

function decodeResponse(text: string, stderr: string): FastCgiResponse {
  const end = text.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  for (const line of text.slice(0, Math.max(0, end)).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const status = Number.parseInt(headers.status ?? '200', 10);
  return { status, headers, body: end < 0 ? text : text.slice(end + 4), stderr };
}
