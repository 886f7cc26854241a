// Frames in any pieces: what the reader of the engine `native` tells does not depend on where the octets were cut.

import { writeFrame } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { ConnectionError } from '../src/native/connection-error.ts';
import { FrameReader } from '../src/native/frame-reader.ts';
import { type Random, xorshift } from './xorshift.ts';

const budgetMs = 800;
const seed = Number(process.env.FUZZ_SEED ?? 20_261_126);
/** A frame, its header, and nothing else. */
const maxHeldBytes = 16 * 1024 + 9;

test(`tells the same of octets in any pieces (FUZZ_SEED=${seed})`, { timeout: 20_000 }, () => {
  const random = xorshift(seed);
  const until = performance.now() + budgetMs;
  const tally = { inputs: 0, refused: 0, told: 0 };
  while (performance.now() < until) {
    const octets = mutate(Buffer.concat(Array.from({ length: 1 + random(6) }, () => randomFrame(random))), random);
    const whole = read([octets]);
    tally.inputs++;
    tally.told += whole.length;
    if (whole.at(-1)?.startsWith('error') === true) tally.refused++;
    const pieces = randomPieces(octets, random);
    if (read(pieces).join() !== whole.join()) {
      expect(read(pieces), `${octets.toString('hex')} in ${pieces.map(({ length }) => length)}`).toEqual(whole);
    }
    if (octets.length <= 300) expect(read(Array.from(octets, (octet) => Buffer.from([octet])))).toEqual(whole);
  }
  // Each outcome is common; otherwise the inputs test nothing.
  expect(tally.refused).toBeGreaterThan(tally.inputs / 20);
  expect(tally.inputs - tally.refused).toBeGreaterThan(tally.inputs / 20);
  expect(tally.told).toBeGreaterThan(tally.inputs);
});

test('takes frames cut at every place', () => {
  const frames = [
    writeFrame({ type: 'HEADERS', streamId: 1, flags: 4, payload: Buffer.from('block') }),
    writeFrame({ type: 'DATA', streamId: 1 }),
    writeFrame({ type: 'DATA', streamId: 1, payload: Buffer.from('body') }),
    writeFrame({ type: 'DATA', streamId: 3, flags: 9, payload: Buffer.from([3, 1, 2, 0, 0, 0]) }),
    writeFrame({ type: 'DATA', streamId: 3, flags: 8, payload: Buffer.from([1, 0]) }),
    writeFrame({ type: 'SETTINGS', streamId: 0 }),
    writeFrame({ type: 0xff, streamId: 2 ** 31 - 1, flags: 0xff, payload: Buffer.from('what?') }),
  ];
  const octets = Buffer.concat(frames);
  const whole = read([octets]);
  expect(whole).toHaveLength(7);
  for (let first = 0; first <= octets.length; first++) {
    for (let second = first; second <= octets.length; second++) {
      const pieces = [octets.subarray(0, first), octets.subarray(first, second), octets.subarray(second)];
      expect(read(pieces)).toEqual(whole);
    }
  }
});

/** What the reader tells, one line for each frame; parts of a body are put together. */
function read(pieces: readonly Buffer[]): readonly string[] {
  const told: string[] = [];
  let data = '';
  const reader = new FrameReader({
    isClosed: false,
    dataBegins: (streamId, flags, bodyBytes, flowBytes) => {
      data = `DATA ${streamId} ${flags} ${bodyBytes} ${flowBytes} `;
    },
    data: (chunk) => {
      expect(chunk.length).toBeGreaterThan(0);
      data += chunk.toString('hex');
    },
    dataEnds: () => told.push(data),
    frame: (type, flags, streamId, bytes, start, end) => {
      told.push(`${type} ${flags} ${streamId} ${bytes.toString('hex', start, end)}`);
    },
  });
  try {
    for (const piece of pieces) {
      reader.push(piece);
      expect(reader.heldBytes).toBeLessThanOrEqual(maxHeldBytes);
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    told.push(`error ${error.code} ${error.message}`);
  }
  return told;
}

function randomFrame(random: Random): Buffer {
  const length = random(40) === 0 ? 16 * 1024 - random(3) : random(30);
  const payload = Buffer.alloc(length);
  for (let at = 0; at < Math.min(length, 30); at++) payload[at] = random(random(2) === 0 ? 256 : 8);
  const streamId = [0, 1, 3, 7, 2 ** 31 - 1][random(5)] as number;
  return writeFrame({ type: random(3) === 0 ? 0 : random(12), streamId, flags: random(256), payload });
}

function mutate(octets: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(octets);
  for (let i = random(3); i > 0; i--) bytes[random(bytes.length)] = random(256);
  return random(3) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
}

function randomPieces(octets: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  const most = random(2) === 0 ? 12 : octets.length;
  for (let at = 0; at < octets.length; ) {
    const end = Math.min(octets.length, at + random(most + 1));
    pieces.push(octets.subarray(at, end));
    at = end;
  }
  return pieces;
}
