// Gives a deployed folder's own packages what `publishConfig` says, which `pnpm pack` applies and `pnpm deploy` does not.
import { existsSync, globSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: publish-fields.ts FOLDER');

for (const manifest of [
  join(folder, 'package.json'),
  ...globSync(join(folder, 'node_modules/.pnpm/@hawser+*/node_modules/@hawser/*/package.json')),
]) {
  if (existsSync(manifest)) applyPublishConfig(manifest);
}

/** Writes a new file: pnpm hard-links a deployed package to its sources, and those keep their fields. */
function applyPublishConfig(manifest: string): void {
  const { publishConfig, ...fields } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>;
  writeFileSync(`${manifest}.new`, `${JSON.stringify({ ...fields, ...(publishConfig as object) }, null, 2)}\n`);
  renameSync(`${manifest}.new`, manifest);
}
