// The demo does what the README says of it: one table, one line, exit 0, nothing left running.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startNode } from '@hawser/testkit';
import { expect, test } from 'vitest';

test('the demo prints its table and leaves nothing behind', async () => {
  const before = hawserProcesses();
  await using demo = await startNode(fileURLToPath(new URL('../src/demo.ts', import.meta.url)));
  const { code } = await demo.exited;

  expect(demo.stderr).toBe('');
  expect(code).toBe(0);
  expect(demo.stdout).toMatch(/^curl, direct +1600 +1600 /m);
  expect(demo.stdout).toMatch(/^Hawser +1 +1 /m);
  expect(demo.stdout).toMatch(/^With Hawser the origin saw 1 connection instead of 1600/m);
  expect(hawserProcesses().filter((pid) => !before.includes(pid))).toEqual([]);
}, 60_000);

/** Processes of this user that run a script of the demo. */
function hawserProcesses(): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^[0-9]+$/.test(pid)) return false;
    try {
      return /request-loop\.php|origin-cli\.ts|hawser-[^/]+\/hawser\.yaml/.test(
        readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      );
    } catch {
      return false;
    }
  });
}
