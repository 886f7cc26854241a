import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderErrorCodesPage } from './error-codes-page.ts';

const page = new URL('../../../docs/protocol/error-codes.md', import.meta.url);

it('docs/protocol/error-codes.md equals the table (rewrite it with UPDATE_DOCS=1)', () => {
  const rendered = renderErrorCodesPage();
  if (process.env.UPDATE_DOCS === '1') writeFileSync(page, rendered);
  expect(readFileSync(page, 'utf8')).toBe(rendered);
});

it('keeps each row on one line', () => {
  for (const row of renderErrorCodesPage().split('\n')) {
    if (row.startsWith('| ')) expect(row.split('|')).toHaveLength(8);
  }
});
