// Everything that is compared: how PHP sends, and what stands between PHP and the origin.

import type { SidecarKind } from './sidecar.ts';

/** How PHP sends; the names of `bench/php/src/Target.php`. */
type Transport =
  | 'curl-new'
  | 'curl-share'
  | 'curl-kept'
  | 'guzzle'
  | 'symfony'
  | 'hawser'
  | 'hawser-psr18'
  | 'hawser-guzzle'
  | 'hawser-symfony';

export interface Contender {
  readonly name: string;
  /** What it is, for the report. */
  readonly label: string;
  readonly transport: Transport;
  readonly sidecar: SidecarKind | null;
}

/** What PHP does today, and what a user would most likely pick instead: tables tell the ratios to these. */
export const shownBaselines = ['curl-new', 'haproxy-kept'] as const;

/** Ratios to these are in the results. */
export const baselines = ['curl-new', 'curl-share', 'haproxy-new', 'haproxy-kept'] as const;

const hawserApis = [
  { prefix: 'hawser', transport: 'hawser', api: 'Client' },
  { prefix: 'hawser-psr18', transport: 'hawser-psr18', api: 'Psr18Client' },
  { prefix: 'hawser-guzzle', transport: 'hawser-guzzle', api: 'Guzzle handler' },
  { prefix: 'hawser-symfony', transport: 'hawser-symfony', api: 'Symfony client' },
] as const;

const hawserUpstreams = [
  { suffix: 'node', upstream: 'HTTP/2, engine node' },
  { suffix: 'native', upstream: 'HTTP/2, engine native' },
  { suffix: 'h1', upstream: 'HTTP/1.1' },
] as const;

export const contenders: readonly Contender[] = [
  { name: 'curl-new', label: 'PHP curl, new handle each time', transport: 'curl-new', sidecar: null },
  {
    name: 'curl-share',
    label: "PHP curl, share handle kept (PHP 8.5's persistent share)",
    transport: 'curl-share',
    sidecar: null,
  },
  proxy('haproxy-new', 'HAProxy, HTTP/2 upstream, new curl handle', 'curl-new', 'haproxy-h2'),
  proxy('haproxy-kept', 'HAProxy, HTTP/2 upstream, kept curl handle', 'curl-kept', 'haproxy-h2'),
  proxy('haproxy-h1-new', 'HAProxy, HTTP/1.1 upstream, new curl handle', 'curl-new', 'haproxy-h1'),
  proxy('haproxy-h1-kept', 'HAProxy, HTTP/1.1 upstream, kept curl handle', 'curl-kept', 'haproxy-h1'),
  proxy('nginx-new', 'nginx, HTTP/1.1 upstream, new curl handle', 'curl-new', 'nginx'),
  proxy('nginx-kept', 'nginx, HTTP/1.1 upstream, kept curl handle', 'curl-kept', 'nginx'),
  { name: 'guzzle', label: 'Guzzle over curl', transport: 'guzzle', sidecar: null },
  { name: 'symfony', label: 'Symfony HttpClient over curl', transport: 'symfony', sidecar: null },
  ...hawserApis.flatMap(({ prefix, transport, api }) =>
    hawserUpstreams.map(
      ({ suffix, upstream }): Contender => ({
        name: `${prefix}-${suffix}`,
        label: `Hawser, ${api}, ${upstream}`,
        transport,
        sidecar: `hawser-${suffix}`,
      }),
    ),
  ),
];

/**
 * The contenders that are asked for: by name, or by the words that names begin with (`hawser`, `haproxy-h1`).
 *
 * @throws Error for a name that no contender has
 */
export function chooseContenders(names: readonly string[]): Contender[] {
  for (const name of names) {
    if (contenders.some((contender) => matches(contender, name))) continue;
    throw new Error(
      `no contender is called '${name}'; allowed: ${contenders.map((contender) => contender.name).join(', ')}, ` +
        'or the words that some of them begin with, such as hawser',
    );
  }
  return contenders.filter((contender) => names.length === 0 || names.some((name) => matches(contender, name)));
}

/** Whether a quick run takes it unasked: how Hawser speaks to the origin is told by its own client there. */
export function isInQuick({ transport, sidecar }: Contender): boolean {
  return !transport.startsWith('hawser-') || sidecar === 'hawser-native';
}

function matches(contender: Contender, name: string): boolean {
  return contender.name === name || contender.name.startsWith(`${name}-`);
}

function proxy(name: string, label: string, transport: Transport, sidecar: SidecarKind): Contender {
  return { name, label, transport, sidecar };
}
