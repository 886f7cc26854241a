// A request that crosses GOAWAY on the socket is refused as unprocessed, never met by a closed connection.

import { type ErrorFrame, type Frame, FrameType } from '@hawser/protocol';
import { get, hello, RawClient } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

const isError = (frame: Frame): frame is ErrorFrame => frame.type === FrameType.error;

test.each([
  ['on a connection that was idle', 0],
  ['on one whose last exchange ends meanwhile', 60],
])('%s', async (_what, slowMs) => {
  await using stand = await TestStand.start();
  using client = await RawClient.connect(stand.socket);
  client.send(hello(), get(1, `${stand.origin.url}/slow?ms=${slowMs}`));
  if (slowMs === 0) await client.next((frame) => frame.type === FrameType.response);
  else await client.next((frame) => frame.type === FrameType.welcome);

  const drained = stand.broker.drain(5_000);
  await client.next((frame) => frame.type === FrameType.goaway);
  client.send(hello(), get(1, `${stand.origin.url}/echo`));

  expect(await client.next(isError)).toMatchObject({ exchangeId: 1, name: 'broker_draining', processed: 'no' });
  await drained;
  await client.closed();
});
