// The scenarios in which PHP processes of the command line send one load: they differ in who sends what.

import type { Contender } from './contender.ts';
import { DelayRelay } from './delay-relay.ts';
import { type Load, runLoad } from './load.ts';
import { bodyBytes, shortAnswerBytes, smallBytes } from './origin.ts';
import type { Row } from './row.ts';
import type { Scenario } from './scenario.ts';
import type { Stand } from './stand.ts';

/** As many as a small PHP-FPM pool; a tiny run is about the path, not about the number. */
const workers = 8;
const workersIn = (stand: Stand): number => (stand.scale.name === 'tiny' ? 2 : workers);
const small = { act: 'get', path: '/small', size: 1, expect: smallBytes } as const;
const down = (size: keyof typeof bodyBytes): Load['job'] => ({
  act: 'get',
  path: `/files/${size}`,
  size: 1,
  expect: bodyBytes[size],
});
const fanOut = 10;
const oneWayMs = 20;
const slowMs = 1000;
const concurrent = { processes: 10, each: 50 } as const;

export const sequential: Scenario = {
  name: 'sequential',
  what: 'one PHP process, one 512-byte GET after the other',
  run: (stand, contenders) =>
    withOrigin(stand, contenders, [
      { scenario: 'sequential', case: null, processes: 1, job: small, requestsPerRepeat: 1 },
    ]),
};

export const inWorkers: Scenario = {
  name: 'workers',
  what: `${workers} PHP processes at once, each one 512-byte GET after the other`,
  run: (stand, contenders) =>
    withOrigin(stand, contenders, [
      { scenario: 'workers', case: null, processes: workersIn(stand), job: small, requestsPerRepeat: 1 },
    ]),
};

export const inFanOut: Scenario = {
  name: 'fanout',
  what: `one PHP process, ${fanOut} GETs at once and all awaited, again and again; times are those of ${fanOut} together`,
  run: (stand, contenders) =>
    withOrigin(stand, canFanOut(stand, 'fanout', contenders), [
      {
        scenario: 'fanout',
        case: null,
        processes: 1,
        job: { act: 'fanOut', path: '/small', size: fanOut, expect: fanOut * smallBytes },
        requestsPerRepeat: fanOut,
      },
    ]),
};

export const rtt: Scenario = {
  name: 'rtt',
  what:
    `an origin ${oneWayMs} ms away each way, handshakes included: ${workers} PHP processes, each one 512-byte GET after the ` +
    'other; one process, a large body down',
  run: (stand, contenders) => {
    const loads: Load[] = [
      { scenario: 'rtt', case: null, processes: workersIn(stand), job: small, requestsPerRepeat: 1 },
    ];
    // A proxy with a narrow window takes seconds for 10 MiB, which a glance has not.
    if (stand.scale.name !== 'quick') {
      const [large, size] =
        stand.scale.name === 'full' ? (['10 MiB down', '10MiB'] as const) : (['64 KiB down', '64KiB'] as const);
      loads.push({ scenario: 'rtt', case: large, processes: 1, job: down(size), requestsPerRepeat: 1 });
    }
    return withOrigin(stand, contenders, loads, oneWayMs);
  },
};

export const bodies: Scenario = {
  name: 'bodies',
  what: 'one PHP process, large bodies one after the other: 64 KiB and 10 MiB down, 10 MiB up',
  run: (stand, contenders) => {
    const up: Load['job'] = { act: 'upload', path: '/upload', size: bodyBytes['10MiB'], expect: shortAnswerBytes };
    const one = { scenario: 'bodies', processes: 1, requestsPerRepeat: 1 };
    return withOrigin(stand, contenders, [
      { ...one, case: '64 KiB down', job: down('64KiB') },
      { ...one, case: '10 MiB down', job: down('10MiB') },
      { ...one, case: '10 MiB up', job: up },
    ]);
  },
};

export const connections: Scenario = {
  name: 'connections',
  what:
    `${concurrent.processes * concurrent.each} exchanges at once that the origin answers after ${slowMs} ms, from ` +
    `${concurrent.processes} PHP processes; times are those of ${concurrent.each} together`,
  run: (stand, contenders) => {
    const isTiny = stand.scale.name === 'tiny';
    const { processes, each } = isTiny ? { processes: 2, each: 3 } : concurrent;
    return withOrigin(stand, canFanOut(stand, 'connections', contenders), [
      {
        scenario: 'connections',
        case: null,
        processes,
        job: {
          act: 'fanOut',
          path: `/slow?ms=${isTiny ? 50 : slowMs}`,
          size: each,
          expect: each * shortAnswerBytes,
        },
        requestsPerRepeat: each,
        maxRepeats: 1,
      },
    ]);
  },
};

/** The loads one after the other, each against an origin of its own, so far away: connections are counted afresh. */
async function withOrigin(
  stand: Stand,
  contenders: readonly Contender[],
  loads: readonly Load[],
  awayMs = 0,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const load of loads) {
    await using origin = await stand.startOrigin();
    await using relay = awayMs > 0 ? await DelayRelay.start(origin.port, awayMs) : null;
    const port = relay?.port ?? origin.port;
    rows.push(...(await runLoad(stand, origin, contenders, { ...load, port })));
  }
  return rows;
}

function canFanOut(stand: Stand, scenario: string, contenders: readonly Contender[]): Contender[] {
  return contenders.filter((contender) => {
    if (contender.transport !== 'hawser-psr18') return true;
    stand.skip(contender.name, scenario, 'PSR-18 has no concurrent requests');
    return false;
  });
}
