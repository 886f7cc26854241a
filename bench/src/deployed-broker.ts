// The broker as its image has it: compiled, with production dependencies alone. Node runs the sources as well, and then
// holds the compiler of TypeScript too.

import { fileURLToPath } from 'node:url';
import { createTemporaryDirectory, startProcess } from '@hawser/testkit';

const script = fileURLToPath(new URL('../../.ci/deploy', import.meta.url));
let deployed: Promise<string> | null = null;

/** Path of its program; built once for the whole bench, and removed when that ends. */
export function deployedBroker(): Promise<string> {
  deployed ??= deploy();
  return deployed;
}

async function deploy(): Promise<string> {
  const directory = createTemporaryDirectory();
  process.once('exit', directory.remove);
  const folder = directory.file('broker');
  await using child = await startProcess('bash', [script, folder]);
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`the broker could not be built:\n${child.stdout}${child.stderr}`);
  return `${folder}/dist/main.js`;
}
