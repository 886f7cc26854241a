// What a client asked for → a request head that may go upstream: validated, and free of hop-by-hop fields.

import type { RequestHead } from '@hawser/http2';
import type { Fields } from '@hawser/protocol';
import { maxFieldSectionBytes } from '@hawser/protocol';
import { type Origin, parseTarget } from '@hawser/upstream';
import { BrokerError } from './errors.ts';

export interface PreparedRequest {
  readonly origin: Origin;
  readonly head: RequestHead;
  /** Declared body length; null where the client gave none. */
  readonly contentLength: number | null;
}

/**
 * Checks method, URL and fields (RFC 9110 sections 5.1, 5.5 and 9.1) and drops what describes the local leg alone
 * (section 7.6.1) or is told by the session itself (`host`). `inlineBodyBytes` is the length of a body that is whole, or null.
 * Throws `request_invalid`, `request_unsupported` or `request_too_large`; messages name the part, never a value.
 */
export function prepareRequest(
  method: string,
  url: string,
  fields: Fields,
  inlineBodyBytes: number | null,
): PreparedRequest {
  if (!token.test(method)) throw invalid(`the method is not a token of letters, digits and !#$%&'*+-.^_\`|~`);
  if (method === 'CONNECT') throw refuse('request_unsupported', 'CONNECT makes a tunnel, which the broker does not do');
  const { origin, authority, path } = parseTarget(url);
  const kept: string[] = [];
  let connectionOptions: string[] | null = null;
  let contentLength: number | null = null;
  let sectionBytes = 0;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    sectionBytes += name.length + value.length;
    if (!lowerCaseToken.test(name)) throw invalid(`field name number ${i / 2 + 1} is not a lower-case token`);
    if (forbiddenInValue.test(value))
      throw invalid(`the value of field '${name}' holds CR, LF, NUL or another control`);
    switch (name) {
      case 'host':
      case 'http2-settings':
      case 'keep-alive':
      case 'proxy-connection':
      case 'transfer-encoding':
      case 'upgrade':
        break;
      case 'connection':
        connectionOptions ??= [];
        connectionOptions.push(...value.toLowerCase().split(/[\s,]+/));
        break;
      case 'te':
        if (/(^|,)\s*trailers\s*(;|,|$)/i.test(value)) kept.push('te', 'trailers');
        break;
      case 'content-length':
        if (contentLength !== null) throw invalid(`'content-length' comes more than once`);
        if (!/^[0-9]{1,15}$/.test(value)) throw invalid(`'content-length' is not a number of bytes`);
        contentLength = Number(value);
        kept.push(name, value);
        break;
      default:
        kept.push(name, trimmed(value));
    }
  }
  if (sectionBytes > maxFieldSectionBytes) {
    throw refuse('request_too_large', `fields of ${sectionBytes} bytes; allowed are ${maxFieldSectionBytes}`);
  }
  if (contentLength !== null && inlineBodyBytes !== null && contentLength !== inlineBodyBytes) {
    throw invalid(`'content-length' is ${contentLength}, the body has ${inlineBodyBytes} bytes`);
  }
  const declares = inlineBodyBytes !== null && (inlineBodyBytes > 0 || expectsBody.has(method));
  if (contentLength === null && declares) kept.push('content-length', String(inlineBodyBytes));
  return {
    origin,
    head: {
      method,
      scheme: origin.scheme,
      authority,
      path,
      fields: connectionOptions === null ? kept : without(kept, connectionOptions),
    },
    contentLength,
  };
}

/** Methods for which the length is said even of an empty body (RFC 9110 section 8.6). */
const expectsBody = new Set(['POST', 'PUT', 'PATCH']);

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const lowerCaseToken = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what this looks for
const forbiddenInValue = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** Without white space around it (RFC 9110 section 5.5). `trim` would take the octet A0 too, which may be half a letter. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isBlank(octet: number): boolean {
  return octet === 0x20 || octet === 0x09;
}

/** Fields that `connection` names are meant for this hop alone; the length of the body is not one of them. */
function without(fields: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'content-length' || !names.includes(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

function invalid(message: string): BrokerError {
  return refuse('request_invalid', message);
}

function refuse(code: 'request_invalid' | 'request_unsupported' | 'request_too_large', message: string): BrokerError {
  return new BrokerError(code, message, { source: 'client', processed: 'no' });
}
