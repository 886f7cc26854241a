// `pnpm bench nat`: the lab for each contender, its table, JSON and chart.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Contender, chooseContenders } from '../contender.ts';
import { describeMachine, type Machine, readVersions } from '../machine.ts';
import { readPhpFacts } from '../php-packages.ts';
import { findProgram, type Program } from '../programs.ts';
import type { Progress } from '../progress.ts';
import { drawLines } from '../report/charts.ts';
import type { Scale } from '../scale.ts';
import { Stand } from '../stand.ts';
import { formatTable } from '../table.ts';
import { type LabPlan, labPlans, type Ramp, ramp } from './lab.ts';

export interface NatResults {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly plan: LabPlan;
  readonly startedAt: string;
  readonly ramps: readonly Ramp[];
}

const direct = 'curl-new';
const inLab = [direct, 'haproxy-new', 'haproxy-h1-new', 'hawser-node', 'hawser-native'];
const needed: readonly Program[] = ['ip', 'nft', 'nsenter', 'unshare', 'haproxy'];

/** Without names: direct, HAProxy and Hawser. */
export function chooseLabContenders(names: readonly string[]): Contender[] {
  return chooseContenders(names.length === 0 ? inLab : names);
}

/** Why the lab cannot be built here; empty where it can. */
export function missingForLab(): string[] {
  const missing: string[] = needed.filter((program) => findProgram(program) === null);
  if (process.platform !== 'linux') missing.push('Linux');
  if (process.getuid?.() !== 0) missing.push('root, for network namespaces');
  return missing;
}

export async function runNatBench(
  contenders: readonly Contender[],
  scale: Scale,
  progress: Progress,
): Promise<NatResults> {
  const php = readPhpFacts();
  await using stand = await Stand.open(php, scale, progress);
  const plan = labPlans[scale.name];
  const startedAt = new Date().toISOString();
  const ramps: Ramp[] = [];
  for (const contender of contenders) ramps.push(await ramp(stand, contender, plan));
  progress.end();
  return { machine: describeMachine(), versions: readVersions(php), plan, startedAt, ramps };
}

/** What of Hawser should not have happened, and whether the outage was seen at all. */
export function problemsOf(results: NatResults): string[] {
  const problems: string[] = [];
  for (const { contender, steps, firstFailingRate } of results.ramps) {
    if (contender === direct && firstFailingRate === null) problems.push('direct requests never ran out of ports');
    if (!contender.startsWith('hawser')) continue;
    for (const { rate, errors, insertFailed, messages } of steps) {
      if (insertFailed > 0) problems.push(`${contender} had no port ${insertFailed} times at ${rate} requests/s`);
      if (errors > 0) problems.push(`${contender} had ${errors} errors at ${rate} requests/s: ${messages.join('; ')}`);
    }
  }
  return problems;
}

export function formatNatResults(results: NatResults): string {
  const { plan, ramps } = results;
  const failing = ramps.find(({ contender }) => contender === direct)?.firstFailingRate ?? null;
  const head = ['contender', 'asked/s', 'sent/s', 'requests', 'errors', 'no port', 'ports at most'];
  const rows = ramps.flatMap(({ contender, steps }) =>
    steps.map((step) => [
      contender,
      String(step.rate),
      step.sent.toFixed(0),
      String(step.requests),
      String(step.errors),
      String(step.insertFailed),
      String(step.maxPorts),
    ]),
  );
  const lines = ramps.map((each) => {
    const fails =
      each.firstFailingRate === null ? 'always had a port' : `first had no port at ${each.firstFailingRate}/s`;
    const times =
      failing === null || each.contender === direct
        ? ''
        : `, ${(each.highestCleanRate / failing).toFixed(1)} times the rate at which direct requests fail`;
    return `  ${each.contender}: ${fails}; clean up to ${each.highestCleanRate}/s${times}`;
  });
  return (
    `\n${plan.ports} source ports, each taken for ${plan.holdSeconds} s after its connection has ended; ` +
    `${plan.workers} PHP workers, answers after ${plan.answerMs} ms, ${plan.stepSeconds} s a step\n\n` +
    `${formatTable(head, rows)}\n\n${lines.join('\n')}\n`
  );
}

/** `nat.json` and the chart into `directory`, or JSON alone into `file`. */
export function writeNatResults(results: NatResults, directory: string, file: string | null): void {
  const path = file === null ? join(directory, 'nat.json') : resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  if (file !== null) return;
  const title = `Ports in use at a NAT that has ${results.plan.ports}, while the rate grows`;
  const lines = results.ramps.map(({ contender, steps, samples }) => ({
    name: `${contender}, to ${steps.at(-1)?.rate ?? 0}/s`,
    points: samples,
  }));
  writeFileSync(join(directory, 'nat-ports.svg'), drawLines(title, 'ports', lines));
}
