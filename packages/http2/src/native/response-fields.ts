// Checks a decoded response field section against RFC 9113 section 8: what is malformed ends the stream.

import type { Fields } from '../session.ts';
import { FieldNames } from './field-names.ts';

/** Head of a response, or trailers (`status` 0), or why it is neither. */
export interface ResponseFields {
  readonly status: number;
  readonly fields: Fields;
  /** By `content-length`; -1 where there is none. */
  readonly contentLength: number;
}

/** Reads sections of one session; it remembers the names that it has found right. */
export class ResponseFieldReader {
  readonly #names = new FieldNames();

  /** A head, 1xx included. Returns what is malformed about it as a string (section 8.1.1). */
  readHead(raw: readonly string[]): ResponseFields | string {
    // Exactly one pseudo-field, and it comes first (section 8.3.2).
    if (raw[0] !== ':status') return raw.length === 0 ? 'a head without fields' : 'a head without leading :status';
    const text = raw[1] as string;
    if (!statusPattern.test(text)) return 'a :status that is no status code';
    const status = Number(text);
    // Section 8.6: there is no upgrade.
    if (status === 101) return 'status 101';
    return this.#read(raw.slice(2), status);
  }

  readTrailers(raw: Fields): ResponseFields | string {
    return this.#read(raw, 0);
  }

  #read(fields: Fields, status: number): ResponseFields | string {
    let contentLength = -1;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      const value = fields[i + 1] as string;
      if (!this.#names.isAllowed(name)) return this.#names.complaint(name);
      if (!isValue(value)) return `a value of ${name} that is none`;
      if (name === 'content-length' && status !== 0) {
        if (contentLength >= 0) return 'two lengths';
        if (!lengthPattern.test(value)) return 'a content-length that is no number';
        // RFC 9110 section 8.6: neither has one.
        if (status < 200 || (status === 204 && value !== '0')) return `a content-length with status ${status}`;
        contentLength = Number(value);
      } else if (name === 'te' && value !== 'trailers') {
        return 'a te other than trailers';
      }
    }
    return { status, fields, contentLength };
  }
}

const statusPattern = /^[1-9][0-9][0-9]$/;
const lengthPattern = /^[0-9]{1,15}$/;

const tab = 0x09;
const space = 0x20;
/** NUL, CR and LF (RFC 9113 section 8.2.1). */
const forbiddenInValue = /[\0\r\n]/;

/** RFC 9113 section 8.2.1: no NUL, CR and LF, no space and tab at either end. */
export function isValue(value: string): boolean {
  if (value.length === 0) return true;
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  if (first === space || first === tab || last === space || last === tab) return false;
  return !forbiddenInValue.test(value);
}
