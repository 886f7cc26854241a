// The NAT lab: PHP workers send at a growing rate through a NAT with few ports, directly, through a proxy, through Hawser.

import { fileURLToPath } from 'node:url';
import type { TestProcess } from '@hawser/testkit';
import type { Contender } from '../contender.ts';
import { Origin, shortAnswerBytes } from '../origin.ts';
import { programPath } from '../programs.ts';
import { startSidecar } from '../sidecar.ts';
import type { Stand } from '../stand.ts';
import { NatNetwork, type NatOptions, originAddress, originHost } from './network.ts';

export interface LabPlan extends NatOptions {
  readonly workers: number;
  /** How long the origin takes for an answer. */
  readonly answerMs: number;
  readonly stepSeconds: number;
  /** Requests per second, step by step, of what opens a connection each time; and of what keeps them. */
  readonly directRates: readonly number[];
  readonly pooledRates: readonly number[];
}

interface Step {
  /** Requests per second that were asked for, and that were sent. */
  readonly rate: number;
  readonly sent: number;
  readonly requests: number;
  readonly errors: number;
  readonly messages: readonly string[];
  /** Connections for which the NAT had no port. */
  readonly insertFailed: number;
  readonly maxPorts: number;
}

export interface Ramp {
  readonly contender: string;
  readonly steps: readonly Step[];
  /** Seconds since the start of the ramp, and ports in use then. */
  readonly samples: readonly (readonly [number, number])[];
  /** The first rate at which the NAT had no port; null where it always had one. */
  readonly firstFailingRate: number | null;
  /** The highest rate that was really sent, with neither an error nor a missing port up to it. */
  readonly highestCleanRate: number;
}

export const labPlans = {
  full: {
    ports: 500,
    holdSeconds: 5,
    workers: 150,
    answerMs: 50,
    stepSeconds: 7,
    directRates: [40, 50, 60, 70, 80, 90, 100, 110, 120, 140],
    pooledRates: [100, 250, 500, 1000, 1500, 1800, 2100],
  },
  quick: {
    ports: 500,
    holdSeconds: 5,
    workers: 150,
    answerMs: 50,
    stepSeconds: 7,
    directRates: [60, 80, 100, 120],
    pooledRates: [100, 1000, 2000],
  },
  tiny: {
    ports: 10,
    holdSeconds: 5,
    workers: 8,
    answerMs: 10,
    stepSeconds: 3,
    directRates: [40],
    pooledRates: [40],
  },
} as const satisfies Record<string, LabPlan>;

const script = fileURLToPath(new URL('../../php/paced.php', import.meta.url));
const port = 8443;
const sampleEveryMs = 250;
const graceMs = 120_000;
/** A step counts as sent where the machine managed nearly all of it. */
const enough = 0.95;

interface PacedReport {
  readonly requests: number;
  readonly errors: number;
  readonly messages: readonly string[];
}

/** One contender's ramp in a network of its own: no port is taken at its start. */
export async function ramp(stand: Stand, contender: Contender, plan: LabPlan): Promise<Ramp> {
  await using stack = new AsyncDisposableStack();
  stand.progress.begin(`nat, ${contender.name}`);
  const network = stack.use(await NatNetwork.open(stand.makeDirectory(), plan));
  const originOptions = { address: originAddress, port, start: network.origin.start };
  stack.use(await Origin.start(stand.makeDirectory(), stand.certificate, originOptions));
  const { ca } = stand.certificate;
  const sidecar =
    contender.sidecar === null
      ? null
      : stack.use(
          await startSidecar(
            contender.sidecar,
            stand.makeDirectory(),
            { host: originHost, address: originAddress, port, ca },
            network.app.start,
          ),
        );
  const target = JSON.stringify({
    transport: contender.transport,
    origin: `https://${originHost}:${port}`,
    ca,
    socket: sidecar?.socket ?? null,
  });
  const workers = await Promise.all(
    Array.from({ length: plan.workers }, () => network.app.start(programPath('php'), [script, target])),
  );
  await Promise.all(workers.map((worker) => worker.line((line) => line === 'ready', 60_000)));

  const sampler = new Sampler(network);
  const steps: Step[] = [];
  for (const rate of contender.sidecar === null ? plan.directRates : plan.pooledRates) {
    stand.progress.step(`${rate} requests/s`);
    const step = await runStep(network, sampler, workers, plan, rate);
    steps.push(step);
    // What has failed goes on failing: the outage is seen.
    if (step.insertFailed > 0) break;
  }
  const samples = await sampler.stop();
  const dirty = steps.findIndex((step) => step.insertFailed > 0 || step.errors > 0);
  const clean = (dirty < 0 ? steps : steps.slice(0, dirty)).filter((step) => step.sent >= step.rate * enough);
  return {
    contender: contender.name,
    steps,
    samples,
    firstFailingRate: steps.find((step) => step.insertFailed > 0)?.rate ?? null,
    highestCleanRate: Math.max(0, ...clean.map((step) => step.rate)),
  };
}

async function runStep(
  network: NatNetwork,
  sampler: Sampler,
  workers: readonly TestProcess[],
  plan: LabPlan,
  rate: number,
): Promise<Step> {
  const before = await sampler.now();
  const everyMs = (workers.length * 1000) / rate;
  workers.forEach((worker, i) => {
    const phaseMs = (i * everyMs) / workers.length;
    const path = `/slow?ms=${plan.answerMs}`;
    worker.writeLine(JSON.stringify({ path, expect: shortAnswerBytes, everyMs, phaseMs, seconds: plan.stepSeconds }));
  });
  sampler.maxPorts = 0;
  const startedAt = performance.now();
  const reports = await Promise.all(
    workers.map(
      async (worker) => JSON.parse(await worker.line(() => true, plan.stepSeconds * 1000 + graceMs)) as PacedReport,
    ),
  );
  const seconds = Math.max(plan.stepSeconds, (performance.now() - startedAt) / 1000 - plan.answerMs / 1000);
  const requests = reports.reduce((sum, report) => sum + report.requests, 0);
  const after = await network.counts();
  return {
    rate,
    sent: requests / seconds,
    requests,
    errors: reports.reduce((sum, report) => sum + report.errors, 0),
    messages: [...new Set(reports.flatMap((report) => report.messages))].slice(0, 3),
    insertFailed: after.insertFailed - before.insertFailed,
    maxPorts: Math.max(sampler.maxPorts, after.ports),
  };
}

/** Looks at the NAT four times a second. */
class Sampler {
  maxPorts = 0;
  readonly #network: NatNetwork;
  readonly #startedAt = performance.now();
  readonly #samples: [number, number][] = [];
  readonly #timer: NodeJS.Timeout;
  #asking: Promise<unknown> = Promise.resolve();

  constructor(network: NatNetwork) {
    this.#network = network;
    this.#timer = setInterval(() => void this.now().catch(() => {}), sampleEveryMs);
  }

  /** Questions stand in line: the answers carry no name. */
  now(): ReturnType<NatNetwork['counts']> {
    const asked = this.#asking.then(() => this.#network.counts());
    this.#asking = asked.catch(() => {});
    return asked.then((counts) => {
      this.maxPorts = Math.max(this.maxPorts, counts.ports);
      this.#samples.push([Math.round(performance.now() - this.#startedAt) / 1000, counts.ports]);
      return counts;
    });
  }

  async stop(): Promise<[number, number][]> {
    clearInterval(this.#timer);
    await this.#asking;
    return this.#samples;
  }
}
