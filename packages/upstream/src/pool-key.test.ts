import { describe, expect, test } from 'vitest';
import { defaultOriginOptions, type OriginOptions } from './options.ts';
import type { Origin } from './origin.ts';
import { poolKey } from './pool-key.ts';

const origin: Origin = { scheme: 'https', host: 'api.example.com', port: 443 };
const secret = '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n';

describe('exchanges share a session', () => {
  test.each<[string, Partial<OriginOptions>]>([
    ['with the same options in another object', {}],
    ['with other timeouts', { timeouts: { connectMs: 1, firstByteMs: 2, idleMs: 3, totalMs: 4 } }],
    ['with another number of connections', { connections: { ...defaultOriginOptions.connections, max: 9 } }],
    ['with another queue', { queue: { max: 1, timeoutMs: 1 } }],
  ])('%s', (_name, options) => {
    expect(poolKey({ ...origin }, { ...defaultOriginOptions, ...options })).toBe(poolKey(origin, defaultOriginOptions));
  });
});

describe('exchanges do not share a session', () => {
  test.each<[string, Partial<Origin>]>([
    ['host', { host: 'www.example.com' }],
    ['port', { port: 8443 }],
    ['scheme', { scheme: 'http', port: 443 }],
  ])('where the %s differs', (_name, difference) => {
    expect(poolKey({ ...origin, ...difference }, defaultOriginOptions)).not.toBe(poolKey(origin, defaultOriginOptions));
  });

  test('where what must be equal differs: every pair of these', () => {
    const variants: Partial<OriginOptions>[] = [
      {},
      { protocol: 'h1' },
      { protocol: 'h2' },
      { resolve: { prefer: 'ipv4' } },
      { tls: { minVersion: 'TLSv1.3' } },
      { tls: { serverName: 'a' } },
      { tls: { serverName: 'b' } },
      { tls: { ca: 'a' } },
      { tls: { ca: 'b' } },
      { tls: { cert: 'a', key: 'b' } },
      { tls: { cert: 'a', key: 'c' } },
      { tls: { cert: 'b', key: 'a' } },
      { tls: { serverName: 'a', ca: 'b' } },
      { tls: { serverName: 'b', ca: 'a' } },
    ];
    const keys = variants.map((variant) => poolKey(origin, { ...defaultOriginOptions, ...variant }));
    expect(new Set(keys).size).toBe(variants.length);
  });
});

test('a key may be logged: it names the origin and keeps the secrets', () => {
  const key = poolKey(origin, { ...defaultOriginOptions, tls: { cert: 'CERT', key: secret } });
  expect(key).toContain('https://api.example.com auto ');
  expect(key).not.toContain('SECRET');
  expect(key.length).toBeLessThan(100);
});
