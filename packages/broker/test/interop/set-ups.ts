// The configurations in which each server runs: one as its package leaves it, others awkward in one way each.

import type { InteropServer, Protocol, ServerSettings } from './server.ts';

export interface SetUp {
  readonly settings: ServerSettings;
  /** What the server must be able to do for it. */
  readonly needs: keyof ServerSettings | 'reload' | null;
  /** A server for each protocol, so that its connections are those of one of them. */
  readonly isApart?: boolean;
  /** `connections.max`; default: the broker's own. */
  readonly maxConnections?: number;
}

/** What the run of the keep-alive race sends at once. */
const maxRaceConnections = 64;

export const setUps = {
  plain: { settings: {}, needs: null },
  reloaded: { settings: {}, needs: 'reload' },
  fewStreams: { settings: { maxStreams: 2 }, needs: 'maxStreams' },
  fewRequests: { settings: { requestsPerConnection: 10 }, needs: 'requestsPerConnection' },
  shortIdle: {
    settings: { keepAliveSeconds: 1 },
    needs: 'keepAliveSeconds',
    isApart: true,
    maxConnections: maxRaceConnections,
  },
} as const satisfies Record<string, SetUp>;

export type SetUpName = keyof typeof setUps;

/** The protocols in which a server can have that set-up. */
export function protocolsOf(server: InteropServer, { needs }: SetUp): Protocol[] {
  return server.protocols.filter((protocol) => needs === null || server.can(needs, protocol));
}
