// A PHP worker that is killed in the middle of a download costs its own stream, and nobody else's session.

import { eventually } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

test('SIGKILL mid-download resets the stream with CANCEL; the session lives on', async () => {
  await using stand = await TestStand.start();
  await using worker = await stand.php('hold-download.php', [`${stand.origin.url}/bytes/${50 * 1024 * 1024}`]);
  await worker.line((line) => line === 'reading');
  expect(stand.origin.stats().openRequests).toBe(1);

  worker.signal('SIGKILL');

  await eventually(() => expect(stand.origin.stats().resets).toEqual({ CANCEL: 1 }));
  await eventually(() => expect(stand.broker.load).toEqual({ connections: 0, exchanges: 0, sessions: 1 }));
  await stand.phpJson('get-many.php', [`${stand.origin.url}/`, '3']);
  expect(stand.origin.stats().connections).toBe(1);
});
