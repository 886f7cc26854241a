// Typed access to the elements of one unpacked frame; everything that is not what the specification says is refused here.

import type { ErrorName } from './error-code.ts';
import { type Peer, WireError } from './errors.ts';
import type { ExchangeFacts, Fields } from './frame.ts';
import { frameKind } from './frame-kind.ts';

/** Reads elements out of `values`, the unpacked array of a frame. Holds no frame: one reader serves a whole connection. */
export class ElementReader {
  readonly #sender: Peer;

  constructor(sender: Peer) {
    this.#sender = sender;
  }

  /** An integer from `min` to `max`. */
  integer(values: readonly unknown[], index: number, name: string, min: number, max: number): number {
    const value = values[index];
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.#unfit(values, index, name, value, integerRange(min, max));
  }

  /** Bytes that came as `bin`, from `min` to `max` of them. */
  bin(values: readonly unknown[], index: number, name: string, min: number, max: number): Buffer {
    const value = values[index];
    if (value instanceof Uint8Array && value.length >= min && value.length <= max) return value as Buffer;
    throw this.#unfit(
      values,
      index,
      name,
      value,
      min === max ? `bin of ${min} bytes` : `bin of ${min} to ${max} bytes`,
    );
  }

  /** Bytes that came as `bin`, or nil. */
  binOrNil(values: readonly unknown[], index: number, name: string): Buffer | null {
    const value = values[index];
    if (value === null || value instanceof Uint8Array) return value as Buffer | null;
    throw this.#unfit(values, index, name, value, 'bin or nil');
  }

  /** Words for people: `str`. */
  text(values: readonly unknown[], index: number, name: string): string {
    const value = values[index];
    if (typeof value === 'string') return value;
    throw this.#unfit(values, index, name, value, 'str');
  }

  /** A string of octets, one character each, that came as `str` or `bin`. With `isAscii` no `str` needs a look. */
  octets(values: readonly unknown[], index: number, name: string, isAscii: boolean): string {
    const value = values[index];
    if (typeof value === 'string') return isAscii ? value : octetsOf(value);
    if (value instanceof Uint8Array) return (value as Buffer).toString('latin1');
    throw this.#unfit(values, index, name, value, 'str or bin');
  }

  /** A fields array. It is the unpacked array itself: what came as `bin` is replaced in place. */
  fields(values: readonly unknown[], index: number, name: string, isAscii: boolean): Fields {
    const fields = values[index];
    if (!Array.isArray(fields)) throw this.#unfit(values, index, name, fields, 'an array of names and values');
    if (fields.length % 2 !== 0) {
      throw this.refuse(
        `${nameOf(values)} element ${index} (${name}) has an odd number of elements (${fields.length})`,
      );
    }
    for (let at = 0; at < fields.length; at++) {
      const octets: unknown = fields[at];
      if (typeof octets === 'string') {
        if (!isAscii) fields[at] = octetsOf(octets);
      } else if (octets instanceof Uint8Array) {
        fields[at] = (octets as Buffer).toString('latin1');
      } else {
        throw this.#unfit(values, index, `${name}[${at}]`, octets, 'str or bin');
      }
    }
    return fields;
  }

  /** The facts array; elements beyond those of version 1 are skipped. */
  facts(values: readonly unknown[], index: number): ExchangeFacts {
    const facts = values[index];
    if (!Array.isArray(facts)) throw this.#unfit(values, index, 'facts', facts, 'an array');
    return {
      protocol: this.#factText(values, facts, 0, 'protocol'),
      session: this.#factText(values, facts, 1, 'session'),
      attempts: this.#factInteger(values, facts, 2, 'attempts', 0),
      cache: this.#factText(values, facts, 3, 'cache'),
      queueUs: this.#factInteger(values, facts, 4, 'queueUs', -1),
      connectUs: this.#factInteger(values, facts, 5, 'connectUs', -1),
      firstByteUs: this.#factInteger(values, facts, 6, 'firstByteUs', -1),
      totalUs: this.#factInteger(values, facts, 7, 'totalUs', -1),
      remoteAddress: this.#factText(values, facts, 8, 'remoteAddress'),
    };
  }

  /** The value of a map's key, or nothing where the map has no such key. */
  mapValue(values: readonly unknown[], index: number, name: string, key: string): unknown {
    const map = values[index];
    if (typeof map !== 'object' || map === null || Array.isArray(map) || map instanceof Uint8Array) {
      throw this.#unfit(values, index, name, map, 'a map');
    }
    return (map as Record<string, unknown>)[key];
  }

  /** An integer from `min` to `max` under a map's key. */
  mapInteger(values: readonly unknown[], index: number, key: string, min: number, max: number): number {
    const value = this.mapValue(values, index, 'map', key);
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.#unfit(values, index, key, value, integerRange(min, max));
  }

  /** Words for people under a map's key. */
  mapText(values: readonly unknown[], index: number, key: string): string {
    const value = this.mapValue(values, index, 'map', key);
    if (typeof value === 'string') return value;
    throw this.#unfit(values, index, key, value, 'str');
  }

  /** An error to throw: the sender broke the wire protocol. */
  refuse(message: string, code: ErrorName = 'protocol_error'): WireError {
    return new WireError(code, message, { source: this.#sender });
  }

  #factText(values: readonly unknown[], facts: readonly unknown[], at: number, name: string): string {
    const value = facts[at];
    if (typeof value === 'string') return value;
    throw this.#unfit(values, values.indexOf(facts), `facts.${name}`, value, 'str');
  }

  #factInteger(values: readonly unknown[], facts: readonly unknown[], at: number, name: string, min: number): number {
    const value = facts[at];
    if (typeof value === 'number' && value >= min && value <= Number.MAX_SAFE_INTEGER) return value;
    throw this.#unfit(values, values.indexOf(facts), `facts.${name}`, value, `an integer from ${min} to 2^53-1`);
  }

  #unfit(values: readonly unknown[], index: number, name: string, found: unknown, allowed: string): WireError {
    return this.refuse(`${nameOf(values)} element ${index} (${name}) is ${describe(found)}; allowed is ${allowed}`);
  }
}

/** The octets of a `str` that holds more than ASCII, one character each. */
function octetsOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function nameOf(values: readonly unknown[]): string {
  return frameKind(values[0] as number)?.name ?? `frame type ${values[0]}`;
}

/** A value's type and size, never its content: it may be a secret. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'nil';
  if (typeof value === 'number') return `the integer ${value}`;
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'a boolean';
  if (value instanceof Uint8Array) return `bin of ${value.length} bytes`;
  return Array.isArray(value) ? 'an array' : 'a map';
}

function integerRange(min: number, max: number): string {
  return min === max ? `${min}` : `an integer from ${min} to ${max}`;
}
