// The examples of README.md, run as they stand against a real broker; only the origin's name is another.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startProcess } from '@hawser/testkit';
import { expect, it } from 'vitest';
import { parseConfig } from '../src/index.ts';
import { TestStand } from './test-stand.ts';

const root = new URL('../../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

it('runs every PHP example through the broker', { timeout: 60_000 }, async () => {
  await using stand = await TestStand.start();
  const examples = blocks('php');
  expect(examples.length).toBeGreaterThan(0);
  for (const [index, example] of examples.entries()) {
    const file = stand.directory.file(`example-${index}.php`);
    const autoload = fileURLToPath(new URL('php-client/vendor/autoload.php', root));
    writeFileSync(
      file,
      example.replace("'vendor/autoload.php'", `'${autoload}'`).replaceAll('https://api.example.com', stand.origin.url),
    );
    await using php = await startProcess('php', ['-d', 'display_errors=stderr', file], {
      env: { HAWSER_SOCKET: stand.socket, HAWSER_FALLBACK: 'fail' },
    });
    expect({ example, ...(await php.exited), stderr: php.stderr }).toEqual({
      example,
      code: 0,
      signal: null,
      stderr: '',
    });
    expect(php.stdout).not.toBe('');
  }
});

it('takes the configuration', () => {
  const [example = ''] = blocks('yaml');
  expect(parseConfig(example, 'README.md').listen).toEqual({ socket: '/run/hawser/hawser.sock', mode: 0o660 });
});

it('names scripts that exist', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const named = [...readme.matchAll(/npx -y pnpm@12 ([a-z]+)/g)].map(([, script]) => script);
  expect(named.filter((script) => !((script as string) in scripts))).toEqual([]);
});

it('links to files that exist', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path as string);
  expect(links.length).toBeGreaterThan(0);
  for (const path of links) expect(() => readFileSync(new URL(path, root))).not.toThrow();
});

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code as string);
}
