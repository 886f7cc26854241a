import { expect, test } from 'vitest';
import { defaultHttp2Options, resolveHttp2Options } from './options.ts';

test('fills in the defaults and freezes', () => {
  const options = resolveHttp2Options({ maxStreams: 5 });
  expect(options).toEqual({ ...defaultHttp2Options, maxStreams: 5 });
  expect(Object.isFrozen(options)).toBe(true);
});

test.each([
  [{ engine: 'curl' as 'node' }, 'engine is "curl"; allowed: node, native'],
  [{ maxStreams: 0 }, 'maxStreams is 0; allowed: a whole number from 1 to 100000'],
  [{ maxFieldLines: 1.5 }, 'maxFieldLines is 1.5; allowed: a whole number from 1 to 10000'],
  [
    { receiveWindowBytes: 2 ** 31 },
    'receiveWindowBytes is 2147483648; allowed: a whole number from 131072 to 2147483647',
  ],
])('refuses %j', (options, message) => {
  expect(() => resolveHttp2Options(options)).toThrow(new RangeError(message));
});
