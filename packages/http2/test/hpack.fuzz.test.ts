// Header blocks mutated, invented and round: only an HpackError escapes, memory stays bounded, and what is encoded is decoded.

import { expect, test } from 'vitest';
import { HpackDecoder, HpackEncoder, HpackError } from '../src/native/hpack/index.ts';
import type { RequestHead } from '../src/session.ts';
import { type Random, xorshift } from './xorshift.ts';

const budgetMs = 800;
const seed = Number(process.env.FUZZ_SEED ?? 20_261_125);
const limits = { maxTableBytes: 4096, maxFieldLines: 50, maxFieldSectionBytes: 4096 };

test(`survives mutated and invented blocks (FUZZ_SEED=${seed})`, { timeout: 20_000 }, () => {
  const random = xorshift(seed);
  const tally = { blocks: 0, refused: 0, beyond: 0, decoded: 0 };
  const until = performance.now() + budgetMs;
  const memoryBefore = memoryBytes();
  while (performance.now() < until) {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(limits);
    try {
      for (let i = random(6); i >= 0; i--) {
        const block = random(4) === 0 ? invent(random) : mutate(encode(encoder, randomHead(random)), random);
        tally.blocks++;
        const fields = decoder.decode(block);
        if (fields === null) tally.beyond++;
        else {
          tally.decoded++;
          // Eight pseudo-fields are free.
          expect(fields.length / 2).toBeLessThanOrEqual(limits.maxFieldLines + 8);
          expect(fields.join('').length).toBeLessThanOrEqual(limits.maxFieldSectionBytes + 8 * 1024);
        }
      }
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      tally.refused++;
    }
  }
  expect(memoryBytes() - memoryBefore).toBeLessThan(256 * 1024 * 1024);
  // Each outcome is common; otherwise the blocks test nothing.
  expect(tally.refused).toBeGreaterThan(tally.blocks / 20);
  expect(tally.decoded).toBeGreaterThan(tally.blocks / 20);
  expect(tally.beyond).toBeGreaterThan(tally.blocks / 1000);
});

test(`decodes whatever is encoded, whatever the table does meanwhile (FUZZ_SEED=${seed})`, { timeout: 20_000 }, () => {
  const random = xorshift(seed ^ 0x5bd1e995);
  const until = performance.now() + budgetMs;
  while (performance.now() < until) {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder({ maxTableBytes: 16 * 1024, maxFieldLines: 1000, maxFieldSectionBytes: 1024 * 1024 });
    const strict = new HpackDecoder({ maxTableBytes: 16 * 1024, maxFieldLines: 3, maxFieldSectionBytes: 200 });
    const authorities = [randomText(random, 30), randomText(random, 10)];
    for (let i = 0; i < 100; i++) {
      for (let changes = random(8) === 0 ? random(3) : 0; changes > 0; changes--) {
        encoder.setMaxTableBytes([0, 40, 100, 1000, 4096, 20_000][random(6)] as number);
      }
      const head = { ...randomHead(random), authority: authorities[random(2)] as string };
      const { method, scheme, authority, path, fields } = head;
      const block = encode(encoder, head);
      const expected = [':method', method, ':scheme', scheme, ':authority', authority, ':path', path, ...fields];
      expect(decoder.decode(block)).toEqual(expected);
      // One that refuses most blocks stays right all the same.
      const taken = strict.decode(block);
      if (taken !== null) expect(taken).toEqual(expected);
    }
  }
}); // biome-ignore format: options of a decoder in one line

function encode(encoder: HpackEncoder, head: RequestHead): Buffer {
  const into = Buffer.alloc(encoder.maxEncodedBytes(head));
  const end = encoder.encodeRequest(head, into, 0);
  expect(end).toBeLessThanOrEqual(into.length);
  return into.subarray(0, end);
}

const names = [
  'accept',
  'user-agent',
  'cookie',
  'authorization',
  'content-length',
  'x-tenant',
  'x-api-key',
  'date',
  'te',
];

function randomHead(random: Random): RequestHead {
  const fields: string[] = [];
  for (let i = random(random(8) === 0 ? 60 : 6); i > 0; i--) {
    const name = random(5) === 0 ? randomText(random, 20) : (names[random(names.length)] as string);
    fields.push(name, random(2) === 0 ? `${random(10)}` : randomText(random, random(20) === 0 ? 2000 : 40));
  }
  return {
    method: random(2) === 0 ? 'GET' : 'PATCH',
    scheme: random(2) === 0 ? 'https' : 'http',
    authority: 'api.example.com',
    path: random(2) === 0 ? '/' : `/${randomText(random, 20)}`,
    fields,
  };
}

/** Latin letters mostly, any octet now and then. */
function randomText(random: Random, maxLength: number): string {
  let text = '';
  const isPlain = random(3) > 0;
  for (let i = random(maxLength); i > 0; i--) text += String.fromCharCode(isPlain ? 97 + random(26) : random(256));
  return text;
}

function mutate(block: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(block);
  for (let i = random(4); i > 0 && bytes.length > 0; i--) {
    const at = random(bytes.length);
    switch (random(4)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << random(8));
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length))]);
    }
  }
  return bytes;
}

/** Octets that are mostly references, sizes and lengths at their edges. */
function invent(random: Random): Buffer {
  const edges = [0x00, 0x0f, 0x10, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x82, 0xbd, 0xbe, 0xbf, 0xc0, 0xff, 0x01, 0x61];
  const isEdgy = random(2) === 0;
  const bytes = Buffer.alloc(random(random(20) === 0 ? 20_000 : 60));
  for (let at = 0; at < bytes.length; at++) bytes[at] = isEdgy ? (edges[random(edges.length)] as number) : random(256);
  return bytes;
}

function memoryBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}
