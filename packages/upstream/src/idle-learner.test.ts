import { FakeClock } from '@hawser/testkit';
import { beforeEach, expect, test } from 'vitest';
import { IdleLearner } from './idle-learner.ts';

const minute = 60_000;

let clock: FakeClock;
let learner: IdleLearner;

beforeEach(() => {
  clock = new FakeClock();
  learner = new IdleLearner(clock);
});

/** The origin closes sessions that have been idle for so long, a second after what it closed before. */
function closes(...idleMs: readonly number[]): void {
  clock.advance(1000);
  for (const ms of idleMs) learner.observeClose(ms);
}

test('two closings after about the same time are a habit: four fifths of the shorter one are left', () => {
  closes(5000);
  expect(learner.limitMs).toBe(Number.POSITIVE_INFINITY);
  closes(5600);
  expect(learner.limitMs).toBe(4000);
});

test.each<[string, number[][]]>([
  ['closings after times that do not agree', [[5000], [6000], [500]]],
  ['a restart, which closes sessions that fell idle together', [[5000, 5010, 5020, 5000]]],
  [
    'two restarts',
    [
      [5000, 5010],
      [9000, 9020],
    ],
  ],
  ['closings at once after each answer', [[90], [90], [20]]],
])('%s: nothing is learned', (_name, events) => {
  for (const event of events) closes(...event);
  expect(learner.limitMs).toBe(Number.POSITIVE_INFINITY);
});

test('the origin that closes several sessions each time is learned the second time', () => {
  closes(1000, 1001, 1002, 1000);
  closes(1003, 1000);
  expect(learner.limitMs).toBe(800);
});

test('a habit that is not seen for ten minutes is forgotten, and what taught it as well', () => {
  closes(5000);
  closes(5000);
  clock.advance(10 * minute);
  expect(learner.limitMs).toBe(4000);
  clock.advance(1);
  expect(learner.limitMs).toBe(Number.POSITIVE_INFINITY);
  closes(5000);
  expect(learner.limitMs).toBe(Number.POSITIVE_INFINITY);
});
