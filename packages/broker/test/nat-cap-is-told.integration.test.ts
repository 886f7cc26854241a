// The cap on connections to one address, from hawser.yaml to what an operator sees: figures, and one line in the log.

import { FrameType } from '@hawser/protocol';
import { createTemporaryDirectory, eventually, get, hello, RawClient, TestOrigin } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { Broker, type Logger, parseConfig } from '../src/index.ts';

test('exchanges beyond the cap wait and are answered; figures and log say so', async () => {
  using directory = createTemporaryDirectory();
  const origin = await TestOrigin.start({ plain: true });
  const yaml = `
listen: { socket: ${directory.file('hawser.sock')} }
nat: { ports: 20, pods: 10 }
limits: { sessions: 50 }
defaults:
  timeouts: { connect: 30s }
  queue: { timeout: 30s }
`;
  const lines: [object, string][] = [];
  const log = { info: () => {}, error: () => {}, warn: (...line: [object, string]) => lines.push(line) };
  const broker = await Broker.start(parseConfig(yaml, directory.file('hawser.yaml')), log as unknown as Logger);
  using client = await RawClient.connect(directory.file('hawser.sock'));
  client.send(hello(), ...[1, 2, 3, 4, 5].map((id) => get(id, `http://127.0.0.1:${origin.port}/`)));
  for (let i = 0; i < 5; i++) {
    const frame = await client.next((got) => got.type === FrameType.response || got.type === FrameType.error);
    expect(frame).toMatchObject({ type: FrameType.response, status: 200 });
  }
  expect(origin.stats().connections).toBe(1);
  const destination = `127.0.0.1:${origin.port}`;
  expect(broker.natSnapshot()).toMatchObject({
    ports: 20,
    pods: 10,
    max: 1,
    destinations: [{ destination, open: 1, peak: 1, waiting: 0, portsLeft: 10 }],
  });
  const [line] = lines;
  expect(line).toEqual([
    {
      limit: `1 connections to ${destination} (nat.ports / 2 / nat.pods)`,
      taken: 1,
      waiting: expect.any(Number),
      connects: 1,
    },
    'connects wait at a limit',
  ]);
  expect(lines, 'one line in ten seconds').toHaveLength(1);
  await broker.drain(0);
  await eventually(() => expect(broker.natSnapshot().destinations).toMatchObject([{ open: 0 }]));
  await origin.close();
});
