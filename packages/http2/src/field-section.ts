// Reads a response's field section: splits the status off, holds it to the limits, picks out the content-length.

import type { Http2Options } from './options.ts';
import { type Fields, SessionError } from './session.ts';

export type FieldLimits = Pick<Http2Options, 'maxFieldLines' | 'maxFieldSectionBytes'>;

/**
 * The fields of a section without its leading pseudo-field. `raw` is `[name, value, …]` as it came, one character per octet.
 * Throws a SessionError `fields_too_large`.
 */
export function readFields(raw: readonly string[], limits: FieldLimits): Fields {
  // Responses have one pseudo-field, :status, and it comes first (RFC 9113 section 8.3.2); trailers have none.
  const fields = raw[0]?.charCodeAt(0) === colon ? raw.slice(2) : raw;
  const lines = fields.length / 2;
  if (lines > limits.maxFieldLines) throw fieldsTooLarge(`${lines} field lines`, limits);
  let bytes = 0;
  for (const part of fields) bytes += part.length;
  if (bytes > limits.maxFieldSectionBytes) throw fieldsTooLarge(`${bytes} bytes of fields`, limits);
  return fields;
}

const colon = ':'.charCodeAt(0);

/** The error for a field section beyond the limits; `found` says what came. */
export function fieldsTooLarge(found: string, limits: FieldLimits): SessionError {
  const { maxFieldLines, maxFieldSectionBytes } = limits;
  return new SessionError(
    'fields_too_large',
    `the origin sent ${found}; allowed are ${maxFieldLines} lines and ${maxFieldSectionBytes} bytes`,
    { processed: 'maybe' },
  );
}

/** The octets that the body will have by `content-length`; -1 where it says nothing, or the response has no body anyway. */
export function expectedLength(method: string, status: number, fields: Fields): number {
  // RFC 9110 section 8.6: there, content-length tells what another response would have had.
  if (method === 'HEAD' || status === 204 || status === 304) return -1;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'content-length') return Number(fields[i + 1]);
  }
  return -1;
}
