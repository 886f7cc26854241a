// Which options hold for an origin: the first entry of `origins` that matches it, else the defaults.

import { formatOrigin, type Origin, type OriginOptions, type OriginPattern } from '@hawser/upstream';

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

  /** The origins that are named without a wildcard and are to have warm sessions. */
  get warm(): { readonly origin: Origin; readonly options: OriginOptions }[] {
    return this.#rules.flatMap(({ pattern, options }) => {
      const { exact } = pattern;
      // An entry behind one that matches as well is never used.
      const isUsed = exact !== null && this.optionsFor(exact) === options;
      return isUsed && options.connections.warm > 0 ? [{ origin: exact, options }] : [];
    });
  }
}
