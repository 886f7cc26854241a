// The PHP packages of the bench: installed by Composer into bench/php/vendor, with a word; and what PHP says of itself.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeMissing, findProgram, programPath } from './programs.ts';

export interface PhpFacts {
  readonly php: string;
  readonly curl: string;
  readonly openssl: string;
  readonly msgpack: string;
  readonly guzzle: string;
  readonly symfony: string;
  /** PHP 8.5 or newer: share handles outlive the PHP request. */
  readonly hasPersistentShare: boolean;
  readonly hasGuzzleHandler: boolean;
  readonly hasSymfonyClient: boolean;
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const folder = path('../php');
/** Composer leaves its own files alone when nothing changed, so their times say nothing. */
const stamp = path('../php/vendor/.hawser-bench');
const wanted = [path('../php/composer.json'), path('../../php-client/composer.json')];

/** Whether `composer update` has run since either composer.json was changed. */
function arePhpPackagesInstalled(): boolean {
  if (!existsSync(stamp)) return false;
  const installedAt = statSync(stamp).mtimeMs;
  return wanted.every((file) => statSync(file).mtimeMs <= installedAt);
}

/** Installs them where they are missing or older than what asks for them, after it has said so. */
export async function installPhpPackages(say: (text: string) => void): Promise<void> {
  if (arePhpPackagesInstalled()) return;
  const composer = findProgram('composer');
  if (composer === null) throw new Error(describeMissing('composer'));
  say('Installing the PHP packages of the bench into bench/php/vendor');
  const args = ['update', `--working-dir=${folder}`, '--no-dev', '--no-interaction', '--no-progress'];
  const env = { ...process.env, COMPOSER_ALLOW_SUPERUSER: '1' };
  await promisify(execFile)(composer, [...args, '--optimize-autoloader'], { env });
  writeFileSync(stamp, '');
}

export function readPhpFacts(): PhpFacts {
  return JSON.parse(execFileSync(programPath('php'), [path('../php/facts.php')], { encoding: 'utf8' })) as PhpFacts;
}
