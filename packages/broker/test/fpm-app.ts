// How the tests call test/php/fpm-app.php.

import { fileURLToPath } from 'node:url';
import type { FastCgiRequest } from '@hawser/testkit';

export function fpmApp(query: Readonly<Record<string, string>>): FastCgiRequest {
  return {
    scriptFilename: fileURLToPath(new URL('./php/fpm-app.php', import.meta.url)),
    queryString: new URLSearchParams(query).toString(),
  };
}

/** Lines for the pool: where the broker is, and that nothing goes past it. */
export function fpmEnvironment(socket: string): string[] {
  return [`env[HAWSER_SOCKET] = ${socket}`, 'env[HAWSER_FALLBACK] = fail'];
}
