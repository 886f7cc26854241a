import { expect, test } from 'vitest';
import { expectedLength, readFields } from './field-section.ts';

const limits = { maxFieldLines: 2, maxFieldSectionBytes: 10 };

test('splits the status off, and leaves trailers whole', () => {
  expect(readFields([':status', '200', 'a', '1'], limits)).toEqual(['a', '1']);
  expect(readFields(['a', '1', 'a', '2'], limits)).toEqual(['a', '1', 'a', '2']);
  expect(readFields([], limits)).toEqual([]);
});

test('takes a section at the limits and refuses one beyond', () => {
  expect(readFields(['ab', '123', 'cd', '456'], limits)).toHaveLength(4);
  const tooLarge = expect.objectContaining({ code: 'fields_too_large', processed: 'maybe' });
  expect(() => readFields(['ab', '123', 'cd', '4567'], limits)).toThrow(tooLarge);
  expect(() => readFields(['a', '1', 'b', '2', 'c', '3'], limits)).toThrow(tooLarge);
});

test.each([
  ['GET', 200, ['content-length', '12'], 12],
  ['GET', 200, ['x', 'content-length'], -1],
  ['HEAD', 200, ['content-length', '12'], -1],
  ['GET', 204, ['content-length', '12'], -1],
  ['GET', 304, ['content-length', '12'], -1],
] as const)('%s %i with %j', (method, status, fields, length) => {
  expect(expectedLength(method, status, fields)).toBe(length);
});
