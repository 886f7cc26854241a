// Every vector: decoded whole, byte by byte and split at every boundary; encoded back where it is canonical.

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameDecoder, WelcomeFinder, WireError } from '../src/index.ts';
import { readVectors, type VectorCase } from './vectors.ts';

const vectors = readVectors();

describe('decodes', () => {
  const plain = vectors.filter((vector) => vector.nonce === undefined);

  it.each(plain)('whole: $title', (vector) => {
    expectSame(decode(vector, [vector.bytes]), expectedOutcome(vector));
  });

  it.each(plain)('byte by byte: $title', (vector) => {
    expectSame(decode(vector, chunks(vector.bytes, 1)), expectedOutcome(vector));
  });

  it.each(plain)('split at every boundary: $title', (vector) => {
    const expected = expectedOutcome(vector);
    for (const at of boundaries(vector.bytes.length)) {
      const outcome = decode(vector, [vector.bytes.subarray(0, at), vector.bytes.subarray(at)]);
      expectSame(outcome, expected, `split at ${at}`);
    }
  });
});

describe('encodes', () => {
  it.each(vectors.filter((vector) => vector.error === undefined))(
    'so that it decodes to the same: $title',
    (vector) => {
      const encoded = Buffer.concat(vector.frames.map(encodeFrame));
      expectSame(decode(vector, [encoded]).frames, vector.frames);
    },
  );

  it.each(vectors.filter((vector) => vector.isCanonical))('to the same bytes: $title', (vector) => {
    const encoded = Buffer.concat(vector.frames.map(encodeFrame));
    expect(encoded.equals(vector.bytes), `${shorten(encoded)} instead of ${shorten(vector.bytes)}`).toBe(true);
  });
});

it.each(vectors.filter((vector) => vector.nonce !== undefined))('finds WELCOME: $title', (vector) => {
  const { bytes } = vector;
  expectSame(resynchronise(vector, [bytes]), vector.frames, 'whole');
  expectSame(resynchronise(vector, chunks(bytes, 1)), vector.frames, 'byte by byte');
  for (const at of boundaries(bytes.length)) {
    const frames = resynchronise(vector, [bytes.subarray(0, at), bytes.subarray(at)]);
    expectSame(frames, vector.frames, `split at ${at}`);
  }
});

it('reads a good number of vectors of each kind', () => {
  expect(vectors.filter((vector) => vector.error !== undefined).length).toBeGreaterThan(100);
  expect(vectors.filter((vector) => vector.isCanonical).length).toBeGreaterThan(60);
  expect(vectors.filter((vector) => vector.nonce !== undefined).length).toBeGreaterThan(5);
});

/** `toEqual` looks at a large Buffer byte by byte; it is asked only for its message. */
function expectSame(found: unknown, expected: unknown, message?: string): void {
  if (!isDeepStrictEqual(found, expected)) expect(found, message).toEqual(expected);
}

interface Outcome {
  frames: Frame[];
  error: string | undefined;
  source: string | undefined;
  isMidFrame: boolean | undefined;
}

function expectedOutcome(vector: VectorCase): Outcome {
  const { frames, error } = vector;
  if (error !== undefined) return { frames, error, source: vector.from, isMidFrame: undefined };
  return { frames, error: undefined, source: undefined, isMidFrame: vector.isMidFrame };
}

function decode(vector: VectorCase, pieces: Iterable<Buffer>): Outcome {
  const decoder = new FrameDecoder({ from: vector.from });
  const frames: Frame[] = [];
  try {
    for (const piece of pieces) decoder.push(piece, (frame) => frames.push(frame));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { frames, error: error.code, source: error.source, isMidFrame: undefined };
  }
  return { frames, error: undefined, source: undefined, isMidFrame: decoder.isMidFrame };
}

function resynchronise(vector: VectorCase, pieces: Iterable<Buffer>): Frame[] {
  const finder = new WelcomeFinder(vector.nonce as Buffer);
  const decoder = new FrameDecoder({ from: 'broker' });
  const frames: Frame[] = [];
  let isFound = false;
  for (const piece of pieces) {
    const rest = isFound ? piece : finder.push(piece);
    if (rest === undefined) continue;
    isFound = true;
    decoder.push(rest, (frame) => frames.push(frame));
  }
  return frames;
}

function* chunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Every split of a small case; of a large one the first, the last, and some between. */
function boundaries(length: number): number[] {
  const all = Array.from({ length: Math.max(0, length - 1) }, (_, at) => at + 1);
  return length <= 1024 ? all : all.filter((at) => at <= 96 || at > length - 96 || at % 9973 === 0);
}

function shorten(bytes: Buffer): string {
  return bytes.length <= 200 ? bytes.toString('hex') : `${bytes.toString('hex', 0, 200)}… (${bytes.length} bytes)`;
}
