// Says what is being measured: one line that changes on a terminal, a line for each scenario elsewhere.

export interface Progress {
  /** Something larger begins: a scenario or a case of one. */
  begin(what: string): void;
  /** What is done of it at the moment. */
  step(what: string): void;
  end(): void;
}

export function showProgress(out: NodeJS.WriteStream): Progress {
  let current = '';
  return {
    begin(what) {
      current = what;
      if (!out.isTTY) out.write(`${what} …\n`);
    },
    step(what) {
      if (out.isTTY) out.write(`\r\x1b[2K${current}: ${what}`.slice(0, (out.columns ?? 80) + 4));
    },
    end() {
      if (out.isTTY) out.write('\r\x1b[2K');
    },
  };
}

export const silentProgress: Progress = { begin() {}, step() {}, end() {} };
