import { FakeClock } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { Admission, type Admitted } from './admission.ts';
import { ConnectAttempt } from './connect-attempt.ts';
import { NatGovernor } from './nat-governor.ts';
import { parseTarget } from './origin.ts';
import { maxWaiting, type Place, Places } from './places.ts';
import { turn } from './scripted-session.test.fixture.ts';

const one = { address: '192.0.2.1', family: 4 } as const;
const two = { address: '192.0.2.2', family: 4 } as const;
const { signal } = new AbortController();
const ignore = () => {};

function admissionOf(maxSessions = 10) {
  const nat = new NatGovernor({ ports: 2, pods: 1 });
  const sessions = new Places(maxSessions, { plural: 'sessions', option: 'limits.sessions' });
  return { nat, sessions, admission: new Admission(nat, sessions) };
}

test('the first address with room is tried first, and the others after it as far as they have room', async () => {
  const { nat, admission } = admissionOf();
  nat.placesAt(one, 443).tryTake();
  const admitted = await admission.admit([one, two], 443, ignore, signal);
  expect(admitted.addresses).toEqual([two, one]);
  expect(admitted.takePlace(two)).not.toBeNull();
  expect(admitted.takePlace(one)).toBeNull();
});

test('the place that comes first will do, whichever address it is at', async () => {
  const { nat, admission } = admissionOf();
  const places = [one, two].map((address) => nat.placesAt(address, 443));
  const taken = places.map((each) => each.tryTake()) as [Place, Place];
  const waits: string[] = [];
  const admitted = admission.admit([one, two], 443, (lines) => waits.push(lines.join()), signal);
  await turn();
  expect(places.map(({ waiting }) => waiting)).toEqual([1, 1]);
  expect(waits).toHaveLength(1);
  taken[1].release();
  expect((await admitted).addresses).toEqual([two, one]);
  expect(places.map(({ waiting }) => waiting)).toEqual([0, 0]);
});

test('where the line for a destination is full, the next one is refused and told which', async () => {
  const { nat, admission } = admissionOf();
  const places = nat.placesAt(one, 443);
  places.tryTake();
  const abort = new AbortController();
  const waiting = Array.from({ length: maxWaiting }, () => admission.admit([one], 443, ignore, abort.signal));
  await turn();
  expect(places.waiting).toBe(maxWaiting);
  await expect(admission.admit([one], 443, ignore, signal)).rejects.toMatchObject({
    code: 'queue_full',
    source: 'broker',
    processed: 'no',
    message: '1000 connects wait already for one of at most 1 connections to 192.0.2.1:443 (nat.ports / 2 / nat.pods)',
  });
  const reason = new Error('enough');
  abort.abort(reason);
  for (const outcome of await Promise.allSettled(waiting))
    expect(outcome).toMatchObject({ status: 'rejected', reason });
  expect(places).toMatchObject({ taken: 1, waiting: 0 });
});

test('who waits at a destination holds no session, and who waits for a session from there on holds its place', async () => {
  const { nat, sessions, admission } = admissionOf(1);
  const place = nat.placesAt(one, 443).tryTake();
  const abort = new AbortController();
  const waiting = admission.admit([one], 443, ignore, abort.signal);
  await turn();
  expect(nat.placesAt(one, 443).waiting).toBe(1);
  const other = await admission.admit([two], 443, ignore, signal);
  place?.release();
  await turn();
  expect([sessions.waiting, nat.placesAt(one, 443).taken]).toEqual([1, 1]);
  abort.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  expect([sessions.waiting, nat.placesAt(one, 443).taken]).toEqual([0, 0]);
  other.release();
  expect([sessions.taken, nat.placesAt(two, 443).taken]).toEqual([0, 0]);
  await expect(admission.admit([one], 443, ignore, abort.signal)).rejects.toThrow('enough');
});

test('who waits for a session takes no place at its destination', async () => {
  const { nat, sessions, admission } = admissionOf(1);
  const held = await admission.admit([one], 443, ignore, signal);
  const waiting = admission.admit([two], 443, ignore, signal);
  expect([sessions.waiting, nat.placesAt(two, 443).taken]).toEqual([1, 0]);
  held.release();
  (await waiting).release();
  expect([sessions.taken, nat.placesAt(two, 443).taken]).toEqual([0, 0]);
});

test('timeouts.connect does not run while a connect waits', async () => {
  const clock = new FakeClock();
  const { nat, admission } = admissionOf();
  const place = nat.placesAt(one, 443).tryTake();
  const attempt = new ConnectAttempt(parseTarget('https://api.example.com').origin, 100, clock, signal);
  clock.advance(40);
  let admitted: Admitted | null = null;
  void attempt.whileWaiting(admission, [one], 443, undefined).then((got) => {
    admitted = got;
  });
  await turn();
  clock.advance(60_000);
  await turn();
  expect(admitted).toBeNull();
  place?.release();
  await turn();
  expect(admitted).not.toBeNull();
  clock.advance(59);
  expect(attempt.signal.aborted).toBe(false);
  clock.advance(1);
  expect(attempt.signal.aborted).toBe(true);
  attempt.end();
  expect(clock.pendingTimers).toBe(0);
});
