// The contenders' configuration files: those in bench/config with the values of this run filled in.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Replaces each `{{name}}` of `bench/config/NAME` and writes the result into `directory`; returns its path. */
export function writeConfigFile(
  name: string,
  directory: string,
  values: Readonly<Record<string, string | number>>,
): string {
  const template = readFileSync(fileURLToPath(new URL(`../config/${name}`, import.meta.url)), 'utf8');
  const text = template.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`bench/config/${name} asks for {{${key}}}, which has no value here`);
    return String(value);
  });
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
