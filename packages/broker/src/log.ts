// The log: one JSON object per line on standard output, by pino. The only file that knows it.

import { type Logger, pino } from 'pino';

export type { Logger };

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Synchronous writes: the lines of a process that is about to end are the ones that matter. */
export function createLog(level: LogLevel): Logger {
  return pino({ name: 'hawser', level }, pino.destination({ fd: 1, sync: true }));
}
