import { expect, it } from 'vitest';
import { ClosedStreams } from './closed-streams.ts';

it('tells how a stream ended, and takes those it has forgotten for left', () => {
  const closed = new ClosedStreams();
  closed.add(1, 'ended');
  closed.add(3, 'reset');
  closed.add(5, 'left');
  expect([1, 3, 5, 7].map((id) => closed.endOf(id))).toEqual(['ended', 'reset', 'left', 'ended']);
  for (let id = 7; id < 7 + 2 * 1000; id += 2) closed.add(id, 'reset');
  expect([1, 3, 5, 7, 2005].map((id) => closed.endOf(id))).toEqual(['left', 'left', 'left', 'reset', 'reset']);
});
