// Opens an HTTP/2 session on a socket that is already connected, with the engine asked for.

import type { Socket } from 'node:net';
import { type Clock, systemClock } from './clock.ts';
import { defaultHttp2Limits, type Http2Limits } from './native/limits.ts';
import { openNativeSession } from './native/native-session.ts';
import { openNodeSession } from './node-engine.ts';
import { type Http2Options, resolveHttp2Options } from './options.ts';
import type { Session, SessionEvents } from './session.ts';

export interface ConnectOptions extends Partial<Http2Options> {
  readonly events: SessionEvents;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Limits of the engine `native`; each that is left out has its default. The engine `node` has those of its library. */
  readonly limits?: Partial<Http2Limits>;
}

/**
 * Resolves once the origin's first SETTINGS frame came, so that `freeStreams` is known. The socket is connected (TLS: with
 * `h2` negotiated; cleartext: prior knowledge, RFC 9113 section 3.3) and belongs to the session from here on.
 * Rejects with a SessionError, the socket destroyed, and calls none of the events then.
 */
export function connectHttp2(socket: Socket, options: ConnectOptions): Promise<Session> {
  const { events, clock = systemClock, limits, ...rest } = options;
  const resolved = resolveHttp2Options(rest);
  switch (resolved.engine) {
    case 'node':
      return openNodeSession(socket, resolved, events, clock);
    case 'native':
      return openNativeSession(socket, resolved, { ...defaultHttp2Limits, ...limits }, events, clock);
  }
}
