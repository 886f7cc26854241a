// A directory that is gone when its owner lets go of it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `using directory = createTemporaryDirectory()` removes it with everything in it at the end of the scope; `remove` does so by hand.
 * The path is short, because the path of a Unix socket has room for about 100 bytes.
 */
export interface TemporaryDirectory extends Disposable {
  readonly path: string;
  /** Path of a name in it. */
  file(name: string): string;
  remove(): void;
}

export function createTemporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'hawser-'));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  return { path, file: (name) => join(path, name), remove, [Symbol.dispose]: remove };
}
