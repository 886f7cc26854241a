// What the test origin answers, by path.

import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { FieldList, OriginRequest } from './origin-request.ts';

/** What an answer may ask of the origin as a whole. */
export interface OriginControl {
  statsJson(): string;
  resetStats(): void;
  /** Counts body octets that `/bytes` has written, and that `/inspect` has read. */
  countBody(sent: number, received: number): void;
  /** A timer that is gone with the origin. */
  after(ms: number, run: () => void): void;
}

type Answer = (request: OriginRequest, argument: string, query: URLSearchParams, control: OriginControl) => void;

/** Period of the content of `/bytes/N`: a prime, so that no block size hides a shifted copy. */
const contentPeriod = 251;
const contentBlock = Buffer.alloc(contentPeriod * 256, Buffer.from(Array.from({ length: contentPeriod }, (_, i) => i)));
const text = ['content-type', 'text/plain'];
const json = ['content-type', 'application/json'];
const octets = ['content-type', 'application/octet-stream'];
const hello = Buffer.from('hello');
const defaultDelayMs = 100;

/** The content of `/bytes/N` from `offset` on: the octet at `i` is `i % 251`. */
export function contentBytes(length: number, offset = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) at += contentBlock.copy(bytes, at, (offset + at) % contentPeriod);
  return bytes;
}

/** Answers a request by the first segment of its path; 404 where there is no such answer. */
export function answer(request: OriginRequest, control: OriginControl): void {
  const target = request.target;
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const slashAt = path.indexOf('/', 1);
  const name = slashAt < 0 ? path.slice(1) : path.slice(1, slashAt);
  const argument = slashAt < 0 ? '' : path.slice(slashAt + 1);
  const query = queryAt < 0 ? noQuery : new URLSearchParams(target.slice(queryAt + 1));
  const found = answers.get(name);
  if (found !== undefined) found(request, argument, query, control);
  else {
    request.body.resume();
    request.reply(404, text, `no answer for ${path}\n`);
  }
}

const noQuery = new URLSearchParams();

const answers = new Map<string, Answer>([
  ['', (request) => ignoreBody(request).reply(200, text, hello)],
  ['bytes', bytes],
  ['echo', echo],
  ['inspect', inspect],
  ['slow', slow],
  ['drip', drip],
  ['status', (request, argument) => ignoreBody(request).reply(Number(argument) || 200, text, `status ${argument}\n`)],
  ['redirect', redirect],
  ['trailers', trailers],
  ['early-hints', earlyHints],
  ['headers', headers],
  ['odd-fields', oddFields],
  ['gzip', gzip],
  ['refuse-body', refuseBody],
  ['close', close],
  ['reset', (request, argument) => ignoreBody(request).abort('stream', Number(argument))],
  ['abort-after', abortAfter],
  ['never', (request) => void ignoreBody(request)],
  ['stats', stats],
]);

function ignoreBody(request: OriginRequest): OriginRequest {
  request.body.resume();
  return request;
}

/** `/redirect/STATUS?to=REFERENCE`: that status with that `location`. */
function redirect(request: OriginRequest, argument: string, query: URLSearchParams): void {
  ignoreBody(request).reply(Number(argument), [...text, 'location', query.get('to') ?? '/'], 'moved\n');
}

/** `/bytes/N`: N octets; with `?length=no` without content-length. */
function bytes(request: OriginRequest, argument: string, query: URLSearchParams, control: OriginControl): void {
  ignoreBody(request);
  const length = Number(argument);
  const withLength = query.get('length') !== 'no';
  if (withLength && length <= contentBlock.length) {
    request.reply(200, octets, contentBlock.subarray(0, length));
    return;
  }
  const fields = withLength ? [...octets, 'content-length', String(length)] : octets;
  const out = request.respond(200, fields);
  if (request.method === 'HEAD') out.end();
  else writeContent(out, 0, length, control);
}

function writeContent(out: Writable, from: number, length: number, control: OriginControl): void {
  let at = from;
  while (at < length) {
    if (out.destroyed) return;
    const chunk = contentBlock.subarray(at % contentPeriod, (at % contentPeriod) + Math.min(length - at, 64000));
    at += chunk.length;
    control.countBody(chunk.length, 0);
    if (!out.write(chunk)) {
      const next = at;
      out.once('drain', () => writeContent(out, next, length, control));
      return;
    }
  }
  out.end();
}

/** `/echo`: the request body, as it comes. */
function echo(request: OriginRequest): void {
  const length = fieldOf(request.fields, 'content-length');
  const type = fieldOf(request.fields, 'content-type') ?? 'application/octet-stream';
  const fields = ['content-type', type];
  const out = request.respond(200, length === undefined ? fields : [...fields, 'content-length', length]);
  // HTTP/2 has one stream for both directions, and pipeline would destroy it with its readable side.
  if ((out as unknown) === request.body) request.body.pipe(out);
  else pipeline(request.body, out, () => {});
}

/** `/inspect`: what came, as JSON; the body is hashed as it comes. */
function inspect(request: OriginRequest, _argument: string, _query: URLSearchParams, control: OriginControl): void {
  const hash = createHash('sha256');
  let bodyBytes = 0;
  request.body.on('data', (chunk: Buffer) => {
    bodyBytes += chunk.length;
    control.countBody(0, chunk.length);
    hash.update(chunk);
  });
  request.body.once('end', () => {
    const { method, target, authority, fields, protocol, ordinal, trailers } = request;
    const connection = request.connection.id;
    const sha256 = hash.digest('hex');
    const seen = { method, target, authority, fields, bodyBytes, sha256, trailers, protocol, connection, ordinal };
    request.reply(200, json, JSON.stringify(seen));
  });
}

/** `/slow?ms=`: the head comes late. */
function slow(request: OriginRequest, _argument: string, query: URLSearchParams, control: OriginControl): void {
  ignoreBody(request);
  control.after(numberIn(query, 'ms', defaultDelayMs), () => request.reply(200, text, hello));
}

/** `/drip?chunks=&ms=&bytes=`: the body comes in pieces. */
function drip(request: OriginRequest, _argument: string, query: URLSearchParams, control: OriginControl): void {
  ignoreBody(request);
  const chunks = numberIn(query, 'chunks', 5);
  const ms = numberIn(query, 'ms', defaultDelayMs);
  const size = numberIn(query, 'bytes', 1);
  const out = request.respond(200, octets);
  const step = (sent: number): void => {
    if (out.destroyed) return;
    if (sent === chunks) {
      out.end();
      return;
    }
    out.write(contentBytes(size, sent * size));
    control.after(ms, () => step(sent + 1));
  };
  step(0);
}

function trailers(request: OriginRequest): void {
  ignoreBody(request);
  const list = ['x-checksum', 'abc', 'x-part', '1', 'x-part', '2'];
  request.respond(200, text, { trailers: list }).end('with trailers');
}

function earlyHints(request: OriginRequest): void {
  ignoreBody(request);
  request.informational(103, ['link', '</style.css>; rel=preload; as=style', 'x-hint', 'early']);
  request.reply(200, text, hello);
}

/** `/headers?count=&bytes=`: that many response fields, their values that long. */
function headers(request: OriginRequest, _argument: string, query: URLSearchParams): void {
  ignoreBody(request);
  // `e` is short in HPACK: a large section then needs fewer CONTINUATION frames than clients bear.
  const value = 'e'.repeat(numberIn(query, 'bytes', 10));
  const fields = [...text];
  for (let i = 0; i < numberIn(query, 'count', 10); i++) fields.push(`x-field-${i}`, value);
  request.reply(200, fields, hello);
}

/** `/odd-fields`: repeats, an empty value, octets beyond ASCII, and two cookies. */
function oddFields(request: OriginRequest): void {
  const cookies = ['set-cookie', 'a=1; Path=/', 'set-cookie', 'b=2; Path=/'];
  const fields = [
    ...text,
    'x-many',
    '1',
    'x-many',
    '',
    'x-many',
    '3',
    'x-empty',
    '',
    'x-octets',
    'caf\u00E9',
    ...cookies,
  ];
  ignoreBody(request).reply(200, fields, hello);
}

/** `/gzip/N`: the content of `/bytes/N` in the content coding gzip. */
function gzip(request: OriginRequest, argument: string): void {
  const coded = gzipSync(contentBytes(Number(argument)));
  ignoreBody(request).reply(200, [...octets, 'content-encoding', 'gzip'], coded);
}

/** `/refuse-body`: the final response comes at once, the request body is never read. */
function refuseBody(request: OriginRequest): void {
  request.closeConnection();
  request.reply(413, text, 'too much\n');
}

/** `/close`: answers, and takes nothing more on this connection. */
function close(request: OriginRequest): void {
  ignoreBody(request);
  request.closeConnection();
  request.reply(200, text, hello);
}

/** `/abort-after?bytes=&of=`: promises `of` octets, sends `bytes`, then breaks the stream, or with `what=connection` the connection. */
function abortAfter(request: OriginRequest, _argument: string, query: URLSearchParams): void {
  ignoreBody(request);
  const size = numberIn(query, 'bytes', 10);
  const of = numberIn(query, 'of', size * 2 + 1);
  const what = query.get('what') === 'connection' ? 'connection' : 'stream';
  const out = request.respond(200, [...octets, 'content-length', String(of)], { unending: true });
  // The write's callback says that the octets left; only then may the end come.
  out.write(contentBytes(size), () => request.abort(what));
}

function stats(request: OriginRequest, argument: string, _query: URLSearchParams, control: OriginControl): void {
  ignoreBody(request);
  if (argument === 'reset') control.resetStats();
  request.reply(200, json, control.statsJson());
}

function fieldOf(fields: FieldList, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

function numberIn(query: URLSearchParams, name: string, otherwise: number): number {
  const value = query.get(name);
  return value === null ? otherwise : Number(value);
}
