// Sessions that are to be warm are open before the broker listens; the first exchange finds one.

import { writeFileSync } from 'node:fs';
import { FrameType } from '@hawser/protocol';
import { createTemporaryDirectory, get, hello, RawClient, TestOrigin } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { Broker, createLog, parseConfig } from '../src/index.ts';

test('the warm floor is there when the socket is', async () => {
  using directory = createTemporaryDirectory();
  const origin = await TestOrigin.start();
  writeFileSync(directory.file('ca.pem'), origin.ca);
  const yaml = `
listen: { socket: ${directory.file('hawser.sock')} }
origins:
  - match: ${origin.url}
    connections: { warm: 2 }
    tls: { ca: ca.pem }
`;
  const broker = await Broker.start(parseConfig(yaml, directory.file('hawser.yaml')), createLog('silent'));
  expect(origin.stats().connections).toBe(2);
  expect(broker.snapshot().map((session) => session.openedFor)).toEqual(['warm', 'warm']);

  using client = await RawClient.connect(directory.file('hawser.sock'));
  client.send(hello(), get(1, `${origin.url}/`));
  const response = await client.next((frame) => frame.type === FrameType.response);
  expect(response).toMatchObject({ status: 200, facts: { session: 'warm', connectUs: -1 } });
  expect(origin.stats().connections).toBe(2);
  await broker.drain(0);
  await origin.close();
});

test('an origin that is not there does not hold up the start', async () => {
  using directory = createTemporaryDirectory();
  const yaml = `listen: { socket: ${directory.file('hawser.sock')} }\norigins:\n  - { match: "https://localhost:1", connections: { warm: 1 } }\n`;
  const broker = await Broker.start(parseConfig(yaml, directory.file('hawser.yaml')), createLog('silent'));
  expect(broker.load.sessions).toBe(0);
  await broker.drain(0);
});

test('warm sessions to a wildcard are refused with file and line', () => {
  const yaml = 'origins:\n  - match: https://*.example.com\n    connections:\n      warm: 1\n';
  expect(() => parseConfig(yaml, 'hawser.yaml')).toThrow(
    'hawser.yaml:4: origins.0.connections.warm is 1; allowed: 0 where match has a wildcard',
  );
});
