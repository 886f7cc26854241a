// Eight PHP processes, and the workers of a PHP-FPM pool, reach one h2 origin over one TCP connection.

import { eventually } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

test('8 PHP processes of 200 requests each make 1 TCP connection', async () => {
  await using stand = await TestStand.start();
  const runs = Array.from({ length: 8 }, () =>
    stand.phpJson<{ count: number; distinct: string[] }>('get-many.php', [`${stand.origin.url}/`, '200']),
  );
  for (const run of await Promise.all(runs)) expect(run).toEqual({ count: 200, distinct: ['hello'] });
  expect(stand.origin.stats()).toMatchObject({ connections: 1, handshakes: 1, requests: 1600 });
  await eventually(() => stand.broker.load.connections === 0);
});
