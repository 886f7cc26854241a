// Runs that do not hold yet. The short form leaves them out; the full form runs them, and shows whether they hold by now.

import type { InteropServer, Protocol } from './server.ts';

interface KnownFailure {
  readonly server: InteropServer['name'];
  readonly protocol: Protocol;
  /** What the run needs of the server. */
  readonly needs: Parameters<InteropServer['can']>[0];
  /** What fails, and what has to come before this entry can go. */
  readonly why: string;
}

const apacheReload =
  'A GET in a few thousand ends with origin_closed after two attempts: both met a child that ends what it accepted last. ' +
  'It takes more than two attempts (retry.attempts) for what a session broke off.';

export const knownFailures: readonly KnownFailure[] = [
  { server: 'apache', protocol: 'h2', needs: 'reload', why: apacheReload },
  { server: 'apache', protocol: 'h1', needs: 'reload', why: apacheReload },
];
