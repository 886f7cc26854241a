import { describe, expect, test } from 'vitest';
import { parseTarget } from './origin.ts';
import { OriginPattern } from './origin-pattern.ts';

describe('a pattern and the origins that it matches', () => {
  test.each<[pattern: string, url: string, matches: boolean]>([
    ['https://api.example.com', 'https://api.example.com', true],
    ['https://api.example.com', 'https://API.example.com:443', true],
    ['https://api.example.com/', 'https://api.example.com', true],
    ['https://api.example.com', 'http://api.example.com', false],
    ['https://api.example.com', 'https://api.example.com:8443', false],
    ['https://api.example.com', 'https://www.example.com', false],
    ['https://api.example.com:8443', 'https://api.example.com:8443', true],
    ['http://localhost:*', 'http://localhost:1234', true],
    ['https://*.example.com', 'https://a.b.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://badexample.com', false],
    ['https://*', 'https://anything.test', true],
    ['https://*', 'https://192.0.2.1', true],
    ['https://*', 'https://anything.test:8443', false],
    ['https://[2001:db8::1]', 'https://[2001:DB8:0::1]', true],
  ])('%s, %s: %s', (pattern, url, matches) => {
    expect(OriginPattern.parse(pattern)?.matches(parseTarget(url).origin)).toBe(matches);
  });

  test.each([
    ['https://api.example.com', 'https://api.example.com.'],
    ['https://api.example.com.', 'https://api.example.com'],
    ['https://*.example.com', 'https://api.example.com.'],
  ])('%s, %s: the dot at the end of a name leads to no other place', (pattern, url) => {
    expect(OriginPattern.parse(pattern)?.matches(parseTarget(url).origin)).toBe(true);
  });

  test.each([
    '',
    'api.example.com',
    'ftp://a',
    'https://',
    'https://a/path',
    'https://a?b',
    'https://a*b',
    'https://*.*',
  ])('%j is no pattern', (text) => {
    expect(OriginPattern.parse(text)).toBeNull();
  });
});

test.each([
  ['https://api.example.com:8443', { scheme: 'https', host: 'api.example.com', port: 8443 }],
  ['https://*.example.com', null],
  ['https://api.example.com:*', null],
])('%s: the one origin that it names', (pattern, exact) => {
  expect(OriginPattern.parse(pattern)?.exact).toEqual(exact);
});
