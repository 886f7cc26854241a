// The NAT lab end to end, small: direct requests run out of ports, Hawser's do not, and nothing of it stays behind.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually, startNode } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { labPlans } from '../src/nat/lab.ts';
import { chooseLabContenders, formatNatResults, missingForLab, problemsOf, runNatBench } from '../src/nat/nat-bench.ts';
import { processTree } from '../src/process-usage.ts';
import { silentProgress } from '../src/progress.ts';
import { scales } from '../src/scale.ts';

const missing = missingForLab();
const reason = missing.length === 0 ? '' : ` (skipped: needs ${missing.join(', ')})`;

test.skipIf(missing.length > 0)(
  `direct requests run out of ports, Hawser's never${reason}`,
  async () => {
    const results = await runNatBench(chooseLabContenders(['curl-new', 'hawser-node']), scales.tiny, silentProgress);
    const [direct, hawser] = results.ramps;

    expect(direct).toMatchObject({ contender: 'curl-new', firstFailingRate: 40, highestCleanRate: 0 });
    expect(direct?.steps[0]?.insertFailed).toBeGreaterThan(0);
    expect(direct?.steps[0]?.maxPorts).toBeLessThanOrEqual(labPlans.tiny.ports);
    expect(hawser).toMatchObject({ contender: 'hawser-node', firstFailingRate: null });
    expect(hawser?.steps[0]).toMatchObject({ rate: 40, errors: 0, insertFailed: 0 });
    expect(hawser?.steps[0]?.maxPorts).toBeLessThanOrEqual(4);
    expect(hawser?.samples.length).toBeGreaterThan(1);
    expect(problemsOf(results)).toEqual([]);
    expect(formatNatResults(results)).toMatch(/^ {2}curl-new: first had no port at 40\/s; clean up to 0\/s$/m);
  },
  240_000,
);

test.skipIf(missing.length > 0).each(['SIGINT', 'SIGKILL'] as const)(
  `the lab is gone after %s${reason}`,
  async (signal) => {
    await using bench = await startNode(fileURLToPath(new URL('./lab.fixture.ts', import.meta.url)));
    // Three holders of two processes each, the sampler, two of nginx, the broker, and the first PHP workers.
    await eventually(() => processTree(bench.pid).length > 16, { withinMs: 60_000, everyMs: 20 });
    const pids = processTree(bench.pid);
    bench.signal(signal);
    await bench.exited;

    await eventually(() => pids.filter((pid) => isRunning(pid)).length === 0, { withinMs: 30_000, everyMs: 50 });
  },
  240_000,
);

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
