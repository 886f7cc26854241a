// Absolute URLs → origin and request target, without rewriting a single octet of path or query.

import { isIPv4, isIPv6 } from 'node:net';
import { UpstreamError } from './errors.ts';

/** Scheme, host, port (RFC 9110 section 4.3.1). */
export interface Origin {
  readonly scheme: 'https' | 'http';
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Where a request goes: its origin, and what it asks of it. */
export interface RequestTarget {
  readonly origin: Origin;
  /** Host and port for `:authority` or `Host`; the scheme's default port left out (RFC 9110 section 4.2.3). */
  readonly authority: string;
  /** Path and query exactly as given, at least `/`. */
  readonly path: string;
}

/** `https://api.example.com` or `https://api.example.com:8443`: how an origin is written in logs and errors. */
export function formatOrigin(origin: Origin): string {
  return `${origin.scheme}://${formatAuthority(origin)}`;
}

/**
 * Takes an absolute `http` or `https` URL apart (RFC 3986 section 3). Path and query are kept as they are, because a
 * signature may cover them; a fragment is cut off, as it never travels (RFC 9110 section 7.1).
 * Throws `request_invalid` for a relative URL, another scheme, userinfo, a bad host or port, spaces, controls and
 * anything beyond ASCII. The message never repeats the query, which may hold secrets.
 */
export function parseTarget(url: string): RequestTarget {
  const forbidden = forbiddenOctet.exec(url);
  if (forbidden !== null) {
    const octet = url.charCodeAt(forbidden.index).toString(16).padStart(2, '0');
    throw invalid(`URL holds the octet 0x${octet} at position ${forbidden.index}; percent-encode it`);
  }
  const match = absoluteUrl.exec(url);
  if (match === null) {
    throw invalid(`URL ${shown(url)} is not absolute: a scheme (https or http) and a host are needed`);
  }
  const scheme = (match[1] as string).toLowerCase();
  if (scheme !== 'https' && scheme !== 'http') throw invalid(`URL scheme ${shown(scheme)} is not https or http`);
  const { origin, authority } = siteOf(scheme, match[2] as string);
  const rest = match[3] as string;
  return { origin, authority, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** An origin with its `authority` as it is sent. */
type Site = Omit<RequestTarget, 'path'>;

/** What was read of URLs so far, by scheme and authority as written; a pod talks to few, a hostile client to many. */
const sites = { https: new Map<string, Site>(), http: new Map<string, Site>() } as const;
const maxSites = 10_000;

/** The same object for the same authority, so that what is kept for an origin can be found by its identity. */
function siteOf(scheme: 'https' | 'http', written: string): Site {
  const known = sites[scheme];
  let site = known.get(written);
  if (site === undefined) {
    if (written.includes('@')) throw invalid('URL holds userinfo (user:password@); send an authorization field');
    const origin = parseAuthority(scheme, written);
    site = { origin, authority: formatAuthority(origin) };
    if (known.size >= maxSites) known.clear();
    // The match above is a slice of the whole URL, and would keep it.
    known.set(Buffer.from(written, 'latin1').toString('latin1'), site);
  }
  return site;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what this looks for
const forbiddenOctet = /[\u0000-\u0020\u007f-\uffff"<>\\^`{|}]/;
const absoluteUrl = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/;
/** Labels of letters, digits, hyphen and underscore; the underscore is no host name (RFC 952) but lives in real ones. */
const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/;
/** A resolver reads these as IPv4 addresses in older notations (`127.1`, `0x7f.1`, `2130706433`); no name ends so. */
const endsInNumber = /(^|\.)([0-9]+|0x[0-9a-f]*)\.?$/;
/** Octets of a URL that a message repeats. */
const maxShown = 100;

const defaultPorts = { https: 443, http: 80 } as const;

function parseAuthority(scheme: 'https' | 'http', authority: string): Origin {
  const match = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(authority);
  if (match === null) throw invalid(`URL authority ${shown(authority)} is not host or host:port`);
  const bracketed = match[1] as string;
  const host = bracketed.toLowerCase().replace(/^\[|\]$/g, '');
  if (host === '') throw invalid('URL has no host');
  const isBracketed = bracketed.startsWith('[');
  // Node takes a zone (`fe80::1%eth0`) for part of the address; in a URL it means nothing to the origin (RFC 6874).
  const isAddress = isBracketed ? isIPv6(host) && !host.includes('%') : isIPv4(host);
  const isName = !isBracketed && hostName.test(host) && !endsInNumber.test(host);
  if (!isAddress && !isName) throw invalid(`URL host ${shown(host)} is not a valid host`);
  const port = match[2] === undefined || match[2] === '' ? defaultPorts[scheme] : Number(match[2]);
  if (port < 1 || port > 65535) throw invalid(`URL port ${shown(String(match[2]))} is not from 1 to 65535`);
  return { scheme, host, port };
}

function formatAuthority(origin: Origin): string {
  const host = origin.host.includes(':') ? `[${origin.host}]` : origin.host;
  return origin.port === defaultPorts[origin.scheme] ? host : `${host}:${origin.port}`;
}

/** What a message may repeat: no query, nothing that may be userinfo, and not all of something endless. */
function shown(part: string): string {
  const [plain] = part.split(/[?#]/, 1) as [string];
  if (plain.includes('@')) return "'…'";
  return plain.length > maxShown ? `'${plain.slice(0, maxShown)}…'` : `'${plain}'`;
}

function invalid(message: string): UpstreamError {
  return new UpstreamError('request_invalid', message, { source: 'client', processed: 'no' });
}
