// Counts passed, failed and skipped tests from the reports that the runners write.

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const emptyTally: Tally = { passed: 0, failed: 0, skipped: 0 };

export function addTallies(one: Tally, other: Tally): Tally {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

export function formatTally(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

/** Vitest's JSON report. A file that does not load has no tests to count: it counts as one that failed. */
export function countVitest(report: string): Tally {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(report) as {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly numPendingTests: number;
    readonly numTodoTests: number;
    readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
  };
  const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return { passed: numPassedTests, failed: numFailedTests + unloaded.length, skipped: numPendingTests + numTodoTests };
}

/** PHPUnit's JUnit report: the outermost `<testsuite>` carries the sums. */
export function countJunit(report: string): Tally {
  const suite = /<testsuite\s[^>]*>/.exec(report)?.[0] ?? '';
  const sum = (attribute: string): number => Number(new RegExp(`\\s${attribute}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = sum('failures') + sum('errors');
  const skipped = sum('skipped');
  return { passed: sum('tests') - failed - skipped, failed, skipped };
}
