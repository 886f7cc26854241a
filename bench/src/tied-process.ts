// Processes that end with the bench, however it ends, and take their own children along.

import { type ChildProcessOptions, startProcess, type TestProcess } from '@hawser/testkit';
import { processTree } from './process-usage.ts';
import { findProgram } from './programs.ts';

const running = new Set<TestProcess>();

// Before the testkit's own listener, which kills the parents alone: nginx's workers would outlive their master.
process.prependListener('exit', () => {
  for (const child of running) killTree(child.pid);
});

/** Lets SIGINT and SIGTERM end this process by `exit`, so that its listeners run: they end what still runs. */
export function exitOnSignals(): void {
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}

/** Starts a process. Where the bench is killed, the kernel sends it SIGTERM (setpriv(1), PR_SET_PDEATHSIG). */
export async function startTied(
  command: string,
  args: readonly string[],
  options: ChildProcessOptions = {},
): Promise<TestProcess> {
  const setpriv = findProgram('setpriv');
  const child =
    setpriv === null
      ? await startProcess(command, args, options)
      : await startProcess(setpriv, ['--pdeathsig', 'TERM', '--', command, ...args], options);
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return child;
}

/** Ends a process and its children at once: nothing that a bench leaves half done is worth a drain. */
export async function endTree(child: TestProcess): Promise<void> {
  killTree(child.pid);
  await child.exited;
}

function killTree(pid: number): void {
  for (const member of processTree(pid)) {
    try {
      process.kill(member, 'SIGKILL');
    } catch {
      // Ended already.
    }
  }
}
