// Bytes that break the wire protocol cost the connection they came on: an error frame, then its end; others go on.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  type ErrorFrame,
  encodeFrame,
  type Frame,
  FrameType,
  initialWindowBytes,
  maxFrameBytes,
  type ResponseFrame,
} from '@hawser/protocol';
import { eventually, get, hello, RawClient } from '@hawser/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

let stand: TestStand;

beforeAll(async () => {
  stand = await TestStand.start();
});

afterEach(() => eventually(() => expect(stand.broker.load).toMatchObject({ connections: 0, exchanges: 0 })));

afterAll(async () => {
  silent.close();
  for (const socket of waiting) socket.destroy();
  await stand[Symbol.asyncDispose]();
});

const isError = (frame: Frame): frame is ErrorFrame => frame.type === FrameType.error;
const isResponse = (frame: Frame): frame is ResponseFrame => frame.type === FrameType.response;

/** msgpack bytes as a frame. */
function frame(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes.length);
  return Buffer.concat([prefix, bytes]);
}

function prefix(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** Accepts and says nothing: an exchange with it waits, and takes no body, for as long as a connect may take. */
const waiting = new Set<Socket>();
const silent = createServer((socket) => waiting.add(socket.on('error', () => {})));
silent.listen(0, '127.0.0.1');
await once(silent, 'listening');

const open = encodeFrame({
  type: FrameType.request,
  exchangeId: 1,
  end: false,
  timeoutMs: 0,
  method: 'POST',
  url: `https://localhost:${(silent.address() as AddressInfo).port}/`,
  fields: [],
  body: null,
});

describe('the connection is told and closed', () => {
  const cases: [what: string, name: string, bytes: Buffer[]][] = [
    ['text', 'frame_too_large', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
    ['random bytes after HELLO', 'protocol_error', [encodeFrame(hello()), prefix(64), Buffer.alloc(64, 0xc1)]],
    ['an empty frame', 'protocol_error', [prefix(0)]],
    ['a frame beyond the limit', 'frame_too_large', [encodeFrame(hello()), prefix(maxFrameBytes + 1)]],
    ['a map where the array should be', 'protocol_error', [frame('81a17601')]],
    [
      'an array that claims more than the frame holds',
      'protocol_error',
      [encodeFrame(hello()), frame('9803ddffffffff')],
    ],
    ['a string as exchange id', 'protocol_error', [encodeFrame(hello()), frame('9208a131')]],
    ['REQUEST before HELLO', 'hello_expected', [encodeFrame(get(1, 'https://localhost/'))]],
    ['HELLO of version 2', 'unsupported_version', [frame(`940100c410${'00'.repeat(16)}81a17602`)]],
    ['an id that does not grow', 'protocol_error', [encodeFrame(hello()), open, open]],
    ['DATA for an exchange that never was', 'protocol_error', [encodeFrame(hello()), frame('930507c40161')]],
    ['a frame that only the broker sends', 'protocol_error', [encodeFrame(hello()), frame('940d0000a0')]],
    [
      'more body than the window',
      'window_violation',
      [encodeFrame(hello()), open, ...Array.from({ length: 5 }, () => dataFrame(initialWindowBytes / 4))],
    ],
    [
      'a window beyond 2³¹−1',
      'window_violation',
      [encodeFrame(hello()), open, frame('930701ce7fffffff'), frame('930701ce7fffffff')],
    ],
  ];
  test.each(cases)('%s: %s', async (_what, name, bytes) => {
    using bystander = await RawClient.connect(stand.socket);
    bystander.send(hello(), get(1, `${stand.origin.url}/slow?ms=100`));
    using client = await RawClient.connect(stand.socket);

    client.send(Buffer.concat(bytes));

    const error = await client.next((got): got is ErrorFrame => isError(got) && got.exchangeId === 0);
    expect(error.name).toBe(name);
    await client.closed();
    expect((await bystander.next(isResponse)).status).toBe(200);
  });
});

function dataFrame(bytes: number): Buffer {
  return encodeFrame({ type: FrameType.data, exchangeId: 1, payload: Buffer.alloc(bytes) });
}

test('a frame that is cut off costs nothing but itself', async () => {
  {
    using client = await RawClient.connect(stand.socket);
    client.send(hello(), Buffer.concat([prefix(1000), randomBytes(100)]));
    await client.next((got) => got.type === FrameType.welcome);
  }
  await eventually(() => stand.broker.load.connections === 0);
});

test('a client that breaks the protocol and neither reads nor closes is not kept', async () => {
  using client = await RawClient.connect(stand.socket);
  client.pause();
  client.send(Buffer.from('nonsense nonsense'));
  await eventually(() => stand.broker.load.connections === 0);
});

test('one exchange too many is refused, the others run', async () => {
  using client = await RawClient.connect(stand.socket);
  const requests = Array.from({ length: 257 }, (_, i) => get(i + 1, `${stand.origin.url}/slow?ms=300`));
  client.send(hello(), ...requests);
  const error = await client.next(isError);
  expect(error).toMatchObject({ exchangeId: 257, name: 'too_many_exchanges', processed: 'no' });
  for (let i = 0; i < 256; i++) expect((await client.next(isResponse)).status).toBe(200);
});

test('HELLO again cancels what ran and starts the ids anew', async () => {
  using client = await RawClient.connect(stand.socket);
  client.send(hello(), get(7, `${stand.origin.url}/never`));
  await eventually(() => expect(stand.origin.stats().openRequests).toBe(1));
  const nonce = randomBytes(16);
  client.send(hello(nonce), get(1, `${stand.origin.url}/`));
  const welcome = await client.next((got) => got.type === FrameType.welcome && got.nonce.equals(nonce));
  expect(welcome.type).toBe(FrameType.welcome);
  expect((await client.next(isResponse)).exchangeId).toBe(1);
  await eventually(() => expect(stand.origin.stats().openRequests).toBe(0));
});
