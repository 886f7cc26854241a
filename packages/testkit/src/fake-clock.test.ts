import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('runs timers in order of time, then of setting, and those set meanwhile', () => {
  const clock = new FakeClock();
  const ran: string[] = [];
  clock.setTimeout(() => ran.push('c'), 20);
  clock.setTimeout(() => {
    ran.push(`a at ${clock.now() - start}`);
    clock.setTimeout(() => ran.push('nested'), 5);
  }, 10);
  clock.setTimeout(() => ran.push('b'), 10);
  const cleared = clock.setTimeout(() => ran.push('never'), 10);
  const start = clock.now();
  clock.clearTimeout(cleared);
  clock.advance(9);
  expect(ran).toEqual([]);
  clock.advance(11);
  expect(ran).toEqual(['a at 10', 'b', 'nested', 'c']);
  expect([clock.now() - start, clock.pendingTimers]).toEqual([20, 0]);
});
