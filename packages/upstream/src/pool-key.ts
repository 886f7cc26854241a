// Everything that must be equal for two exchanges to share a session.

import { createHash } from 'node:crypto';
import type { OriginOptions } from './options.ts';
import { formatOrigin, type Origin } from './origin.ts';

/**
 * Origin, protocol choice, TLS name, trust and client certificate in one string. Secrets enter as a digest only, so the
 * key may be logged.
 */
export function poolKey(origin: Origin, options: OriginOptions): string {
  return `${formatOrigin(origin)} ${optionsKey(options)}`;
}

/** Options objects are frozen and few, exchanges many: the digest is made once per object. */
const optionsKeys = new WeakMap<OriginOptions, string>();

function optionsKey(options: OriginOptions): string {
  let key = optionsKeys.get(options);
  if (key === undefined) {
    const { serverName, ca, cert, key: privateKey } = options.tls;
    const identity = JSON.stringify([serverName, ca, cert, privateKey, options.http2.engine]);
    key = `${options.protocol} ${createHash('sha256').update(identity).digest('base64url').slice(0, 16)}`;
    optionsKeys.set(options, key);
  }
  return key;
}
