// Runs scenarios with contenders and returns everything that was measured.

import { cold } from './cold.ts';
import type { Contender } from './contender.ts';
import { fpm } from './fpm.ts';
import { bodies, connections, inFanOut, inWorkers, rtt, sequential } from './load-scenarios.ts';
import { describeMachine, type Machine, readVersions } from './machine.ts';
import { codec, http2 } from './micro-scenarios.ts';
import { type PhpFacts, readPhpFacts } from './php-packages.ts';
import { describeMissing, findProgram } from './programs.ts';
import type { Progress } from './progress.ts';
import type { Row } from './row.ts';
import type { Scale } from './scale.ts';
import type { Scenario } from './scenario.ts';
import { SidecarRefused } from './sidecar.ts';
import { type Skipped, Stand } from './stand.ts';

export interface Results {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly scale: Scale['name'];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly skipped: readonly Skipped[];
}

export const scenarios: readonly Scenario[] = [
  sequential,
  inWorkers,
  inFanOut,
  fpm,
  rtt,
  bodies,
  connections,
  cold,
  codec,
  http2,
];

/** @throws Error for a name that no scenario has */
export function chooseScenarios(names: readonly string[]): Scenario[] {
  for (const name of names) {
    if (scenarios.some((scenario) => scenario.name === name)) continue;
    throw new Error(
      `no scenario is called '${name}'; allowed: ${scenarios.map((scenario) => scenario.name).join(', ')} and nat`,
    );
  }
  return scenarios.filter((scenario) => names.length === 0 || names.includes(scenario.name));
}

export async function runBench(
  chosen: readonly Scenario[],
  contenders: readonly Contender[],
  scale: Scale,
  progress: Progress,
): Promise<Results> {
  const startedAt = new Date();
  const php = readPhpFacts();
  await using stand = await Stand.open(php, scale, progress);
  const present = await leaveOutAbsent(stand, contenders, php);
  const rows: Row[] = [];
  for (const scenario of chosen) rows.push(...(await scenario.run(stand, present)));
  progress.end();
  return {
    machine: describeMachine(),
    versions: readVersions(php),
    scale: scale.name,
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    rows,
    skipped: stand.skipped,
  };
}

/** The contenders whose programs, classes and engines are here. */
async function leaveOutAbsent(stand: Stand, contenders: readonly Contender[], php: PhpFacts): Promise<Contender[]> {
  const present: Contender[] = [];
  for (const contender of contenders) {
    const reason = absenceOf(contender, php) ?? (await refusalOf(stand, contender));
    if (reason === null) present.push(contender);
    else stand.skip(contender.name, null, reason);
  }
  return present;
}

function absenceOf(contender: Contender, php: PhpFacts): string | null {
  if (contender.sidecar?.startsWith('haproxy') && findProgram('haproxy') === null) return describeMissing('haproxy');
  if (contender.sidecar === 'nginx' && findProgram('nginx') === null) return describeMissing('nginx');
  if (contender.transport === 'hawser-guzzle' && !php.hasGuzzleHandler) {
    return 'hawser/client has no Hawser\\Guzzle\\HawserHandler here';
  }
  if (contender.transport === 'hawser-symfony' && !php.hasSymfonyClient) {
    return 'hawser/client has no Hawser\\Symfony\\HawserHttpClient here';
  }
  return null;
}

/** Why the broker does not take the contender's configuration: an engine that it does not have. */
async function refusalOf(stand: Stand, contender: Contender): Promise<string | null> {
  if (contender.sidecar !== 'hawser-native') return null;
  try {
    await stand.sidecarOf(contender, 1);
    return null;
  } catch (error) {
    if (error instanceof SidecarRefused) return error.message;
    throw error;
  }
}

export function hasErrors(results: Results): boolean {
  return results.rows.some((row) => row.errors > 0);
}
