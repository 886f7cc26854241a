// Time as this package sees it: injected, so that a test can be the one who makes it pass.

export type Timer = unknown;

export interface Clock {
  /** Milliseconds, monotonic, with fractions. */
  now(): number;
  /** Runs `callback` once after `ms` milliseconds. A pending timer does not keep the process alive. */
  setTimeout(callback: () => void, ms: number): Timer;
  clearTimeout(timer: Timer): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
