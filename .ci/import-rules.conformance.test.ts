// .dependency-cruiser.cjs against a small tree in which every rule is broken once: a rule that matches nothing proves nothing.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const tree = mkdtempSync(join(tmpdir(), 'hawser-imports-'));
afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** Package → the workspace packages and libraries it declares. */
const packages: Record<string, readonly string[]> = {
  protocol: ['msgpackr'],
  http2: [],
  upstream: ['@hawser/http2', '@hawser/testkit', 'undici'],
  broker: ['@hawser/protocol', '@hawser/upstream', 'commander', 'pino', 'yaml', 'zod'],
  testkit: ['@hawser/protocol', '@hawser/upstream'],
};

/** File → its text, and the rules it breaks. */
const files: Record<string, readonly [text: string, ...rules: string[]]> = {
  'packages/protocol/src/msgpack.ts': ["import 'msgpackr';"],
  'packages/protocol/src/encode.ts': ["import 'msgpackr';", 'msgpackr-through-one-file'],
  'packages/protocol/src/up.ts': [
    "import type { Session } from '../../http2/src/index.ts'; export type A = Session;",
    'packages-not-by-relative-path',
    'protocol-imports-only-what-is-drawn',
  ],
  'packages/http2/src/node-engine.ts': ["import 'node:http2';"],
  'packages/http2/src/pool.ts': ["import 'node:http2';", 'node-http2-through-one-file'],
  'packages/http2/src/ring-a.ts': ["export type { B } from './ring-b.ts'; export type A = 1;", 'no-cycles'],
  'packages/http2/src/ring-b.ts': ["export type { A } from './ring-a.ts'; export type B = 1;"],
  'packages/upstream/src/http1-session.ts': ["import 'undici'; import '@hawser/http2';"],
  'packages/upstream/src/pool.ts': ["import { request } from 'undici'; request;", 'undici-through-one-file'],
  'packages/upstream/src/insides.ts': [
    "import type { Session } from '../../http2/src/session.ts'; export type A = Session;",
    'packages-by-name-only',
    'packages-not-by-relative-path',
  ],
  'packages/upstream/src/around-exports.ts': [
    "export type A = import('@hawser/http2/src/session.ts').Session;",
    'resolvable',
  ],
  'packages/upstream/src/tests.ts': ["import './pool.test.ts';", 'production-imports-no-tests'],
  'packages/upstream/src/testkit.ts': ["import '@hawser/testkit';", 'production-imports-no-tests'],
  'packages/upstream/src/pool.test.ts': ["import '@hawser/testkit';"],
  'packages/upstream/test/drain.integration.test.ts': [
    "import '@hawser/testkit'; import '../src/pool.ts'; import 'undici';",
  ],
  'packages/broker/src/main.ts': ["import 'commander'; import '@hawser/protocol'; import '@hawser/upstream';"],
  'packages/broker/src/exchange.ts': [
    "import 'commander'; import 'pino'; import 'yaml'; import 'zod';",
    'commander-through-one-file',
    'pino-through-one-file',
    'yaml-through-one-file',
    'zod-through-one-file',
  ],
  'packages/broker/src/surprise.ts': [
    "import 'vitest';",
    'production-imports-no-tests',
    'unlisted-library',
    'declared-dependencies',
  ],
  'packages/testkit/src/origin.ts': ["import 'node:http2'; import '@hawser/protocol';"],
  'packages/testkit/src/pool.ts': ["import '@hawser/upstream';", 'testkit-imports-only-what-is-drawn'],
  'bench/src/demo.ts': ["import '@hawser/testkit';"],
  'bench/src/shortcut.ts': ["import '@hawser/protocol';", 'bench-imports-testkit-only'],
  'bench/src/micro/engine.ts': ["import '@hawser/protocol';"],
  'bench/src/micro/pool.ts': ["import '@hawser/testkit';", 'micro-benchmarks-import-hot-parts-only'],
};

it('finds every planted violation and nothing else', () => {
  plant();
  const found: Record<string, Set<string>> = {};
  for (const { from, rule } of cruise()) {
    found[from] ??= new Set();
    found[from].add(rule.name);
  }
  const planted = Object.entries(files).filter(([, [, ...rules]]) => rules.length > 0);
  expect(found).toEqual(Object.fromEntries(planted.map(([file, [, ...rules]]) => [file, new Set(rules)])));
});

function plant(): void {
  for (const [name, imports] of Object.entries(packages)) {
    const folder = join(tree, 'packages', name);
    const dependencies = Object.fromEntries(imports.map((dependency) => [dependency, '*']));
    const manifest = { name: `@hawser/${name}`, exports: { '.': './src/index.ts' }, dependencies };
    write(join(folder, 'package.json'), JSON.stringify(manifest));
    write(join(folder, 'src/index.ts'), 'export type Session = 1;');
    for (const dependency of imports) {
      const target = dependency.startsWith('@hawser/')
        ? join(tree, 'packages', dependency.slice('@hawser/'.length))
        : realpathSync(join(root, 'packages', name, 'node_modules', dependency));
      link(target, join(folder, 'node_modules', dependency));
    }
  }
  write(join(tree, 'packages/http2/src/session.ts'), 'export type Session = 1;');
  for (const [file, [text]] of Object.entries(files)) write(join(tree, file), text);
  for (const name of ['protocol', 'testkit'])
    link(join(tree, 'packages', name), join(tree, 'bench/node_modules/@hawser', name));
  link(realpathSync(join(root, 'node_modules/vitest')), join(tree, 'node_modules/vitest'));
  write(join(tree, 'package.json'), JSON.stringify({ name: 'hawser', devDependencies: { vitest: '*' } }));
  for (const file of ['.dependency-cruiser.cjs', 'tsconfig.base.json'])
    copyFileSync(join(root, file), join(tree, file));
}

function cruise(): readonly { readonly from: string; readonly rule: { readonly name: string } }[] {
  const command = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'packages', 'bench'];
  const { stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout).summary.violations;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
