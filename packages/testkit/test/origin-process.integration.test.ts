// The origin as a process of its own, as PHP tests and the demo run it.

import { existsSync } from 'node:fs';
import { createTemporaryDirectory, startNode, startOriginProcess } from '@hawser/testkit';
import { expect, test } from 'vitest';

test('says where it is, counts without counting the reading, and ends on SIGTERM', async () => {
  using directory = createTemporaryDirectory();
  const origin = await startOriginProcess(directory.path, ['--plain']);
  expect(origin.ca).toBe(directory.file('ca.pem'));
  expect(existsSync(origin.ca)).toBe(true);
  const first = await fetch(`${origin.url}/`);
  expect(await first.text()).toBe('hello');
  const second = await fetch(`${origin.url}/inspect?x`, { method: 'POST', body: 'abc' });
  expect(await second.json()).toMatchObject({ target: '/inspect?x', bodyBytes: 3, protocol: 'http/1.1' });
  const stats = await (await fetch(origin.stats)).json();
  expect(stats).toMatchObject({ requests: 2, openRequests: 0 });
  expect(await (await fetch(`${origin.stats}/reset`)).json()).toMatchObject({ connections: 0, requests: 0 });
  expect(await origin.process.stop()).toEqual({ code: 0, signal: null });
});

test('ends when its standard input closes', async () => {
  using directory = createTemporaryDirectory();
  const script = new URL('../src/origin-cli.ts', import.meta.url).pathname;
  const child = await startNode(script, ['--dir', directory.path, '--plain'], { input: '' });
  expect(await child.exited).toEqual({ code: 0, signal: null });
});
