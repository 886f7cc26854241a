// A thousand exchanges at once to an origin that allows a hundred streams: few connections, and nobody starves.

import { type Frame, FrameType, type ResponseFrame } from '@hawser/protocol';
import { get, hello, RawClient } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

const clients = 10;
const exchangesEach = 100;
const maxConnections = 4;

/** On a starved machine a handshake may take longer than the default allows; the next one is a connection more. */
const patience = ['timeouts: { connect: 30s }', 'queue: { timeout: 60s }'];

test('1,000 concurrent exchanges, 100 streams per session', async () => {
  await using stand = await TestStand.start({
    origin: { settings: { maxConcurrentStreams: 100 } },
    originConfig: patience,
  });
  const startedAt = performance.now();
  const durations = await Promise.all(
    Array.from({ length: clients }, async () => {
      using client = await RawClient.connect(stand.socket);
      client.send(
        hello(),
        ...Array.from({ length: exchangesEach }, (_, i) => get(i + 1, `${stand.origin.url}/slow?ms=50`)),
      );
      for (let i = 0; i < exchangesEach; i++) {
        const frame = await client.next(
          (got: Frame): got is ResponseFrame => got.type >= FrameType.response && got.type !== FrameType.ping,
        );
        expect(frame).toMatchObject({ type: FrameType.response, status: 200, end: true });
      }
      return performance.now() - startedAt;
    }),
  );

  const mean = durations.reduce((sum, duration) => sum + duration, 0) / durations.length;
  expect(Math.max(...durations)).toBeLessThan(2 * mean);
  expect(stand.origin.stats()).toMatchObject({ requests: clients * exchangesEach });
  expect(stand.origin.stats().connections).toBeLessThanOrEqual(maxConnections);
  expect(stand.origin.stats().maxOpenRequests).toBeLessThanOrEqual(maxConnections * 100);
});

test('one client with a thousand exchanges delays another client only by a round', async () => {
  await using stand = await TestStand.start({
    origin: { settings: { maxConcurrentStreams: 10 } },
    originConfig: ['connections: { max: 1 }', ...patience],
  });
  using greedy = await RawClient.connect(stand.socket);
  greedy.send(hello(), ...Array.from({ length: 250 }, (_, i) => get(i + 1, `${stand.origin.url}/slow?ms=20`)));
  await greedy.next((frame) => frame.type === FrameType.response);
  using modest = await RawClient.connect(stand.socket);
  modest.send(hello(), get(1, `${stand.origin.url}/slow?ms=20`));
  await modest.next((frame) => frame.type === FrameType.response);
  const servedBefore = greedy.frames.filter((frame) => frame.type === FrameType.response).length;
  expect(servedBefore).toBeLessThan(125);
});
