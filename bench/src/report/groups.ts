// Rows by what they can be compared within.

import type { Row } from '../row.ts';

/** Rows by scenario and case, in the order in which they were measured. */
export function groupRows(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, titleOf);
}

export function titleOf(row: Row): string {
  return row.case === null ? row.scenario : `${row.scenario}, ${row.case}`;
}
