// Where the programs are that the bench runs, and what to say of one that is missing.

import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Name of a program → the Debian package that holds it. */
const packages = {
  composer: 'composer',
  haproxy: 'haproxy',
  ip: 'iproute2',
  nft: 'nftables',
  nginx: 'nginx',
  nsenter: 'util-linux',
  php: 'php-cli php-curl php-msgpack php-mbstring php-xml',
  'php-fpm': 'php-fpm',
  setpriv: 'util-linux',
  unshare: 'util-linux',
} as const;

export type Program = keyof typeof packages;

/** Debian keeps servers where not every user's PATH looks. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
const fpmNames = ['php-fpm', 'php-fpm8.5', 'php-fpm8.4', 'php-fpm8.3', 'php-fpm8.2'];

/** The program's path; null where it is not installed. */
export function findProgram(program: Program): string | null {
  for (const name of program === 'php-fpm' ? fpmNames : [program]) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return null;
}

/** The path of a program that was found before. */
export function programPath(program: Program): string {
  const path = findProgram(program);
  if (path === null) throw new Error(describeMissing(program));
  return path;
}

export function describeMissing(program: Program): string {
  return `${program} is not installed (Debian: apt-get install ${packages[program]})`;
}

/** The first version number that the program tells, as in `2.6.12`. */
export function programVersion(program: Program): string {
  const path = findProgram(program);
  if (path === null) return 'not installed';
  const flag = program === 'haproxy' || program === 'nginx' ? '-v' : program === 'ip' ? '-V' : '--version';
  const run = `"$0" ${flag} 2>&1`;
  return /\d+\.\d+(\.\d+)?/.exec(execFileSync('sh', ['-c', run, path], { encoding: 'utf8' }))?.[0] ?? 'unknown';
}
