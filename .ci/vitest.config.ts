// How vitest finds and runs the tests: `vitest run --config .ci/vitest.config.ts`.
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const tests = ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'bench/**/*.test.ts', '.ci/**/*.test.ts'];

export default defineConfig({
  root: resolve(import.meta.dirname, '..'),
  test: {
    exclude: ['**/node_modules/**', '**/dist/**'],
    // A process per file: tests spawn brokers and PHP, count open sockets, and read the memory of the process.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'hawser', include: tests } },
      // Sessions and pools once more, over the HTTP/2 engine that is not the default.
      {
        extends: true,
        test: {
          name: 'node-engine',
          include: ['packages/upstream/test/*.test.ts'],
          exclude: ['packages/upstream/test/http1-session.*'],
          env: { HAWSER_TEST_ENGINE: 'node' },
        },
      },
    ],
  },
});
