// How vitest finds and runs the tests: `vitest run --config .ci/vitest.config.ts`.
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: resolve(import.meta.dirname, '..'),
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'bench/**/*.test.ts', '.ci/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // A process per file: tests spawn brokers and PHP, count open sockets, and read the memory of the process.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
