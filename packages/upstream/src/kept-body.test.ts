import type { ExchangeHandle, Fields } from '@hawser/http2';
import { expect, test } from 'vitest';
import { KeptBody, maxKeptBytes, maxKeptChunks } from './kept-body.ts';

test('what came is sent to every attempt, in order, with its end', () => {
  const body = new KeptBody();
  body.write(Buffer.from('one'));
  expect(sent(body)).toEqual(['one']);
  body.write(Buffer.from('two'));
  body.holdBack();
  body.write(Buffer.from('three'));
  body.end(['x-sum', '1']);
  expect(sent(body)).toEqual(['one', 'two', 'three', 'end x-sum 1']);
  expect(sent(body)).toEqual(['one', 'two', 'three', 'end x-sum 1']);
});

test('it is whole up to its limit in bytes, and not beyond', () => {
  const body = new KeptBody();
  sent(body);
  body.write(Buffer.alloc(maxKeptBytes));
  expect(body.isWhole).toBe(true);
  body.write(Buffer.alloc(1));
  expect(body.isWhole).toBe(false);
});

test('it is whole up to its limit in pieces, and not beyond', () => {
  const body = new KeptBody();
  sent(body);
  for (let i = 0; i < maxKeptChunks; i++) body.write(Buffer.from('.'));
  expect(body.isWhole).toBe(true);
  body.write(Buffer.from('.'));
  expect(body.isWhole).toBe(false);
});

test('between two attempts nothing is given up, as nobody else has it; the next attempt gets all of it', () => {
  const body = new KeptBody();
  sent(body);
  body.write(Buffer.alloc(maxKeptBytes));
  body.holdBack();
  body.write(Buffer.alloc(maxKeptBytes, 'x'));
  expect(body.isWhole).toBe(true);
  expect(sent(body).map((call) => call.length)).toEqual([maxKeptBytes, maxKeptBytes]);
  expect(body.isWhole).toBe(false);
});

test('a small piece does not hold the memory that it came in', () => {
  const body = new KeptBody();
  const memory = Buffer.alloc(64 * 1024, 'a');
  body.write(memory.subarray(0, 10));
  memory.fill('b');
  expect(sent(body)).toEqual(['a'.repeat(10)]);
});

function sent(body: KeptBody): string[] {
  const calls: string[] = [];
  const handle: ExchangeHandle = {
    write: (chunk: Buffer) => void calls.push(String(chunk)),
    end: (trailers: Fields = []) => void calls.push(['end', ...trailers].join(' ')),
    consume: () => {},
    cancel: () => {},
  };
  body.sendTo(handle);
  return calls;
}
