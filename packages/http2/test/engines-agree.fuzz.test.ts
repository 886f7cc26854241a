// The same random scripts of callers and origins on every engine: what the sinks saw, and what came to the origin, is the same.

import { isDeepStrictEqual } from 'node:util';
import { engines } from '@hawser/http2';
import { eventually, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { randomStep, type Step, Subject } from './random-script.ts';
import { openPlain, watchLeaks } from './stand.ts';
import { xorshift } from './xorshift.ts';

/** FUZZ_SCRIPTS=1000 FUZZ_SEED=7 runs more of them, or others. */
const scripts = Number(process.env.FUZZ_SCRIPTS ?? 60);
const firstSeed = Number(process.env.FUZZ_SEED ?? 1);
const stepsPerScript = 24;

test(`engines agree on ${scripts} scripts from FUZZ_SEED=${firstSeed}`, {
  timeout: 60_000 + scripts * 1000,
}, async () => {
  const noLeaks = watchLeaks();
  const tally = { ended: 0, failed: 0, closed: 0 };
  for (let seed = firstSeed; seed < firstSeed + scripts; seed++) await agree(seed, tally);
  await noLeaks();
  // Each outcome is common; otherwise the scripts test nothing.
  expect(tally.ended).toBeGreaterThan(scripts / 2);
  expect(tally.failed).toBeGreaterThan(scripts / 2);
  expect(tally.closed).toBeGreaterThan(scripts / 20);
});

async function agree(seed: number, tally: { ended: number; failed: number; closed: number }): Promise<void> {
  const random = xorshift(seed * 0x9e37_79b1);
  const peer = await ScriptedHttp2Peer.start(() => {}, { renewsWindows: random(2) === 0 });
  const subjects: Subject[] = [];
  for (const engine of engines) {
    const stand = await openPlain(peer.port, engine);
    await eventually(() => peer.connections.length > subjects.length);
    const connection = peer.connections[subjects.length] as PeerConnection;
    // A full session window holds back ends of streams in nghttp2, and not here.
    connection.windowUpdate(0, 2 ** 24);
    subjects.push(new Subject(stand, connection));
  }
  const done: string[] = [];
  try {
    for (let i = 0; i < stepsPerScript; i++) {
      const step = randomStep(random, subjects[0]?.sinks.length ?? 0);
      done.push(step.text);
      await Promise.all(subjects.map((subject) => take(step, subject)));
      await eventually(() => areAlike(subjects, (subject) => subject.view()), { everyMs: 1 });
    }
    for (const subject of subjects) subject.openWindows();
    await eventually(() => areAlike(subjects, (subject) => [subject.view(), subject.atOrigin()]), { everyMs: 1 });
  } catch (cause) {
    const views = subjects.map(
      (subject, i) => `${engines[i]}: ${JSON.stringify([subject.view(), subject.atOrigin()])}`,
    );
    throw new Error(`seed ${seed}\n${done.join('\n')}\n${views.join('\n')}`, { cause });
  }
  for (const { calls, violations } of subjects.flatMap(({ sinks }) => sinks)) {
    expect(violations, `seed ${seed}`).toEqual([]);
    if (calls.includes('onEnd')) tally.ended++;
    if (calls.includes('onError')) tally.failed++;
  }
  if (subjects[0]?.stand.session.state === 'closed') tally.closed++;
  for (const { stand } of subjects) await stand[Symbol.asyncDispose]();
  await peer.close();
}

/** Does a step and lets both ends work it off: PING makes the round, if the session still can. */
async function take(step: Step, subject: Subject): Promise<void> {
  const { stand } = subject;
  step.run(subject);
  try {
    await stand.session.ping(5000);
  } catch {
    // It has ended, or ends once its exchanges have.
    if (stand.session.state !== 'draining') await stand.events.closed;
  }
}

function areAlike(subjects: readonly Subject[], view: (subject: Subject) => unknown): boolean {
  const [first, ...others] = subjects.map(view);
  return others.every((other) => isDeepStrictEqual(other, first));
}
