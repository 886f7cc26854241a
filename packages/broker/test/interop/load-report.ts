// What the PHP processes of a run saw, added up.

/** An exchange that ended with an exception, or with another answer than the right one (`wrong_answer`). */
export interface Failure {
  readonly method: string;
  readonly id: string;
  readonly name: string;
  readonly processed: 'no' | 'maybe';
  readonly message: string;
  readonly attempts: number;
  /** `reused`, or why the session of the last attempt was opened. */
  readonly session: string;
}

export interface LoadReport {
  /** Right answers. */
  readonly answers: number;
  /** Answers that took more than one attempt. */
  readonly repeated: number;
  /** Answers by what their facts say of the session: `reused`, or why it was opened. */
  readonly sessions: Readonly<Record<string, number>>;
  readonly protocols: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
}

export function addReports(reports: readonly LoadReport[]): LoadReport {
  const sum = (pick: (report: LoadReport) => number) => reports.reduce((total, report) => total + pick(report), 0);
  const merge = (pick: (report: LoadReport) => Readonly<Record<string, number>>) => {
    const merged: Record<string, number> = {};
    for (const report of reports) {
      for (const [key, count] of Object.entries(pick(report))) merged[key] = (merged[key] ?? 0) + count;
    }
    return merged;
  };
  return {
    answers: sum((report) => report.answers),
    repeated: sum((report) => report.repeated),
    sessions: merge((report) => report.sessions),
    protocols: merge((report) => report.protocols),
    failures: reports.flatMap((report) => report.failures),
  };
}

/** Failures that differ in more than their id, each with how often it came: what a failed assertion shows. */
export function summarize(failures: readonly Failure[]): string[] {
  const counts = new Map<string, number>();
  for (const { method, name, processed, message, attempts, session } of failures) {
    const what = message.replaceAll(/\?id=\S+|:\d+/g, '');
    const text = `${method} ${name} after ${attempts} attempts, processed: ${processed}, session: ${session} (${what})`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => `${count} × ${text}`);
}
