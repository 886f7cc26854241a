import { expect, test } from 'vitest';
import { maxKeys, PerPool } from './per-pool.ts';
import { scriptExchange } from './scripted-send.test.fixture.ts';

test('exchanges with the same pool key share one, others have their own', () => {
  const perPool = new PerPool(() => ({}));
  expect(perPool.of(to('a'))).toBe(perPool.of(to('a')));
  expect(perPool.of(to('a'))).not.toBe(perPool.of(to('b')));
});

test('what is in use is kept however many others come, which are forgotten', () => {
  const perPool = new PerPool(() => ({}));
  const used = perPool.of(to('used'));
  const once = perPool.of(to('once'));
  for (let i = 0; i < 4 * maxKeys; i++) {
    perPool.of(to(`origin-${i}`));
    if (i % 1_000 === 0) expect(perPool.of(to('used'))).toBe(used);
    expect(perPool.size).toBeLessThanOrEqual(2 * maxKeys);
  }
  expect(perPool.of(to('used'))).toBe(used);
  expect(perPool.of(to('once'))).not.toBe(once);
});

function to(host: string) {
  return { ...scriptExchange(), origin: { scheme: 'https', host: `${host}.example.com`, port: 443 } as const };
}
