import { expect, it } from 'vitest';
import { addTallies, countJunit, countVitest, formatTally } from './tally.ts';

it('counts what vitest reports, a file that did not load as one failure', () => {
  const report = {
    numPassedTests: 5,
    numFailedTests: 1,
    numPendingTests: 2,
    numTodoTests: 1,
    testResults: [
      { status: 'failed', assertionResults: [{}, {}] },
      { status: 'failed', assertionResults: [] },
      { status: 'passed', assertionResults: [{}] },
    ],
  };
  expect(countVitest(JSON.stringify(report))).toEqual({ passed: 5, failed: 2, skipped: 3 });
});

it('counts what PHPUnit reports from the outermost suite', () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="php-client/phpunit.xml.dist" tests="10" assertions="20" errors="1" failures="2" skipped="3" time="0.1">
    <testsuite name="Unit" tests="4" assertions="5" errors="0" failures="0" skipped="0" time="0.1"/>
  </testsuite>
</testsuites>`;
  expect(countJunit(report)).toEqual({ passed: 4, failed: 3, skipped: 3 });
});

it('counts nothing in a report without a suite', () => {
  expect(countJunit('<testsuites/>')).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

it('prints the sum as one line', () => {
  const sum = addTallies({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 });
  expect(formatTally(sum)).toBe('11 passed, 22 failed, 33 skipped');
});
