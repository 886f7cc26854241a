import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { createTemporaryDirectory } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { ParsedFile } from './parsed-file.ts';

test('a file is parsed when it has changed, and only then', () => {
  using directory = createTemporaryDirectory();
  const path = directory.file('file');
  const parsed: string[] = [];
  const file = new ParsedFile(path, (text) => {
    parsed.push(text);
    return text;
  });
  expect(file.value).toBe('');
  writeFileSync(path, 'one');
  utimesSync(path, 1_000, 1_000);
  expect([file.value, file.value, file.value]).toEqual(['one', 'one', 'one']);
  expect(parsed).toEqual(['', 'one']);
  writeFileSync(path, 'longer');
  expect(file.value).toBe('longer');
});

test('a change in the same tick of the file system is seen, though times and size tell nothing', () => {
  using directory = createTemporaryDirectory();
  const path = directory.file('file');
  const file = new ParsedFile(path, (text) => text);
  writeFileSync(path, 'one');
  const { atime, mtime } = statSync(path);
  utimesSync(path, atime, mtime);
  expect(file.value).toBe('one');
  writeFileSync(path, 'two');
  utimesSync(path, atime, mtime);
  expect(file.value).toBe('two');
});

test('a file that is gone leaves what was read last', () => {
  const directory = createTemporaryDirectory();
  const path = directory.file('file');
  const file = new ParsedFile(path, (text) => text);
  writeFileSync(path, 'one');
  expect(file.value).toBe('one');
  directory.remove();
  expect(file.value).toBe('one');
});
