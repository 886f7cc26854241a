// Where results are written: JSON, report and charts in bench/results, or JSON alone where --json says.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Results } from '../bench.ts';
import { drawCpu, drawRates } from './charts.ts';
import { groupRows } from './groups.ts';
import { formatReport } from './markdown.ts';

export const resultsDirectory = fileURLToPath(new URL('../../results/', import.meta.url));

/** Writes them as JSON into `file`. */
export function writeJson(results: Results, file: string): void {
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
}

/**
 * Writes `latest.json`, `report.md` and the charts into `directory`. Rows of scenarios that were not run this time stay,
 * where they come from the same machine, versions and scale: a full run may be made scenario by scenario.
 */
export function writeReport(results: Results, what: ReadonlyMap<string, string>, directory: string): void {
  const path = join(directory, 'latest.json');
  const merged = existsSync(path) ? merge(JSON.parse(readFileSync(path, 'utf8')) as Results, results, what) : results;
  writeJson(merged, path);
  const charts = new Map<string, string[]>();
  for (const [title, rows] of groupRows(merged.rows)) {
    const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
    const files = [`${name}-rate.svg`];
    writeFileSync(join(directory, files[0] as string), drawRates(`${title}: requests per second`, rows));
    if (rows.some((row) => row.originCpuUs !== null)) {
      files.push(`${name}-cpu.svg`);
      writeFileSync(join(directory, `${name}-cpu.svg`), drawCpu(`${title}: CPU per request`, rows));
    }
    charts.set(title, files);
  }
  writeFileSync(join(directory, 'report.md'), formatReport(merged, what, charts));
}

/** In the order of `what`. */
function merge(old: Results, results: Results, what: ReadonlyMap<string, string>): Results {
  const isSame = (['machine', 'versions', 'scale'] as const).every((key) => isDeepStrictEqual(old[key], results[key]));
  if (!isSame) return results;
  const ran = new Set(results.rows.map((row) => row.scenario));
  const order = [...what.keys()];
  const rows = [...old.rows.filter((row) => !ran.has(row.scenario)), ...results.rows].sort(
    (a, b) => order.indexOf(a.scenario) - order.indexOf(b.scenario),
  );
  const skipped = [
    ...old.skipped.filter(({ scenario }) => scenario !== null && !ran.has(scenario)),
    ...results.skipped,
  ];
  return { ...results, rows, skipped, seconds: old.seconds + results.seconds };
}
