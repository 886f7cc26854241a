// How long this machine stood still: a process that mostly waits was not run although it was due.

import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Stalls extends Disposable {
  /** The longest since the watch began. */
  longestMs(): number;
}

export function watchStalls(): Stalls {
  const resolutionMs = 10;
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  return {
    longestMs: () => delays.max / 1e6 - resolutionMs,
    [Symbol.dispose]: () => delays.disable(),
  };
}
