import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderConfigPage } from './config-page.ts';

const page = new URL('../../../../docs/reference/configuration.md', import.meta.url);

test('docs/reference/configuration.md equals the schema (rewrite it with UPDATE_DOCS=1)', () => {
  const rendered = renderConfigPage();
  if (process.env.UPDATE_DOCS === '1') {
    mkdirSync(new URL('.', page), { recursive: true });
    writeFileSync(page, rendered);
  }
  expect(readFileSync(page, 'utf8')).toBe(rendered);
});

test('every row says what the key may be', () => {
  for (const row of renderConfigPage().split('\n')) {
    if (row.startsWith('| `')) expect(row, row).toMatch(/^\| `[^`]+` \| [^|]+ \| [^|]{3,} \| [^|]+ \|$/);
  }
});
