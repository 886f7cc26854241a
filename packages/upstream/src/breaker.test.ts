import { FakeClock } from '@hawser/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { withBreaker } from './breaker.ts';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import type { Handle, Send } from './exchange.ts';
import { RecordingSink, type ScriptedAttempt, scriptExchange, scriptSend } from './scripted-send.test.fixture.ts';

const failures = 5;
const openMs = 10_000;

let clock: FakeClock;
let send: Send;
let attempts: ScriptedAttempt[];

beforeEach(() => {
  clock = new FakeClock(0);
  const scripted = scriptSend();
  attempts = scripted.attempts;
  send = withBreaker(scripted.send, clock);
});

describe('closed', () => {
  test('lets everything pass, and forgets failures after a success', async () => {
    for (let i = 0; i < 3; i++) {
      await failTimes(failures - 1);
      succeed();
    }
    expect(attempts).toHaveLength(3 * failures);
  });

  test.each<UpstreamErrorCode>(['queue_timeout', 'deadline_exceeded', 'request_unsupported', 'broker_draining'])(
    '%s says nothing about the origin',
    async (code) => {
      await failTimes(2 * failures, code);
      expect(attempts).toHaveLength(2 * failures);
    },
  );

  test('a first-byte time-out that comes from above counts', () => {
    for (let i = 0; i < failures; i++) start().handle.cancel(errorOf('first_byte_timeout'));
    expect(start().sink.calls).toEqual([]);
    expect(attempts).toHaveLength(failures);
  });

  test('a client that gives up does not count', () => {
    for (let i = 0; i < 2 * failures; i++) start().handle.cancel();
    expect(attempts).toHaveLength(2 * failures);
  });

  test('the end of a session that had served says nothing about the origin, however many exchanges it takes with it', () => {
    for (let i = 0; i < 2 * failures; i++) {
      const { attempt } = start();
      attempt.exchange.facts.isOnProvenSession = true;
      attempt.sink.onError(errorOf('origin_closed'));
    }
    expect(attempts).toHaveLength(2 * failures);
  });

  test('the end of a session that never answered counts, whoever shared it', () => {
    for (let i = 0; i < failures + 1; i++) {
      const { attempt } = start();
      attempt.exchange.facts.session = 'reused';
      attempt.sink.onError(errorOf('origin_closed'));
    }
    expect(attempts).toHaveLength(failures);
  });

  test('origins are apart from each other', async () => {
    await failTimes(failures);
    const other = { ...scriptExchange(), origin: { scheme: 'https', host: 'other.example.com', port: 443 } as const };
    send(other, new RecordingSink());
    expect(attempts).toHaveLength(failures + 1);
  });
});

describe('open', () => {
  test('refuses on its own turn, with the time until the next try', async () => {
    await failTimes(failures);
    clock.advance(4_000);
    const { sink } = start();
    expect(sink.calls).toEqual([]);
    await turn();
    expect(sink.calls).toEqual(['error breaker_open']);
    expect(sink.error).toMatchObject({ processed: 'no', source: 'broker' });
    expect(sink.error?.message).toBe(
      'https://api.example.com: failed 5 times in a row (breaker.failures); next try in 6000 ms',
    );
    expect(attempts).toHaveLength(failures);
  });

  test('a refused exchange that is cancelled hears nothing', async () => {
    await failTimes(failures);
    const { sink, handle } = start();
    handle.cancel();
    await turn();
    expect(sink.calls).toEqual([]);
  });

  test('an exchange from before that succeeds does not close it', async () => {
    const before = start();
    await failTimes(failures);
    attempts[0]?.sink.onResponse(200, []);
    expect(before.sink.calls).toEqual(['response 200']);
    start();
    expect(attempts).toHaveLength(failures + 1);
  });
});

describe('half-open', () => {
  beforeEach(async () => {
    await failTimes(failures);
    clock.advance(openMs);
  });

  test('one exchange passes as a probe, others are refused; its success closes the breaker', async () => {
    start();
    const { sink } = start();
    await turn();
    expect(sink.calls).toEqual(['error breaker_open']);
    attempts.at(-1)?.sink.onResponse(503, []);
    start();
    start();
    expect(attempts).toHaveLength(failures + 3);
  });

  test('its failure opens it again for the whole time', async () => {
    await failTimes(1);
    clock.advance(openMs - 1);
    start();
    expect(attempts).toHaveLength(failures + 1);
    clock.advance(1);
    start();
    expect(attempts).toHaveLength(failures + 2);
  });

  test.each(['success', 'failure', 'nothing'] as const)(
    'what exchanges from before come to changes nothing while the probe runs: %s',
    async (outcome) => {
      const scripted = scriptSend();
      attempts = scripted.attempts;
      send = withBreaker(scripted.send, clock);
      const before = start();
      await failTimes(failures);
      clock.advance(openMs);
      const probe = start();
      if (outcome === 'success') before.attempt.sink.onResponse(200, []);
      else if (outcome === 'failure') before.attempt.sink.onError(errorOf('origin_reset'));
      else before.handle.cancel();
      const { sink } = start();
      await turn();
      expect(sink.calls, 'the probe is still out').toEqual(['error breaker_open']);
      probe.attempt.sink.onResponse(200, []);
      start();
      start();
      expect(attempts, 'its success closed the breaker').toHaveLength(failures + 4);
    },
  );

  test('failures from before do not open it again once it is closed', async () => {
    const scripted = scriptSend();
    attempts = scripted.attempts;
    send = withBreaker(scripted.send, clock);
    const late = Array.from({ length: failures }, () => start().attempt);
    await failTimes(failures);
    clock.advance(openMs);
    succeed();
    for (const attempt of late) attempt.sink.onError(errorOf('first_byte_timeout'));
    await turn();
    expect(start().sink.calls).toEqual([]);
    expect(attempts).toHaveLength(2 * failures + 2);
  });

  test('a probe that its client gives up leaves its place to the next', () => {
    start().handle.cancel();
    start();
    expect(attempts).toHaveLength(failures + 2);
  });
});

test('failures: 0 turns it off', () => {
  const exchange = scriptExchange();
  const off = { ...exchange, options: { ...exchange.options, breaker: { failures: 0, openMs } } };
  for (let i = 0; i < 20; i++) {
    send(off, new RecordingSink());
    attempts.at(-1)?.sink.onError(errorOf('connect_refused'));
  }
  expect(attempts).toHaveLength(20);
});

test('everything else passes through', () => {
  const { sink, handle } = start();
  const attempt = attempts[0] as ScriptedAttempt;
  handle.write(Buffer.from('a'));
  handle.end(['x-t', '1']);
  handle.consume(3);
  attempt.sink.onInformational(103, []);
  attempt.sink.onRequestConsumed(1);
  attempt.sink.onResponse(200, []);
  attempt.sink.onData(Buffer.from('abc'));
  attempt.sink.onTrailers(['x-t', '2']);
  attempt.sink.onEnd();
  expect(attempt.calls).toEqual(['write a', 'end x-t 1', 'consume 3']);
  expect(sink.calls).toEqual(['informational 103', 'consumed 1', 'response 200', 'data 3', 'trailers x-t 2', 'end']);
});

/** `attempt` is the last one where the breaker refused this one. */
function start(): { sink: RecordingSink; handle: Handle; attempt: ScriptedAttempt } {
  const sink = new RecordingSink();
  const handle = send(scriptExchange(), sink);
  return { sink, handle, attempt: attempts.at(-1) as ScriptedAttempt };
}

async function failTimes(times: number, code: UpstreamErrorCode = 'connect_refused'): Promise<void> {
  for (let i = 0; i < times; i++) {
    start();
    attempts.at(-1)?.sink.onError(errorOf(code));
  }
  await turn();
}

function succeed(): void {
  start();
  attempts.at(-1)?.sink.onResponse(500, []);
}

function errorOf(code: UpstreamErrorCode): UpstreamError {
  return new UpstreamError(code, code, { source: 'origin', processed: 'no' });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
