// What the servers of the interop tests serve, and how it is recognised on the other side.

import { createHash } from 'node:crypto';
import { contentBytes } from '@hawser/testkit';

const mebibyte = 1024 * 1024;

export const contents = {
  small: contentBytes(512),
  large: contentBytes(10 * mebibyte),
} as const;

export const digests = {
  small: sha256(contents.small),
  large: sha256(contents.large),
} as const;

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
