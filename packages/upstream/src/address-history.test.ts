import { expect, test } from 'vitest';
import type { Address } from './address.ts';
import { AddressHistory } from './address-history.ts';

const minuteMs = 60_000;

test('the addresses of the last answer count, whatever there was before', () => {
  const history = new AddressHistory();
  history.record(ipv4('a', 'b'), 0);
  history.record(ipv4('b', 'c'), 5_000);
  expect(names(history, 5_000)).toEqual(['b', 'c']);
});

test('another order, and more addresses, are no change', () => {
  const history = new AddressHistory();
  for (let i = 0; i < 20; i++) history.record(i % 2 === 0 ? ipv4('a', 'b') : ipv4('b', 'a'), i);
  for (let i = 0; i < 20; i++)
    history.record(ipv4(...Array.from({ length: i + 2 }, (_, n) => 'abcdefghijklmnopqrstuvwxyz'[n]!)), 100);
  expect(history.isRotating(100)).toBe(false);
});

test('after five changes the name rotates: an address counts for ten minutes after its last answer', () => {
  const history = new AddressHistory();
  for (let i = 0; i <= 4; i++) history.record(ipv4(`a${i}`), i * 5_000);
  expect(names(history, 20_000)).toEqual(['a4']);
  history.record(ipv4('a5'), 25_000);
  expect(history.isRotating(25_000)).toBe(true);
  expect(names(history, 25_000)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5']);
  // Kept alive by its answers, while the others fall out.
  for (let at = 30_000; at < 11 * minuteMs; at += 5_000) history.record(ipv4(at % 10_000 === 0 ? 'x' : 'y'), at);
  expect(names(history, 11 * minuteMs)).toEqual(['x', 'y']);
});

test('a name that has kept still for ten minutes is taken at its word again', () => {
  const history = new AddressHistory();
  for (let i = 0; i <= 5; i++) history.record(ipv4(`a${i}`), i * 1_000);
  expect(history.isRotating(5_000)).toBe(true);
  const later = 10 * minuteMs + 2_000;
  expect(history.isRotating(later)).toBe(false);
  expect(names(history, later)).toEqual(['a5']);
});

test('what is remembered is bounded', () => {
  const history = new AddressHistory();
  for (let i = 0; i < 5_000; i++) history.record(ipv4(`a${i}`), i);
  expect(names(history, 5_000)).toHaveLength(1_000);
  expect(names(history, 5_000).at(-1)).toBe('a4999');
});

function ipv4(...addresses: string[]): Address[] {
  return addresses.map((address) => ({ address, family: 4 }));
}

function names(history: AddressHistory, now: number): string[] {
  return history.counted(now).map(({ address }) => address);
}
