// TLS on a connected socket: name, trust, client certificate, versions, ALPN, and resumption.

import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { OriginOptions, TlsOptions } from './options.ts';

export interface SecureOptions {
  /** What the certificate must be for: a name, which goes into SNI as well, or an address. */
  readonly serverName: string;
  readonly protocol: OriginOptions['protocol'];
  readonly context: SecureContext;
  /** A session to resume; the origin may make a new one all the same. */
  readonly session: Buffer | undefined;
  /** A session that may be resumed later. Never called for a connection that turned out not to be trusted. */
  readonly onSession: (session: Buffer) => void;
}

const alpnOffers = { auto: ['h2', 'http/1.1'], h2: ['h2'], h1: ['http/1.1'] } as const;

/** Resolves when the handshake is done and the certificate is good. The socket belongs to the result, or is destroyed. */
export function secure(socket: Socket, options: SecureOptions): Promise<TLSSocket> {
  // RFC 6066 section 3: SNI is a name without the trailing dot, never an address.
  const name = options.serverName.replace(/\.$/, '');
  // What breaks the transport is told by the TLS socket.
  socket.on('error', () => {});
  const secured = connect({
    socket,
    secureContext: options.context,
    ALPNProtocols: [...alpnOffers[options.protocol]],
    ...(isIP(name) === 0 && { servername: name }),
    // Node would check against `host` where there is no SNI. For a session that is resumed it does not ask at all.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    ...(options.session !== undefined && { session: options.session }),
  });
  // TLS 1.2 brings the session before the certificate is checked; Node holds it back until then.
  secured.on('session', options.onSession);
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      secured.off('secureConnect', settle).off('error', settle).off('close', closed);
      if (error !== undefined) {
        secured.destroy();
        reject(error);
        return;
      }
      resolve(secured);
    };
    const closed = () => settle(Object.assign(new Error('the connection closed'), { code: 'ECONNRESET' }));
    secured.once('secureConnect', settle).once('error', settle).once('close', closed);
  });
}

/**
 * Trust, client certificate and versions, made once per options object, of which there are few: a bundle of authorities
 * takes milliseconds to parse. Throws what OpenSSL says of options that it refuses, such as a key that is not the
 * certificate's.
 */
export function secureContextOf(tls: TlsOptions): SecureContext {
  let context = contexts.get(tls);
  if (context === undefined) {
    const { ca, cert, key, minVersion } = tls;
    context = createSecureContext({
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(minVersion !== undefined && { minVersion }),
    });
    contexts.set(tls, context);
  }
  return context;
}

const contexts = new WeakMap<TlsOptions, SecureContext>();
