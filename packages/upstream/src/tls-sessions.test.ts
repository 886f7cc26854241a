import { expect, test } from 'vitest';
import { TlsSessions } from './tls-sessions.ts';

test('the last session of a key is kept', () => {
  const sessions = new TlsSessions();
  sessions.set('a', Buffer.from('1'));
  sessions.set('b', Buffer.from('2'));
  sessions.set('a', Buffer.from('3'));
  expect(sessions.get('a')?.toString()).toBe('3');
  sessions.delete('a');
  expect(sessions.get('a')).toBeUndefined();
  expect(sessions.get('b')?.toString()).toBe('2');
});

test('at most a thousand: the key set longest ago goes', () => {
  const sessions = new TlsSessions();
  for (let i = 0; i < 1_000; i++) sessions.set(`key ${i}`, Buffer.from('x'));
  sessions.set('key 0', Buffer.from('y'));
  sessions.set('one more', Buffer.from('z'));
  expect(sessions.size).toBe(1_000);
  expect(sessions.get('key 0')?.toString()).toBe('y');
  expect(sessions.get('key 1')).toBeUndefined();
});
