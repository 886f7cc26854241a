// /etc/resolv.conf: the name servers, and which names a short one may stand for.

import { isIP } from 'node:net';
import { ParsedFile } from './parsed-file.ts';

export interface ResolverSettings {
  /** Name servers in the order in which they are asked; empty where the file names none. */
  readonly servers: readonly string[];
  /** Domains that are tried after a short name. */
  readonly search: readonly string[];
  /** A name with fewer dots is tried with the search list first, and as it is last. */
  readonly ndots: number;
}

/** glibc's own limits: MAXNS, RES_MAXNDOTS, and what its search list once was limited to by length. */
const maxServers = 3;
const maxNdots = 15;
const maxSearch = 32;

/** RFC 1035 section 2.3.4, without the root label. */
const maxNameLength = 253;

export class ResolvConf {
  readonly #file: ParsedFile<ResolverSettings>;

  constructor(path: string) {
    this.#file = new ParsedFile(path, parseResolvConf);
  }

  get settings(): ResolverSettings {
    return this.#file.value;
  }
}

/**
 * The names to ask for, in the order of getaddrinfo (resolv.conf(5), `search` and `ndots`). Kubernetes relies on it: with
 * `ndots:5`, `redis.prod` is first asked for as `redis.prod.NAMESPACE.svc.cluster.local`.
 */
export function candidateNames(name: string, settings: Pick<ResolverSettings, 'search' | 'ndots'>): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const searched = settings.search.map((domain) => (domain === '' ? name : `${name}.${domain}`));
  const dots = name.split('.').length - 1;
  const names = dots >= settings.ndots ? [name, ...searched] : [...searched, name];
  return [...new Set(names)].filter((candidate) => candidate.length <= maxNameLength);
}

/** The last `search` or `domain` line counts, as resolv.conf(5) says. The host's own domain is no default for it. */
function parseResolvConf(text: string): ResolverSettings {
  const servers: string[] = [];
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && isIP(values[0] ?? '') !== 0) servers.push(values[0] as string);
    else if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = values.slice(0, 1);
    else if (keyword === 'options') ndots = ndotsIn(values) ?? ndots;
  }
  const domains = search.slice(0, maxSearch).map((domain) => domain.toLowerCase().replace(/\.+$/, ''));
  return { servers: servers.slice(0, maxServers), search: domains, ndots };
}

function ndotsIn(options: readonly string[]): number | null {
  const match = options.map((option) => /^ndots:([0-9]{1,3})$/.exec(option)).findLast((found) => found !== null);
  return match === undefined ? null : Math.min(Number(match?.[1]), maxNdots);
}
