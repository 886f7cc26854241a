// hawser.yaml → Config, or an error that says where and what; the only file that knows the YAML library.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import {
  defaultOriginOptions,
  type EgressOptions,
  type OriginOptions,
  OriginPattern,
  type TlsOptions,
} from '@hawser/upstream';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { type Config, defaultConfig } from './config.ts';
import { Origins } from './origins.ts';
import { type ConfigFile, checkConfig, type OriginSettings, type Problem } from './schema.ts';

/** The configuration cannot be used. One line per problem: file, line, what was found, what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads and checks a file. Paths in it are relative to the file. Throws a ConfigError. */
export function loadConfig(file: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read: ${(error as Error).message}`);
  }
  return parseConfig(text, file);
}

/** As `loadConfig`, for text that was read already. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    throw new ConfigError(
      `${file}:${lines.linePos(syntax.pos[0]).line}: not valid YAML: ${syntax.message.split('\n', 1)[0]}`,
    );
  }
  const source = new Source(file, document, lines);
  const checked = checkConfig(source.content() ?? {});
  if ('problems' in checked) {
    const lines = checked.problems.map((problem) => source.describe(problem));
    // One value may break two bounds that are told in the same words.
    throw new ConfigError([...new Set(lines)].join('\n'));
  }
  return build(checked.config, source);
}

/** Where in the file something stands. */
class Source {
  readonly file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(file: string, document: Document, lines: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
  }

  /** The file as plain objects. Aliases that would unfold beyond measure are refused. */
  content(): unknown {
    try {
      return this.#document.toJS();
    } catch (error) {
      throw new ConfigError(`${this.file}: not usable YAML: ${(error as Error).message}`);
    }
  }

  describe({ path, key, allowed }: Problem): string {
    const where = this.at(path, key);
    if (key !== null) return `${where}: unknown key '${[...path, key].join('.')}'; ${allowed}`;
    const value = path.reduce<unknown>(
      (part, step) => (part as Record<string, unknown> | null)?.[step],
      this.content(),
    );
    const found = value === undefined ? 'nothing' : shortened(JSON.stringify(value));
    return `${where}: ${path.join('.') || 'the file'} is ${found}; allowed: ${allowed}`;
  }

  /** `file:line` of a path, or of the nearest node above it. */
  at(path: readonly (string | number)[], key: string | null = null): string {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true);
      if (!isNode(node)) continue;
      const pair =
        key !== null && isMap(node)
          ? node.items.find((item) => isScalar(item.key) && item.key.value === key)
          : undefined;
      const range = isNode(pair?.key) ? pair.key.range : node.range;
      if (range) return `${this.file}:${this.#lines.linePos(range[0]).line}`;
    }
    return `${this.file}:1`;
  }
}

/** Enough of a value to know it again: a whole section may stand where a word should. */
function shortened(text: string): string {
  return text.length > maxFoundLength ? `${text.slice(0, maxFoundLength)}…` : text;
}

const maxFoundLength = 100;

function build(config: ConfigFile, source: Source): Config {
  const defaults = merge(defaultOriginOptions, config.defaults ?? {}, {});
  const rules = (config.origins ?? []).map((settings, index) => ({
    pattern: OriginPattern.parse(settings.match) as OriginPattern,
    options: merge(defaults, settings, readTls(settings, ['origins', index, 'tls'], source)),
  }));
  return Object.freeze({
    listen: Object.freeze({
      socket: config.listen?.socket ?? defaultConfig.listen.socket,
      mode: config.listen?.mode === undefined ? defaultConfig.listen.mode : Number.parseInt(config.listen.mode, 8),
    }),
    egress: buildEgress(config.egress ?? {}),
    nat: Object.freeze({
      ports: config.nat?.ports ?? defaultConfig.nat.ports,
      pods: config.nat?.pods ?? defaultConfig.nat.pods,
    }),
    limits: Object.freeze({ sessions: config.limits?.sessions ?? defaultConfig.limits.sessions }),
    origins: new Origins(rules, defaults),
  });
}

function buildEgress(settings: NonNullable<ConfigFile['egress']>): EgressOptions {
  const base = defaultConfig.egress;
  const patterns = (texts: readonly string[]) => texts.map((text) => OriginPattern.parse(text) as OriginPattern);
  return Object.freeze({
    default: settings.default ?? base.default,
    allow: Object.freeze(patterns(settings.allow ?? [])),
    deny: Object.freeze(patterns(settings.deny ?? [])),
    denyAddresses: Object.freeze(settings.denyAddresses ?? base.denyAddresses),
  });
}

function merge(base: OriginOptions, settings: Omit<OriginSettings, 'match'>, tls: TlsOptions): OriginOptions {
  const { timeouts, connections, retry, breaker, queue } = settings;
  return Object.freeze({
    protocol: settings.protocol ?? base.protocol,
    tls: Object.freeze(tls),
    resolve: Object.freeze({ prefer: settings.resolve?.prefer ?? base.resolve.prefer }),
    timeouts: Object.freeze({
      connectMs: timeouts?.connect ?? base.timeouts.connectMs,
      firstByteMs: timeouts?.firstByte ?? base.timeouts.firstByteMs,
      idleMs: timeouts?.idle ?? base.timeouts.idleMs,
      totalMs: timeouts?.total ?? base.timeouts.totalMs,
    }),
    connections: Object.freeze({
      max: connections?.max ?? base.connections.max,
      maxIdle: connections?.maxIdle ?? base.connections.maxIdle,
      idleMs: connections?.idle ?? base.connections.idleMs,
      maxAgeMs: connections?.maxAge ?? base.connections.maxAgeMs,
      warm: connections?.warm ?? base.connections.warm,
    }),
    retry: Object.freeze({
      attempts: retry?.attempts ?? base.retry.attempts,
      budget: retry?.budget ?? base.retry.budget,
    }),
    breaker: Object.freeze({
      failures: breaker?.failures ?? base.breaker.failures,
      openMs: breaker?.open ?? base.breaker.openMs,
    }),
    queue: Object.freeze({
      max: queue?.max ?? base.queue.max,
      timeoutMs: queue?.timeout ?? base.queue.timeoutMs,
    }),
    http2: Object.freeze({ engine: settings.http2?.engine ?? base.http2.engine }),
  });
}

/** Reads the PEM files now, so that a wrong path is said at the start and not with the first request. */
function readTls({ tls }: OriginSettings, path: (string | number)[], source: Source): TlsOptions {
  if (tls === undefined) return {};
  const read = (option: 'ca' | 'cert' | 'key', check: (pem: string) => unknown) => {
    const name = tls[option];
    if (name === undefined) return {};
    try {
      const pem = readFileSync(resolve(dirname(source.file), name), 'utf8');
      if (!pem.includes('-----BEGIN ')) throw new Error('it is not PEM');
      check(pem);
      return { [option]: pem };
    } catch (error) {
      const where = source.at([...path, option]);
      throw new ConfigError(
        `${where}: ${path.join('.')}.${option} is ${JSON.stringify(name)}, which cannot be used: ${(error as Error).message}`,
      );
    }
  };
  const options: TlsOptions = {
    ...(tls.serverName !== undefined && { serverName: tls.serverName }),
    ...(tls.minVersion !== undefined && { minVersion: tls.minVersion }),
    ...read('ca', checkCertificates),
    ...read('cert', checkCertificates),
    ...read('key', createPrivateKey),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    const where = source.at(path);
    throw new ConfigError(`${where}: ${path.join('.')}: cert and key do not go together: ${(error as Error).message}`);
  }
  return options;
}

/** OpenSSL passes over what it cannot read in a list of authorities: every certificate is parsed by itself. */
function checkCertificates(pem: string): void {
  const certificates = pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----[^-]*-----END (TRUSTED )?CERTIFICATE-----/g);
  if (certificates === null) throw new Error('it holds no certificate');
  for (const certificate of certificates) new X509Certificate(certificate);
}
