// The first small exchange is one write and one read on the socket: HELLO with REQUEST, WELCOME with RESPONSE.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { FrameType } from '@hawser/protocol';
import { get, hello, RawClient } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

test('seen from a client that writes HELLO and REQUEST at once', async () => {
  await using stand = await TestStand.start();
  using client = await RawClient.connect(stand.socket);
  client.send(hello(), get(1, `${stand.origin.url}/`));
  await client.next((frame) => frame.type === FrameType.response);
  const cold = client.reads;
  client.send(hello(), get(1, `${stand.origin.url}/`));
  await client.next((frame) => frame.type === FrameType.response);
  // The first may have waited for a connect longer than WELCOME is held back.
  expect(cold).toBeLessThanOrEqual(2);
  expect(client.reads - cold).toBe(1);
});

test('seen from a relay between PHP and the broker: one chunk each way', async () => {
  await using stand = await TestStand.start();
  // The session to the origin is open before, so that the exchange is as quick as exchanges are.
  await stand.phpJson('get-many.php', [`${stand.origin.url}/`, '1']);
  const chunks = { fromPhp: 0, fromBroker: 0 };
  const relayPath = stand.directory.file('relay.sock');
  const relay = createServer((php) => {
    const broker = connect(stand.socket);
    php.on('data', (chunk) => {
      chunks.fromPhp++;
      broker.write(chunk);
    });
    broker.on('data', (chunk) => {
      chunks.fromBroker++;
      php.write(chunk);
    });
    php.on('close', () => broker.destroy()).on('error', () => broker.destroy());
    broker.on('close', () => php.destroy()).on('error', () => php.destroy());
  }).listen(relayPath);
  await once(relay, 'listening');

  await stand.phpJson('get-many.php', [`${stand.origin.url}/`, '1'], undefined, { HAWSER_SOCKET: relayPath });

  expect(chunks).toEqual({ fromPhp: 1, fromBroker: 1 });
  relay.close();
});
