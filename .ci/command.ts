// Runs one command of the checks in its own process group, shows what it prints, and ends it and its children when it hangs.
import { spawn } from 'node:child_process';

/** Far above the slowest step; a step that reaches it hangs. */
const limitMs = 20 * 60 * 1000;

/** Resolves to the exit code. Throws where the command cannot start, is killed, or hangs. `env` comes on top of our own. */
export function runCommand(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<number> {
  const [file = '', ...args] = command;
  return new Promise((done, fail) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const killGroup = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    // In its own group the terminal's Ctrl-C does not reach it.
    const interrupt = (): void => {
      killGroup();
      process.exit(130);
    };
    const timer = setTimeout(() => {
      fail(new Error(`not done after ${limitMs / 60_000} minutes`));
      killGroup();
    }, limitMs);
    const release = (): void => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    };
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    child.on('error', (error) => {
      release();
      fail(error);
    });
    child.on('exit', (exitCode, signal) => {
      release();
      if (exitCode === null) fail(new Error(`killed by ${signal}`));
      else done(exitCode);
    });
  });
}
