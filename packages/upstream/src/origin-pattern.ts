// Patterns that origins match: in the configuration's `match`, and in the egress policy.

import { parseAddress } from './address.ts';
import { type Origin, parseTarget } from './origin.ts';

/** `https://api.example.com`, `https://*.example.com:8443`, `http://localhost:*`. */
export class OriginPattern {
  readonly #scheme: string;
  /** A host, or for `*.` the suffix with its leading dot. */
  readonly #host: string;
  readonly #isWildcard: boolean;
  /** null: any port. */
  readonly #port: number | null;

  private constructor(scheme: string, host: string, isWildcard: boolean, port: number | null) {
    this.#scheme = scheme;
    this.#host = host;
    this.#isWildcard = isWildcard;
    this.#port = port;
  }

  /** The one origin that matches; null where a wildcard stands for many. */
  get exact(): Origin | null {
    if (this.#isWildcard || this.#port === null) return null;
    return { scheme: this.#scheme as Origin['scheme'], host: this.#host, port: this.#port };
  }

  /** The pattern, or null if `text` is none. */
  static parse(text: string): OriginPattern | null {
    const match = /^(https?):\/\/(\*\.(?!\[))?(\[[^\]]*\]|[^:/*?#]+|\*)(:[0-9]+|:\*)?\/?$/.exec(text);
    if (match === null) return null;
    const [, scheme, wildcard, host, port = ''] = match as unknown as [string, string, string?, string?, string?];
    if (host === '*' && wildcard !== undefined) return null;
    const isAnyPort = port === ':*';
    // What stands in for the wildcards makes the pattern an origin, held to the same rules as the origins it is for.
    const origin = parseOrigin(`${scheme}://${host === '*' ? 'any' : host}${isAnyPort ? '' : port}`);
    if (origin === null) return null;
    const isWildcard = host === '*' || wildcard !== undefined;
    const suffix = host === '*' ? '' : `.${comparable(origin.host)}`;
    const compared = isWildcard ? suffix : comparable(origin.host);
    return new OriginPattern(scheme, compared, isWildcard, isAnyPort ? null : origin.port);
  }

  /** A wildcard stands for one or more labels, never for none: `*.example.com` does not match `example.com`. */
  matches(origin: Origin): boolean {
    if (origin.scheme !== this.#scheme || (this.#port !== null && origin.port !== this.#port)) return false;
    const host = comparable(origin.host);
    if (!this.#isWildcard) return host === this.#host;
    return host.endsWith(this.#host) && host.length > this.#host.length;
  }
}

/** One spelling for what leads to the same place: a policy would be walked around with a dot at the end of a name. */
function comparable(host: string): string {
  return parseAddress(host)?.address ?? host.replace(/\.$/, '');
}

function parseOrigin(url: string): Origin | null {
  try {
    return parseTarget(url).origin;
  } catch {
    return null;
  }
}
