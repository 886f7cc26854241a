// A tiny lab as a process of its own, for a test that ends it in the middle.

import { chooseLabContenders, runNatBench } from '../src/nat/nat-bench.ts';
import { silentProgress } from '../src/progress.ts';
import { scales } from '../src/scale.ts';
import { exitOnSignals } from '../src/tied-process.ts';

exitOnSignals();
await runNatBench(chooseLabContenders(['hawser-node']), scales.tiny, silentProgress);
