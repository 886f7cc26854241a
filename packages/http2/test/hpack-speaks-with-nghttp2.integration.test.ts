// Our header compression against nghttp2's, both ways, on one connection: what either encodes, the other decodes.

import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { Socket } from 'node:net';
import { Http2Frame, http2Preface, writeFrame } from '@hawser/testkit';
import { afterEach, expect, test } from 'vitest';
import { HpackDecoder, HpackEncoder } from '../src/native/hpack/index.ts';
import type { RequestHead } from '../src/session.ts';
import { tcp } from './stand.ts';
import { type Random, xorshift } from './xorshift.ts';

const rounds = 300;
const header = 9;

let server: Http2Server;
let socket: Socket;

afterEach(async () => {
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

// The table that the server offers us; nghttp2 bounds its own by what we offer, and at 4,096.
test.each([0, 100, 4096, 65_536])('with %i octets of table on offer', async (headerTableSize) => {
  const random = xorshift(headerTableSize + 7);
  const seen: string[][] = [];
  const answers: string[][] = [];
  server = createServer({ settings: { headerTableSize }, strictSingleValueFields: false });
  server.on('stream', (stream, _headers, _flags, rawHeaders) => {
    seen.push(rawHeaders);
    const fields = randomFields(random);
    const answer = [':status', '200', ...fields];
    answers.push(answer);
    stream.respond(answer, { endStream: true });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  socket = await tcp(port);
  const frames = readFrames(socket);
  const settings = Buffer.from([0, 1, 0, 0, 0x20, 0]);
  socket.write(Buffer.concat([http2Preface, writeFrame({ type: 'SETTINGS', streamId: 0, payload: settings })]));
  socket.write(writeFrame({ type: 'SETTINGS', streamId: 0, flags: 1 }));
  const encoder = new HpackEncoder();
  encoder.setMaxTableBytes(headerTableSize);
  const decoder = new HpackDecoder({ maxTableBytes: 8192, maxFieldLines: 1000, maxFieldSectionBytes: 1024 * 1024 });
  for (let round = 0; round < rounds; round++) {
    const fields = randomFields(random);
    const head: RequestHead = {
      method: ['GET', 'POST', 'DELETE'][random(3)] as string,
      scheme: 'http',
      authority: `host-${random(3)}.example.com`,
      path: random(2) === 0 ? '/items' : `/items?page=${random(1000)}`,
      fields,
    };
    const block = Buffer.alloc(encoder.maxEncodedBytes(head));
    const payload = block.subarray(0, encoder.encodeRequest(head, block, 0));
    socket.write(writeFrame({ type: 'HEADERS', streamId: round * 2 + 1, flags: 0x5, payload }));
    let response = await frames.next();
    while (response.value?.type !== 'HEADERS') {
      expect(response.value?.type).toMatch(/SETTINGS|WINDOW_UPDATE|RST_STREAM|DATA/);
      response = await frames.next();
    }
    expect(response.value.flags & 0x4).toBe(0x4);
    expect(decoder.decode(response.value.payload)).toEqual(answers.at(-1));
    const { method, scheme, authority, path } = head;
    expect(seen.at(-1)).toEqual([':method', method, ':scheme', scheme, ':authority', authority, ':path', path, ...fields]);
  }
}); // biome-ignore format: the expected fields in one line

async function* readFrames(from: Socket): AsyncGenerator<Http2Frame, undefined> {
  let buffered: Buffer = Buffer.alloc(0);
  for await (const chunk of from) {
    buffered = Buffer.concat([buffered, chunk as Buffer]);
    while (buffered.length >= header && buffered.length >= header + buffered.readUIntBE(0, 3)) {
      const length = header + buffered.readUIntBE(0, 3);
      yield new Http2Frame(buffered.subarray(0, length));
      buffered = buffered.subarray(length);
    }
  }
  return undefined;
}

const names = ['accept', 'user-agent', 'cookie', 'authorization', 'x-tenant', 'x-api-key', 'etag', 'server', 'vary'];

/** Some that repeat, some that do not; every octet that a field value may have (RFC 9110 section 5.5). */
function randomFields(random: Random): string[] {
  const fields: string[] = [];
  for (let i = random(12); i > 0; i--) {
    const name = random(4) === 0 ? `x-${random(1000)}` : (names[random(names.length)] as string);
    fields.push(name, random(3) === 0 ? randomValue(random) : `value-${random(5)}`);
  }
  return fields;
}

function randomValue(random: Random): string {
  let value = 'v';
  for (let i = random(random(20) === 0 ? 3000 : 60); i > 0; i--) {
    const octet = 0x20 + random(0xe0);
    value += String.fromCharCode(octet === 0x7f ? 0x09 : octet);
  }
  return `${value}.`;
}
