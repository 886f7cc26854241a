import { expect, it } from 'vitest';
import { packAfterPrefix, unpackRange } from './msgpack.ts';

it('leaves four bytes free for the length prefix', () => {
  expect(packAfterPrefix([1, 'a']).subarray(4).toString('hex')).toBe('9201a161');
});

it('chooses the shortest encodings', () => {
  const packed = packAfterPrefix([{ v: 127 }, 128, -32, -33, 65536, Buffer.alloc(0), 'a'.repeat(32)]);
  expect(packed.subarray(4).toString('hex')).toBe(`9781a1767fcc80e0d0dfce00010000c400d920${'61'.repeat(32)}`);
});

it('unpacks bin as a view, without a copy', () => {
  const bytes = Buffer.from('ff92c4026162c4016300', 'hex');
  const [first, second] = unpackRange(bytes, 1, 9) as Buffer[];
  expect([first?.toString(), second?.toString()]).toEqual(['ab', 'c']);
  bytes[4] = 0x78;
  expect(first?.toString()).toBe('xb');
});

it('does not let one large frame pin its slab to later ones', () => {
  const large = packAfterPrefix([Buffer.alloc(500_000)]);
  expect(large.buffer.byteLength).toBeGreaterThan(500_000);
  for (let i = 0; i < 10; i++) expect(packAfterPrefix([i]).buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
});

it('keeps frames apart that are packed one after the other', () => {
  const packed = Array.from({ length: 3000 }, (_, i) => packAfterPrefix([i, 'x'.repeat(i % 100)]));
  packed.forEach((bytes, i) => {
    expect(unpackRange(bytes, 4, bytes.length)).toEqual([i, 'x'.repeat(i % 100)]);
  });
});
