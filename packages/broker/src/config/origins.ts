// Which options hold for an origin: the first entry of `origins` that matches it, else the defaults.

import { formatOrigin, type Origin, type OriginOptions, parseTarget } from '@hawser/upstream';

/** Origins looked up so far; a pod talks to few, a hostile client to as many as it likes. */
const maxRemembered = 10_000;

export class Origins {
  readonly #rules: readonly { readonly pattern: OriginPattern; readonly options: OriginOptions }[];
  readonly #defaults: OriginOptions;
  readonly #remembered = new Map<string, OriginOptions>();

  constructor(rules: readonly { pattern: OriginPattern; options: OriginOptions }[], defaults: OriginOptions) {
    this.#rules = rules;
    this.#defaults = defaults;
  }

  optionsFor(origin: Origin): OriginOptions {
    if (this.#rules.length === 0) return this.#defaults;
    const key = formatOrigin(origin);
    let options = this.#remembered.get(key);
    if (options === undefined) {
      options = this.#rules.find((rule) => rule.pattern.matches(origin))?.options ?? this.#defaults;
      if (this.#remembered.size >= maxRemembered) this.#remembered.clear();
      this.#remembered.set(key, options);
    }
    return options;
  }
}

function parseOrigin(url: string): Origin | null {
  try {
    return parseTarget(url).origin;
  } catch {
    return null;
  }
}

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
    const suffix = host === '*' ? '' : `.${origin.host}`;
    const isWildcard = host === '*' || wildcard !== undefined;
    return new OriginPattern(scheme, isWildcard ? suffix : origin.host, isWildcard, isAnyPort ? null : origin.port);
  }

  /** A wildcard stands for one or more labels, never for none: `*.example.com` does not match `example.com`. */
  matches(origin: Origin): boolean {
    if (origin.scheme !== this.#scheme || (this.#port !== null && origin.port !== this.#port)) return false;
    if (!this.#isWildcard) return origin.host === this.#host;
    return origin.host.endsWith(this.#host) && origin.host.length > this.#host.length;
  }
}
