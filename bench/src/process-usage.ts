// What the kernel accounts to a process and all its descendants: CPU time and memory.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The process and its descendants as they are now; without those that ended. */
export function processTree(pid: number): number[] {
  const pids = [pid];
  for (const parent of pids) {
    for (const thread of entries(`/proc/${parent}/task`)) {
      const children = read(`/proc/${parent}/task/${thread}/children`);
      for (const child of children.split(' ')) if (child.trim() !== '') pids.push(Number(child));
    }
  }
  return pids;
}

/**
 * Microseconds of CPU, user and system, that the threads of the process and its descendants have used, by
 * `/proc/PID/task/TID/schedstat` (exact, where `/proc/PID/stat` counts ticks of 10 ms). Threads that ended are not in it.
 */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const process of processTree(pid)) {
    for (const thread of entries(`/proc/${process}/task`)) {
      nanoseconds += Number(read(`/proc/${process}/task/${thread}/schedstat`).split(' ')[0] ?? 0);
    }
  }
  return nanoseconds / 1000;
}

/** The sum of what each process of the tree had in memory at most (VmHWM) since `resetPeakRss`. */
export function peakRssBytes(pid: number): number {
  let kibibytes = 0;
  for (const process of processTree(pid)) {
    kibibytes += Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${process}/status`))?.[1] ?? 0);
  }
  return kibibytes * 1024;
}

/** Lets VmHWM start again from what is in memory now (proc(5), clear_refs). */
export function resetPeakRss(pid: number): void {
  for (const process of processTree(pid)) {
    try {
      writeFileSync(`/proc/${process}/clear_refs`, '5');
    } catch {
      // Ended, or another user's: its peak then is that of its whole life.
    }
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The file's text; empty where the process ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
