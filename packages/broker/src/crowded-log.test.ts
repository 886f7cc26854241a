import { FakeClock } from '@hawser/testkit';
import type { Places } from '@hawser/upstream';
import { expect, test } from 'vitest';
import { CrowdedLog } from './crowded-log.ts';

test('one line in ten seconds, which counts what it stands for', () => {
  const lines: unknown[] = [];
  const clock = new FakeClock();
  const log = new CrowdedLog({ warn: (fields: unknown) => lines.push(fields) }, clock);
  const places = { taken: 2, waiting: 7, toString: () => '2 sessions (limits.sessions)' } as unknown as Places;
  for (let second = 0; second < 25; second++) {
    log.note(places);
    clock.advance(1_000);
  }
  const line = { limit: '2 sessions (limits.sessions)', taken: 2, waiting: 7 };
  expect(lines).toEqual([
    { ...line, connects: 1 },
    { ...line, connects: 10 },
    { ...line, connects: 10 },
  ]);
});
