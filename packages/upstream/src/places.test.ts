import { expect, test } from 'vitest';
import { maxWaiting, type Place, Places } from './places.ts';

const what = { plural: 'sessions', option: 'limits.sessions' };

test('as many as there are, and then in the order of the line', () => {
  const places = new Places(2, what);
  const taken = [places.tryTake(), places.tryTake()] as [Place, Place];
  expect(places.tryTake()).toBeNull();
  const served: string[] = [];
  const held: Place[] = [];
  const line = ['a', 'b', 'c'].map((name) => {
    return places.wait((place) => {
      served.push(name);
      held.push(place);
    });
  });
  line[1]?.();
  expect(places).toMatchObject({ taken: 2, peak: 2, waiting: 2 });
  taken[0].release();
  expect(served).toEqual(['a']);
  expect(places.tryTake(), 'a place goes to the line first').toBeNull();
  held[0]?.release();
  expect(served).toEqual(['a', 'c']);
  held[1]?.release();
  taken[1].release();
  expect(places).toMatchObject({ taken: 0, peak: 2, waiting: 0 });
});

test('a place that is given back twice counts once', () => {
  const places = new Places(2, what);
  const place = places.tryTake();
  places.tryTake();
  place?.release();
  place?.release();
  expect(places.taken).toBe(1);
});

test('the line has an end', () => {
  const places = new Places(1, what);
  places.tryTake();
  for (let i = 0; i < maxWaiting; i++) {
    expect(places.isLineFull).toBe(false);
    places.wait(() => {});
  }
  expect(places.isLineFull).toBe(true);
});

test('its name says what is bounded, where, and by which option', () => {
  expect(String(new Places(1_000, what))).toBe('1000 sessions (limits.sessions)');
  const destination = '192.0.2.1:443';
  expect(String(new Places(500, { plural: 'connections', option: 'nat.pods', destination }))).toBe(
    '500 connections to 192.0.2.1:443 (nat.pods)',
  );
});
