// Mutated frames and pure garbage: nothing but a WireError escapes, what is decoded can be encoded again, memory stays bounded.

import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameDecoder, type Peer, WireError } from '../src/index.ts';
import { readVectors } from './vectors.ts';

const budgetMs = 1200;
const seed = Number(process.env.FUZZ_SEED ?? 20_250_101);
const originals = readVectors().filter((vector) => vector.bytes.length > 0 && vector.bytes.length <= 2048);

it(`survives mutated frames (FUZZ_SEED=${seed})`, { timeout: 20_000 }, () => {
  const random = xorshift(seed);
  const tally = run(() => {
    const vector = originals[random(originals.length)];
    if (vector === undefined) throw new Error('no vectors');
    return { from: vector.from, bytes: mutate(vector.bytes, random) };
  }, random);
  // Both outcomes are common; otherwise the mutations test nothing.
  expect(tally.refused).toBeGreaterThan(tally.inputs / 10);
  expect(tally.frames).toBeGreaterThan(tally.inputs / 20);
});

it(`survives garbage (FUZZ_SEED=${seed})`, { timeout: 20_000 }, () => {
  const random = xorshift(seed ^ 0x5bd1e995);
  const tally = run(() => ({ from: random(2) === 0 ? 'client' : 'broker', bytes: garbage(random) }), random);
  expect(tally.refused).toBeGreaterThan(tally.inputs / 2);
});

interface Input {
  from: Peer;
  bytes: Buffer;
}

interface Tally {
  inputs: number;
  frames: number;
  refused: number;
}

function run(next: () => Input, random: Random): Tally {
  const tally: Tally = { inputs: 0, frames: 0, refused: 0 };
  const deadline = performance.now() + budgetMs;
  const memoryBefore = process.memoryUsage();
  while (performance.now() < deadline) {
    const input = next();
    const decoder = new FrameDecoder({ from: input.from });
    const frames: Frame[] = [];
    try {
      for (const piece of split(input.bytes, random)) decoder.push(piece, (frame) => frames.push(frame));
    } catch (error) {
      if (!(error instanceof WireError))
        throw new Error(`escaped for ${input.bytes.toString('hex')}`, { cause: error });
      tally.refused++;
    }
    tally.inputs++;
    tally.frames += frames.length;
    for (const frame of frames) expectEncodable(frame, input);
  }
  const memoryAfter = process.memoryUsage();
  const grownBytes = memoryAfter.heapUsed + memoryAfter.external - memoryBefore.heapUsed - memoryBefore.external;
  expect(grownBytes).toBeLessThan(256 * 1024 * 1024);
  return tally;
}

/** Whatever was decoded is a frame: it can be encoded, and decodes to the same. */
function expectEncodable(frame: Frame, input: Input): void {
  const again: Frame[] = [];
  new FrameDecoder({ from: input.from }).push(encodeFrame(frame), (one) => again.push(one));
  if (!isDeepStrictEqual(again, [frame])) expect(again, input.bytes.toString('hex')).toEqual([frame]);
}

function mutate(original: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let i = random(3); i >= 0; i--) {
    const at = random(bytes.length);
    switch (random(5)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << random(8));
        break;
      case 2:
        bytes[at] = interesting[random(interesting.length)] as number;
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([random(256)]), bytes.subarray(at)]);
    }
    if (bytes.length === 0) return bytes;
  }
  // A wrong length prefix ends most inputs early; repair it often, so that the mutation is looked at.
  if (random(4) !== 0 && bytes.length > 4) bytes.writeUInt32BE(bytes.length - 4, 0);
  return bytes;
}

function garbage(random: Random): Buffer {
  const bytes = Buffer.alloc(1 + random(300));
  for (let at = 0; at < bytes.length; at++) bytes[at] = random(256);
  if (random(2) === 0 && bytes.length > 6) {
    bytes.writeUInt32BE(bytes.length - 4, 0);
    bytes[4] = 0x92 + random(14);
    bytes[5] = random(16);
    for (let at = 6; at < bytes.length; at++)
      if (random(2) === 0) bytes[at] = interesting[random(interesting.length)] as number;
  }
  return bytes;
}

/** First bytes of arrays, maps, str, bin and integers: small, and of every width. */
const interesting = [
  0x00, 0x01, 0x7f, 0x80, 0x81, 0x90, 0x91, 0x92, 0x9f, 0xa0, 0xa1, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
  0xca, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
];

function* split(bytes: Buffer, random: Random): Generator<Buffer> {
  const size = random(2) === 0 ? bytes.length : 1 + random(40);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type Random = (below: number) => number;

/** Marsaglia's xorshift32: the same inputs for the same seed. */
function xorshift(from: number): Random {
  let state = from | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
