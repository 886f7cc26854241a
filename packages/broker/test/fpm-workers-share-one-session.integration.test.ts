// The workers of a PHP-FPM pool keep one socket each to the broker, and together use one connection to the origin.

import { PhpFpm } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { fpmApp, fpmEnvironment } from './fpm-app.ts';
import { TestStand } from './test-stand.ts';

test('4 static workers: 1 TCP connection at the origin, at most 4 client connections at the broker', async () => {
  await using stand = await TestStand.start();
  await using fpm = await PhpFpm.start({ workers: 4, pool: fpmEnvironment(stand.socket) });
  let mostConnections = 0;
  const pids = new Set<number>();
  const drive = async () => {
    for (let i = 0; i < 50; i++) {
      const { body } = await fpm.request(fpmApp({ do: 'get', url: `${stand.origin.url}/` }));
      const answer = JSON.parse(body) as { pid: number; body: string };
      expect(answer.body).toBe('hello');
      pids.add(answer.pid);
      mostConnections = Math.max(mostConnections, stand.broker.load.connections);
    }
  };

  await Promise.all([drive(), drive(), drive(), drive()]);

  expect(pids.size).toBeGreaterThan(1);
  expect(mostConnections).toBeLessThanOrEqual(4);
  expect(stand.origin.stats()).toMatchObject({ connections: 1, requests: 200 });
});
