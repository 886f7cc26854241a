import { beforeEach, describe, expect, test } from 'vitest';
import type { RequestHead } from '../../session.ts';
import { HpackDecoder } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';

const decoderOptions = { maxTableBytes: 16 * 1024, maxFieldLines: 1000, maxFieldSectionBytes: 1024 * 1024 };

const head: RequestHead = { method: 'GET', scheme: 'https', authority: 'api.example.com', path: '/v1/me', fields: [] };

let encoder: HpackEncoder;
let decoder: HpackDecoder;

beforeEach(() => {
  encoder = new HpackEncoder();
  decoder = new HpackDecoder(decoderOptions);
});

/** The block of a request; it means what it should, and has at most the octets that were promised. */
function request(changes: Partial<RequestHead> = {}): Buffer {
  const asked = { ...head, ...changes };
  const { method, scheme, authority, path, fields } = asked;
  const block = write(encoder.maxEncodedBytes(asked), (into, offset) => encoder.encodeRequest(asked, into, offset));
  const expected = [':method', method, ':scheme', scheme, ':authority', authority, ':path', path, ...fields];
  expect(decoder.decode(block)).toEqual(expected);
  return block;
}

/** The block of trailers: no pseudo-fields, so that one line can be looked at alone. */
function line(...fields: string[]): Buffer {
  const block = write(encoder.maxEncodedTrailerBytes(fields), (into, offset) =>
    encoder.encodeTrailers(fields, into, offset),
  );
  expect(decoder.decode(block)).toEqual(fields);
  return block;
}

function write(maxBytes: number, encode: (into: Buffer, offset: number) => number): Buffer {
  const before = 3;
  const into = Buffer.alloc(before + maxBytes + 64, 0xaa);
  const end = encode(into, before);
  expect(end - before).toBeLessThanOrEqual(maxBytes);
  expect(into.subarray(end).every((octet) => octet === 0xaa)).toBe(true);
  expect(into.subarray(0, before)).toEqual(Buffer.from('aaaaaa', 'hex'));
  return into.subarray(before, end);
}

test('a request that comes again takes an octet for each field', () => {
  const fields = ['user-agent', 'hawser/1', 'accept', '*/*', 'x-tenant', 'blue'];
  request({ fields });
  request({ fields });
  expect(request({ fields })).toHaveLength(4 + fields.length / 2);
  // Other fields between do not lose it.
  request({ path: '/v1/other', fields: ['user-agent', 'other/1', 'x-tenant', 'red'] });
  expect(request({ fields })).toHaveLength(4 + fields.length / 2);
});

test.each([
  ['GET', 'https', '/', [0x82, 0x87, 0x84]],
  ['POST', 'http', '/index.html', [0x83, 0x86, 0x85]],
] as const)('%s %s %s are in the static table', (method, scheme, path, [first, second, third]) => {
  const block = request({ method, scheme, path });
  expect([block[0], block[1], block.at(-1)]).toEqual([first, second, third]);
});

describe('what is indexed', () => {
  test.each(['user-agent', 'accept', 'content-type'])('%s at first sight', (name) => {
    expect((line(name, 'some value')[0] as number) & 0xc0).toBe(0x40);
    expect(line(name, 'some value')).toHaveLength(1);
  });

  test('another field when its value comes again', () => {
    expect((line('x-tenant', 'blue')[0] as number) & 0xf0).toBe(0);
    expect((line('x-tenant', 'red')[0] as number) & 0xf0).toBe(0);
    expect((line('x-tenant', 'blue')[0] as number) & 0xc0).toBe(0x40);
    expect(line('x-tenant', 'blue')).toHaveLength(1);
  });

  test('a method that is not in the static table, and a path without query', () => {
    request({ method: 'DELETE' });
    request({ method: 'DELETE' });
    expect(request({ method: 'DELETE' })).toHaveLength(4);
  });
});

describe('what is not indexed', () => {
  test.each([
    'authorization',
    'cookie',
    'proxy-authorization',
    'x-api-key',
    'x-auth-token',
    'x-amz-security-token',
    'x-hub-signature-256',
    'x-csrf-token',
    'x_session',
    'apikey',
  ])('%s is marked for every later hop', (name) => {
    for (let round = 0; round < 3; round++) {
      expect((line(name, 'secret')[0] as number) & 0xf0).toBe(0x10);
      expect((line(name, 's')[0] as number) & 0xf0).toBe(0x10);
    }
  });

  test.each(['content-length', 'date', 'if-none-match', 'x-request-id', 'traceparent', 'idempotency-key'])(
    '%s is a plain literal each time',
    (name) => {
      for (let round = 0; round < 3; round++) expect((line(name, '17')[0] as number) & 0xf0).toBe(0);
    },
  );

  test('a path with a query', () => {
    const lengths = [0, 1, 2].map(() => request({ path: '/search?q=rope' }).length);
    expect(lengths[2]).toBe(lengths[1]);
    expect(lengths[2]).toBeGreaterThan('/search?q=rope'.length);
  });

  test('a value larger than a quarter of the table, so that it cannot clear it', () => {
    const block = line('user-agent', 'u'.repeat(1024));
    expect((block[0] as number) & 0xf0).toBe(0);
    expect((line('user-agent', 'u'.repeat(1024 - 42))[0] as number) & 0xc0).toBe(0x40);
  });

  test('values that change each time leave the table to those that do not', () => {
    request({ fields: ['user-agent', 'hawser/1'] });
    for (let i = 0; i < 2000; i++) {
      request({ path: `/items/${i}`, fields: ['x-new', `${i}`, `x-name-${i}`, 'v'.repeat(100), 'content-length', `${i}`] });
    }
    expect(request({ path: '/', fields: ['user-agent', 'hawser/1'] })).toHaveLength(5);
  }); // biome-ignore format: the fields in one line
});

describe('the table`s size', () => {
  test('is announced once, the smallest and then the last', () => {
    encoder.setMaxTableBytes(4096);
    expect(line('a', 'b')[0]).toBe(0);
    encoder.setMaxTableBytes(100);
    expect(line('a', 'c').subarray(0, 2)).toEqual(Buffer.from('3f45', 'hex'));
    expect(line('a', 'd')[0]).toBe(0);
    encoder.setMaxTableBytes(0);
    encoder.setMaxTableBytes(50);
    encoder.setMaxTableBytes(4096);
    expect(line('a', 'e').subarray(0, 4)).toEqual(Buffer.from('203fe11f', 'hex'));
    // Back where it was, and yet the origin may have evicted in between.
    encoder.setMaxTableBytes(0);
    encoder.setMaxTableBytes(4096);
    expect(line('a', 'f').subarray(0, 4)).toEqual(Buffer.from('203fe11f', 'hex'));
  });

  test('is used up to 16 KiB of what the origin would keep', () => {
    encoder.setMaxTableBytes(2 ** 32 - 1);
    expect(line('a', 'b').subarray(0, 4)).toEqual(Buffer.from('3fe17f00', 'hex'));
  });

  test('of nothing indexes nothing', () => {
    encoder.setMaxTableBytes(0);
    const lengths = [0, 1, 2].map(() => request({ fields: ['user-agent', 'hawser/1'] }).length);
    expect(lengths[2]).toBe(lengths[1]);
  });

  test('keeps both ends alike through evictions', () => {
    for (let i = 0; i < 500; i++) {
      if (i % 50 === 0) encoder.setMaxTableBytes((i * 7) % 600);
      request({ authority: `host-${i % 7}.example.com`, fields: ['user-agent', `agent/${i % 11}`, 'x-a', `${i % 3}`] });
    }
  });
});

test('names beyond number are forgotten, and what they meant is still right', () => {
  for (let i = 0; i < 1000; i++) {
    const name = `x-${'n'.repeat(i % 200)}-${i % 400}`;
    line(name, 'same');
    line(name, 'same');
    line(name, 'same');
  }
});

test('every octet and every length up to 300 comes back as it went', () => {
  for (let length = 0; length <= 300; length++) {
    const value = Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) % 256)).toString('latin1');
    line('content-length', value);
    line('accept', value);
    line(`n${length}`, value, `n${length}`, value);
  }
});
