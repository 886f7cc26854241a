// What the servers of the interop tests serve, and how it is recognised on the other side.

import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentBytes, type TemporaryDirectory } from '@hawser/testkit';

const mebibyte = 1024 * 1024;

export const contents = {
  small: contentBytes(512),
  large: contentBytes(10 * mebibyte),
} as const;

export const digests = {
  small: sha256(contents.small),
  large: sha256(contents.large),
} as const;

/** Writes them as files; the result is their folder. */
export function writeContents(directory: TemporaryDirectory): string {
  // Servers that give up root read their documents as another user.
  chmodSync(directory.path, 0o755);
  const documents = directory.file('documents');
  mkdirSync(documents);
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(documents, name), bytes);
  return documents;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
