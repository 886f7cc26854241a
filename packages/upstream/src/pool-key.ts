// Everything that must be equal for two exchanges to share a session.

import { createHash } from 'node:crypto';
import type { OriginOptions } from './options.ts';
import { formatOrigin, type Origin } from './origin.ts';

/**
 * Origin, protocol choice, TLS name, trust, client certificate and lowest version, and the preferred family, in one string.
 * Secrets enter as a digest only, so the key may be logged.
 */
export function poolKey(origin: Origin, options: OriginOptions): string {
  let made = madeKeys.get(origin);
  if (made === undefined || made.options !== options) {
    made = { options, key: `${formatOrigin(origin)} ${optionsKey(options)}` };
    madeKeys.set(origin, made);
  }
  return made.key;
}

/** Several layers ask for the key of each exchange, and one origin has the same options nearly always. */
const madeKeys = new WeakMap<Origin, { readonly options: OriginOptions; readonly key: string }>();

/** Options objects are frozen and few, exchanges many: the digest is made once per object. */
const optionsKeys = new WeakMap<OriginOptions, string>();

function optionsKey(options: OriginOptions): string {
  let key = optionsKeys.get(options);
  if (key === undefined) {
    const { serverName, ca, cert, key: privateKey, minVersion } = options.tls;
    const identity = JSON.stringify([
      serverName,
      ca,
      cert,
      privateKey,
      minVersion,
      options.resolve.prefer,
      options.http2.engine,
    ]);
    key = `${options.protocol} ${createHash('sha256').update(identity).digest('base64url').slice(0, 16)}`;
    optionsKeys.set(options, key);
  }
  return key;
}
