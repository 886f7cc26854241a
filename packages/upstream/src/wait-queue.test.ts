import { expect, test } from 'vitest';
import { WaitQueue } from './wait-queue.ts';

interface NamedWaiter {
  readonly client: object;
  readonly name: string;
}

const clientA = { name: 'a' };
const clientB = { name: 'b' };
const clientC = { name: 'c' };

test('one client is served in order of arrival', () => {
  const { queue } = queueOf([clientA, 3]);
  expect(takeAll(queue)).toEqual(['a1', 'a2', 'a3']);
});

test('clients take turns, however many each has waiting', () => {
  const { queue } = queueOf([clientA, 4], [clientB, 1], [clientC, 2]);
  expect(takeAll(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
});

test('a client that comes late waits one round, not behind a thousand', () => {
  const { queue } = queueOf([clientA, 1000]);
  queue.take();
  queue.add({ client: clientB, name: 'b1' });
  expect([queue.take()?.name, queue.take()?.name]).toEqual(['a2', 'b1']);
});

test('a client that queues anew after its turn goes to the end of the round', () => {
  const { queue } = queueOf([clientA, 1], [clientB, 2]);
  expect(queue.take()?.name).toBe('a1');
  queue.add({ client: clientA, name: 'a2' });
  expect(takeAll(queue)).toEqual(['b1', 'a2', 'b2']);
});

test('a waiter that is removed is never taken, and the others keep their turns', () => {
  const { queue, waiters } = queueOf([clientA, 2], [clientB, 2], [clientC, 1]);
  expect(queue.remove(waiters[1] as NamedWaiter)).toBe(true);
  expect(queue.remove(waiters[4] as NamedWaiter)).toBe(true);
  expect(queue.size).toBe(3);
  expect(takeAll(queue)).toEqual(['a1', 'b1', 'b2']);
});

test('removing says whether the waiter was still there', () => {
  const { queue, waiters } = queueOf([clientA, 1]);
  const [waiter] = waiters as [NamedWaiter];
  expect(queue.remove({ client: clientB, name: 'stranger' })).toBe(false);
  expect(queue.take()).toBe(waiter);
  expect(queue.remove(waiter)).toBe(false);
  expect(queue.size).toBe(0);
});

test('the size counts all clients; an empty queue gives nothing', () => {
  const { queue } = queueOf([clientA, 2], [clientB, 3]);
  expect(queue.size).toBe(5);
  takeAll(queue);
  expect(queue.size).toBe(0);
  expect(queue.take()).toBeUndefined();
});

function queueOf(...lines: [client: { name: string }, count: number][]) {
  const queue = new WaitQueue<NamedWaiter>();
  const waiters = lines.flatMap(([client, count]) =>
    Array.from({ length: count }, (_, index) => ({ client, name: `${client.name}${index + 1}` })),
  );
  for (const waiter of waiters) queue.add(waiter);
  return { queue, waiters };
}

function takeAll(queue: WaitQueue<NamedWaiter>): string[] {
  const names: string[] = [];
  for (let waiter = queue.take(); waiter !== undefined; waiter = queue.take()) names.push(waiter.name);
  return names;
}
