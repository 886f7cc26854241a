// What a stream that waits for its response costs: a slow origin may have a thousand of them on one session.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ExchangeSink } from '@hawser/http2';
import { eventually, writeFrame } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { openPlain } from './stand.ts';

const streams = 1000;
/** What is promised; a few hundred bytes are usual. */
const maxBytesPerStream = 4 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** One for all exchanges, so that what is measured is the session`s own. */
const sink: ExchangeSink = {
  onInformational() {},
  onResponse() {},
  onData() {},
  onTrailers() {},
  onEnd() {},
  onError() {},
  onRequestConsumed() {},
};

function memoryBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test(`${streams} open streams of the native engine cost less than 4 KiB each`, async () => {
  const sockets: Socket[] = [];
  let receivedBytes = 0;
  // It keeps nothing of what it gets, so that its memory does not count.
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
    });
    socket.write(writeFrame({ type: 'SETTINGS', streamId: 0 }));
    socket.write(writeFrame({ type: 'SETTINGS', streamId: 0, flags: 1 }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stand = await openPlain((server.address() as { port: number }).port, 'native', { maxStreams: streams });
  const before = memoryBytes();
  for (let i = 0; i < streams; i++) {
    const path = `/items/${i}`;
    const fields = ['user-agent', 'hawser/1', 'accept', '*/*', 'x-number', `${i}`];
    stand.session.request({ method: 'GET', scheme: 'https', authority: 'example.com', path, fields }, null, sink);
  }
  // All that was written has left this end's buffers.
  await eventually(() => receivedBytes > 0 && stand.socket.bytesWritten === receivedBytes, { withinMs: 20_000 });
  const bytesPerStream = (memoryBytes() - before) / streams;
  expect(stand.session.activeStreams).toBe(streams);
  expect(receivedBytes).toBeGreaterThan(streams * 9);
  expect(bytesPerStream).toBeLessThan(maxBytesPerStream);
  await stand[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  server.close();
});
