// Where results are written: bench/results/latest.json, or the file that --json names.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Results } from '../bench.ts';

const resultsDirectory = fileURLToPath(new URL('../../results/', import.meta.url));

/** Writes them into `bench/results`, or as JSON alone into `file`. */
export function writeResults(results: Results, file: string | null): void {
  const path = file === null ? `${resultsDirectory}latest.json` : resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
}
