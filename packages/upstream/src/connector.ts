// Opens one connection to an origin: DNS, TCP, TLS and one ALPN negotiation, then a session of whatever protocol it chose.

import { isIP, type Socket, connect as tcpConnect } from 'node:net';
import { checkServerIdentity, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { connectHttp2, type Session, type SessionEvents } from '@hawser/http2';
import type { Clock } from './clock.ts';
import { UpstreamError } from './errors.ts';
import { openHttp1 } from './http1-session.ts';
import type { OriginOptions } from './options.ts';
import { formatOrigin, type Origin } from './origin.ts';
import { fromConnectError } from './translate-error.ts';

/** Opens a session, or rejects with an UpstreamError within `timeouts.connect`. Aborting `signal` gives up at once. */
export async function connectSession(
  origin: Origin,
  options: OriginOptions,
  events: SessionEvents,
  clock: Clock,
  signal: AbortSignal,
): Promise<Session> {
  const name = formatOrigin(origin);
  const socket = openSocket(origin, options, name);
  const { connectMs } = options.timeouts;
  const timeout = new UpstreamError(
    'connect_timeout',
    `${name}: no session within ${connectMs} ms (timeouts.connect)`,
    {
      source: 'connect',
      processed: 'no',
    },
  );
  const timer = clock.setTimeout(() => socket.destroy(timeout), connectMs);
  const abort = () => socket.destroy(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    await connected(socket, origin.scheme === 'https' ? 'secureConnect' : 'connect');
    socket.setNoDelay(true);
    return await (protocolOf(socket, origin, options) === 'h2'
      ? connectHttp2(socket, { engine: options.http2.engine, events, clock })
      : openHttp1(socket, events));
  } catch (cause) {
    socket.destroy();
    // What ended the socket from here (time, `signal`) says more than what the session made of its end.
    throw fromConnectError(socket.errored instanceof UpstreamError ? socket.errored : cause, name);
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/** Node throws at once for options that OpenSSL refuses, such as a key that is not the certificate's. */
function openSocket(origin: Origin, options: OriginOptions, name: string): Socket {
  try {
    return origin.scheme === 'https'
      ? tlsSocket(origin, options)
      : tcpConnect({ host: origin.host, port: origin.port });
  } catch (cause) {
    throw fromConnectError(cause, name);
  }
}

const alpnOffers = { auto: ['h2', 'http/1.1'], h2: ['h2'], h1: ['http/1.1'] } as const;

function tlsSocket(origin: Origin, options: OriginOptions): TLSSocket {
  const { serverName = origin.host, ca, cert, key } = options.tls;
  // RFC 6066 section 3: SNI is a name without the trailing dot, never an address.
  const name = serverName.replace(/\.$/, '');
  return tlsConnect({
    host: origin.host,
    port: origin.port,
    ALPNProtocols: [...alpnOffers[options.protocol]],
    ...(isIP(name) === 0 && { servername: name }),
    // Node would check against `host` where there is no SNI.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  });
}

function connected(socket: Socket, event: 'secureConnect' | 'connect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      socket.off(event, settle).off('error', settle).off('close', closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = () => settle(Object.assign(new Error('the connection closed'), { code: 'ECONNRESET' }));
    socket.once(event, settle).once('error', settle).once('close', closed);
  });
}

function protocolOf(socket: Socket | TLSSocket, origin: Origin, options: OriginOptions): 'h2' | 'http/1.1' {
  if (!('alpnProtocol' in socket)) return options.protocol === 'h2' ? 'h2' : 'http/1.1';
  if (socket.alpnProtocol === 'h2') return 'h2';
  if (options.protocol !== 'h2') return 'http/1.1';
  throw new UpstreamError(
    'alpn_mismatch',
    `${formatOrigin(origin)}: protocol is h2, but the origin did not choose it in ALPN`,
    {
      source: 'connect',
      processed: 'no',
    },
  );
}
