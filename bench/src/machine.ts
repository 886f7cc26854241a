// What the figures were measured on.

import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { PhpFacts } from './php-packages.ts';
import { programVersion } from './programs.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
  };
}

export function readVersions(php: PhpFacts): Record<string, string> {
  return {
    node: process.versions.node,
    php: php.php,
    curl: php.curl,
    openssl: php.openssl,
    msgpack: php.msgpack,
    guzzle: php.guzzle,
    symfony: php.symfony,
    haproxy: programVersion('haproxy'),
    nginx: programVersion('nginx'),
    curlShare: php.hasPersistentShare ? 'persistent, by PHP' : 'kept in the worker, as PHP 8.5 does by itself',
  };
}
