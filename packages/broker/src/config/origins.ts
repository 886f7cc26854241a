// Which options hold for an origin: the first entry of `origins` that matches it, else the defaults.

import type { Origin, OriginOptions, OriginPattern } from '@hawser/upstream';

export class Origins {
  readonly #rules: readonly { readonly pattern: OriginPattern; readonly options: OriginOptions }[];
  readonly #defaults: OriginOptions;
  /** Origins looked up so far, for as long as anything else knows them. */
  readonly #remembered = new WeakMap<Origin, OriginOptions>();

  constructor(rules: readonly { pattern: OriginPattern; options: OriginOptions }[], defaults: OriginOptions) {
    this.#rules = rules;
    this.#defaults = defaults;
  }

  optionsFor(origin: Origin): OriginOptions {
    if (this.#rules.length === 0) return this.#defaults;
    let options = this.#remembered.get(origin);
    if (options === undefined) {
      options = this.#rules.find((rule) => rule.pattern.matches(origin))?.options ?? this.#defaults;
      this.#remembered.set(origin, options);
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
