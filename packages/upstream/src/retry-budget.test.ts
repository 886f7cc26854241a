import { FakeClock } from '@hawser/testkit';
import { beforeEach, expect, test } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock(0);
});

test('repeats stay within the share of first attempts', () => {
  const budget = new RetryBudget(0.2, clock);
  for (let i = 0; i < 100; i++) budget.countFirst();
  expect(repeatsIn(budget)).toBe(20);
});

test('a quiet origin has a few repeats however small the share', () => {
  const budget = new RetryBudget(0.01, clock);
  budget.countFirst();
  expect(repeatsIn(budget)).toBe(10);
});

test('a share of nothing is nothing', () => {
  const budget = new RetryBudget(0, clock);
  for (let i = 0; i < 100; i++) budget.countFirst();
  expect(repeatsIn(budget)).toBe(0);
});

test('what is long ago counts no more, neither attempts nor repeats', () => {
  const budget = new RetryBudget(0.2, clock);
  for (let i = 0; i < 100; i++) budget.countFirst();
  expect(repeatsIn(budget)).toBe(20);
  clock.advance(5_000);
  expect(repeatsIn(budget), 'half the window ago').toBe(0);
  clock.advance(20_000);
  expect(repeatsIn(budget), 'nothing lately but the quiet few').toBe(10);
});

function repeatsIn(budget: RetryBudget): number {
  let repeats = 0;
  while (budget.takeRepeat()) repeats++;
  return repeats;
}
