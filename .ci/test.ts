// Runs every check and test of both languages and ends with one line that counts them; step names as arguments narrow it.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join, resolve } from 'node:path';
import { runCommand } from './command.ts';
import { addTallies, countJunit, countVitest, emptyTally, formatTally, type Tally } from './tally.ts';

/** A check counts as one test. A suite is counted by the report it wrote. */
interface Step {
  readonly name: string;
  readonly group: 'lint' | 'tests';
  readonly cwd: string;
  readonly command: () => readonly string[];
  readonly env?: () => NodeJS.ProcessEnv;
  readonly count?: () => Tally;
}

const root = resolve(import.meta.dirname, '..');
const phpClient = join(root, 'php-client');
const scratch = mkdtempSync(join(tmpdir(), 'hawser-test-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
const report = (name: string): string => join(scratch, name);

const steps: readonly Step[] = [
  { name: 'biome', group: 'lint', cwd: root, command: () => ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'tsc', group: 'lint', cwd: root, command: () => ['tsc', '-b', ...typescriptProjects()] },
  {
    name: 'depcruise',
    group: 'lint',
    cwd: root,
    command: () => ['depcruise', '--config', '.dependency-cruiser.cjs', 'packages', 'bench'],
  },
  { name: 'knip', group: 'lint', cwd: root, command: () => ['knip'] },
  {
    name: 'phpstan',
    group: 'lint',
    cwd: phpClient,
    command: () => ['vendor/bin/phpstan', 'analyse', '--no-progress', '--memory-limit=1G'],
  },
  {
    name: 'php-cs-fixer',
    group: 'lint',
    cwd: phpClient,
    command: () => [
      'vendor/bin/php-cs-fixer',
      'check',
      '--diff',
      '--show-progress=none',
      '--no-interaction',
      '--config=.php-cs-fixer.dist.php',
    ],
  },
  {
    name: 'vitest',
    group: 'tests',
    cwd: root,
    command: () => [
      'vitest',
      'run',
      '--config=.ci/vitest.config.ts',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report('vitest.json')}`,
    ],
    count: () => countVitest(readFileSync(report('vitest.json'), 'utf8')),
  },
  {
    name: 'phpunit',
    group: 'tests',
    cwd: phpClient,
    command: () => ['vendor/bin/phpunit', '--log-junit', report('phpunit.xml')],
    count: () => countJunit(readFileSync(report('phpunit.xml'), 'utf8')),
  },
  {
    name: 'phpunit-without-msgpack',
    group: 'tests',
    cwd: phpClient,
    // Symfony's contract suite is about the client above the codec, and waits for its server most of its time: once is enough.
    command: () => [
      'vendor/bin/phpunit',
      '--exclude-group=one-codec',
      '--log-junit',
      report('phpunit-without-msgpack.xml'),
    ],
    env: () => ({ PHP_INI_SCAN_DIR: iniWithoutMsgpack() }),
    count: () => countJunit(readFileSync(report('phpunit-without-msgpack.xml'), 'utf8')),
  },
];

process.exitCode = await main(process.argv.slice(2));

async function main(wanted: readonly string[]): Promise<number> {
  const chosen = steps.filter(
    (step) => wanted.length === 0 || wanted.includes(step.name) || wanted.includes(step.group),
  );
  if (chosen.length === 0) {
    console.error(`No such step. Steps: lint, tests, ${steps.map((step) => step.name).join(', ')}`);
    return 2;
  }
  const lines: string[] = [];
  let total = emptyTally;
  for (const step of chosen) {
    const startedAt = performance.now();
    const tally = await runStep(step);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    total = addTallies(total, tally);
    lines.push(`${step.name.padEnd(24)} ${seconds.padStart(7)} s   ${formatTally(tally)}`);
  }
  console.log(`\n${lines.join('\n')}\n\n${formatTally(total)}`);
  return total.failed === 0 ? 0 : 1;
}

async function runStep(step: Step): Promise<Tally> {
  console.log(`\n── ${step.name}`);
  try {
    const exitCode = await runCommand(step.command(), {
      cwd: step.cwd,
      env: { PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`, ...step.env?.() },
    });
    const tally = step.count === undefined ? { ...emptyTally, passed: exitCode === 0 ? 1 : 0 } : step.count();
    if (tally.passed + tally.failed === 0 && step.count !== undefined) throw new Error('no test ran');
    // A runner may fail where no test of it did: an unhandled rejection, a leak, a risky test.
    return exitCode !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
  } catch (error) {
    console.error(`${step.name}: ${error instanceof Error ? error.message : error}`);
    return { ...emptyTally, failed: 1 };
  }
}

/** Every folder that `tsc -b` builds or checks. A test folder without a tsconfig.json would go unchecked, so it is refused. */
function typescriptProjects(): string[] {
  const unchecked = globSync(['packages/*/test', 'bench/test'], { cwd: root }).filter(
    (folder) => !existsSync(join(root, folder, 'tsconfig.json')),
  );
  if (unchecked.length > 0) throw new Error(`no tsconfig.json in ${unchecked.join(', ')}`);
  return globSync(
    ['packages/*/tsconfig.json', 'packages/*/test/tsconfig.json', 'bench/**/tsconfig.json', '.ci/tsconfig.json'],
    {
      cwd: root,
      exclude: (path) => basename(path) === 'node_modules',
    },
  );
}

/** PHP's own ini files less the one that loads msgpack: the extension is truly absent, for the processes of the tests too. */
function iniWithoutMsgpack(): string {
  const folder = join(scratch, 'php-ini');
  mkdirSync(folder);
  const scanned = execFileSync('php', ['-r', 'echo php_ini_scanned_files();'], { encoding: 'utf8' });
  for (const file of scanned.split(',').map((path) => path.trim())) {
    if (file !== '' && !basename(file).includes('msgpack')) symlinkSync(file, join(folder, basename(file)));
  }
  return folder;
}
