// An HTTP/1.1 origin that pauses just where PHP's slowness has stopped its body: the rest comes all the same.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

const bodyBytes = 600_000;
/** More than the session takes ahead of its reader, so that it pauses, and then finds the socket empty. */
const firstBytes = 278_528;

test('a body that stops at the bound of the window and goes on later', async () => {
  await using stand = await TestStand.start();
  const origin = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bodyBytes}\r\n\r\n`);
      socket.write(Buffer.alloc(firstBytes));
      setTimeout(() => socket.end(Buffer.alloc(bodyBytes - firstBytes)), 1_500);
    });
  }).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  try {
    const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
    expect(await stand.phpJson('late-reader.php', [url])).toEqual({ bytes: bodyBytes });
  } finally {
    origin.close();
  }
});
