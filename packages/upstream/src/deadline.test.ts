import { FakeClock } from '@hawser/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { withDeadline } from './deadline.ts';
import { UpstreamError } from './errors.ts';
import {
  type ExchangeScript,
  RecordingSink,
  type ScriptedAttempt,
  scriptExchange,
  scriptSend,
} from './scripted-send.test.fixture.ts';

const startMs = 1_000;
let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock(startMs);
});

describe('the total time', () => {
  test('ends an exchange that has no session yet: nothing was processed', () => {
    const { sink, attempt } = start({ totalMs: 5_000 });
    clock.advance(4_999);
    expect(sink.calls).toEqual([]);
    clock.advance(1);
    expect(attempt.calls).toEqual(['cancel deadline_exceeded']);
    expect(sink.error).toMatchObject({ code: 'deadline_exceeded', processed: 'no', source: 'broker' });
    expect(sink.error?.message).toBe('https://api.example.com: not done within 5000 ms; no response had begun');
  });

  test('ends an exchange that a session has: it may have been processed', () => {
    const { sink, attempt } = start({ totalMs: 5_000 });
    reachSession(attempt);
    clock.advance(5_000);
    expect(sink.error).toMatchObject({ code: 'deadline_exceeded', processed: 'maybe', source: 'origin' });
  });

  test('ends an exchange that a session had and proved unprocessed', () => {
    const { sink, attempt } = start({ totalMs: 5_000 });
    reachSession(attempt);
    attempt.exchange.facts.sentAt = -1;
    attempt.exchange.facts.mayBeProcessed = false;
    clock.advance(5_000);
    expect(sink.error).toMatchObject({ code: 'deadline_exceeded', processed: 'no', source: 'broker' });
  });

  test('ends a body that keeps coming, and says that the response had begun', () => {
    const { sink, attempt, handle } = start({ totalMs: 5_000, timeouts: { idleMs: 1_000 } });
    reachSession(attempt);
    attempt.sink.onResponse(200, []);
    for (let ms = 0; ms < 5_000; ms += 500) {
      attempt.sink.onData(Buffer.alloc(10));
      handle.consume(10);
      clock.advance(500);
    }
    expect(sink.error?.message).toContain('not done within 5000 ms; the response had begun');
  });

  test('counts from the start of the exchange, not from when this layer got it', () => {
    const { sink } = start({ totalMs: 5_000, startedAt: startMs - 4_000 });
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error?.code).toBe('deadline_exceeded');
  });

  test('a deadline that is past already ends the exchange, not from inside the call', () => {
    const { sink } = start({ totalMs: 5_000, startedAt: startMs - 6_000 });
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error?.code).toBe('deadline_exceeded');
  });
});

describe('the time to the first byte', () => {
  test('counts from when a session was reached', () => {
    const { sink, attempt } = start({ timeouts: { firstByteMs: 1_000 } });
    clock.advance(3_300);
    expect(sink.error).toBeNull();
    reachSession(attempt);
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(attempt.calls).toEqual(['cancel first_byte_timeout']);
    expect(sink.error).toMatchObject({ code: 'first_byte_timeout', processed: 'maybe', source: 'origin' });
    expect(sink.error?.message).toBe('https://api.example.com: no response within 1000 ms (timeouts.firstByte)');
  });

  test('begins anew with each attempt, and does not run between two', () => {
    const { sink, attempt } = start({ timeouts: { firstByteMs: 1_000 } });
    reachSession(attempt);
    clock.advance(900);
    attempt.exchange.facts.sentAt = -1;
    clock.advance(1_000);
    expect(sink.error).toBeNull();
    reachSession(attempt);
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error).toMatchObject({ code: 'first_byte_timeout', processed: 'maybe' });
  });

  test('begins anew where a response that nobody saw broke off', () => {
    const { sink, attempt } = start({ timeouts: { firstByteMs: 1_000, idleMs: 5_000 } });
    sink.mayRestart = true;
    reachSession(attempt);
    attempt.sink.onResponse(200, []);
    attempt.sink.onData(Buffer.from('abc'));
    expect(attempt.sink.onRestart?.()).toBe(true);
    clock.advance(3_000);
    reachSession(attempt);
    clock.advance(6_000);
    expect(sink.error).toMatchObject({ code: 'first_byte_timeout' });
  });

  test('does not run while the client still sends the request', () => {
    const { sink, attempt, handle } = start({ body: 'stream', timeouts: { firstByteMs: 1_000 } });
    reachSession(attempt);
    for (let i = 0; i < 10; i++) {
      clock.advance(900);
      handle.write(Buffer.from('x'));
    }
    expect(sink.error).toBeNull();
    handle.end();
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error?.code).toBe('first_byte_timeout');
  });

  test('an informational response is not the response', () => {
    const { sink, attempt } = start({ timeouts: { firstByteMs: 1_000 } });
    reachSession(attempt);
    clock.advance(900);
    attempt.sink.onInformational(103, []);
    clock.advance(100);
    expect(sink.calls).toEqual(['informational 103', 'error first_byte_timeout']);
  });

  test('does not run once the response has begun', () => {
    const { sink, attempt } = start({ timeouts: { firstByteMs: 1_000, idleMs: 10_000 } });
    reachSession(attempt);
    clock.advance(999);
    attempt.sink.onResponse(200, []);
    clock.advance(9_000);
    expect(sink.error).toBeNull();
    attempt.sink.onEnd();
  });
});

describe('the idle time', () => {
  test('ends a body that the origin stops sending', () => {
    const { sink, attempt, handle } = start({ timeouts: { idleMs: 1_000 } });
    reachSession(attempt);
    attempt.sink.onResponse(200, []);
    clock.advance(700);
    attempt.sink.onData(Buffer.alloc(10));
    handle.consume(10);
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error).toMatchObject({ code: 'idle_timeout', processed: 'maybe', source: 'origin' });
    expect(sink.error?.message).toBe('https://api.example.com: the body stopped for 1000 ms (timeouts.idle)');
    expect(attempt.calls).toEqual(['consume 10', 'cancel idle_timeout']);
  });

  test('is not counted while the client is the one who does not take the body', () => {
    const { sink, attempt, handle } = start({ timeouts: { idleMs: 1_000 } });
    reachSession(attempt);
    attempt.sink.onResponse(200, []);
    attempt.sink.onData(Buffer.alloc(10));
    handle.consume(9);
    clock.advance(20_000);
    expect(sink.error).toBeNull();
    handle.consume(1);
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error?.code).toBe('idle_timeout');
  });

  test('is not counted while the request is not whole: the origin may be the one who waits', () => {
    const { sink, attempt, handle } = start({ body: 'stream', timeouts: { idleMs: 1_000 } });
    reachSession(attempt);
    attempt.sink.onResponse(200, []);
    clock.advance(5_000);
    handle.end();
    clock.advance(999);
    expect(sink.error).toBeNull();
    clock.advance(1);
    expect(sink.error?.code).toBe('idle_timeout');
  });
});

describe('an exchange that ends otherwise', () => {
  test.each<[string, (attempt: ScriptedAttempt, cancel: () => void) => void]>([
    ['with its response', (attempt) => attempt.sink.onEnd()],
    ['with an error', (attempt) => attempt.sink.onError(failure())],
    ['by cancel', (_attempt, cancel) => cancel()],
  ])('%s leaves no timer and hears nothing more', (_name, end) => {
    const { sink, attempt, handle, exchange } = start({ body: 'stream' });
    reachSession(attempt);
    clock.advance(250);
    end(attempt, () => handle.cancel());
    const calls = [...sink.calls];
    expect(clock.pendingTimers).toBe(0);
    handle.end();
    expect(clock.pendingTimers).toBe(0);
    clock.advance(1_000_000);
    expect(sink.calls).toEqual(calls);
    expect(exchange.facts.totalMs).toBe(250);
  });

  test('that ran out of time leaves no timer', () => {
    const { handle } = start({ totalMs: 5_000 });
    clock.advance(5_000);
    handle.end();
    expect(clock.pendingTimers).toBe(0);
  });
});

test('there is one timer per exchange, however much happens', () => {
  const { attempt, handle } = start({ body: 'stream' });
  reachSession(attempt);
  handle.write(Buffer.from('x'));
  handle.end();
  attempt.sink.onResponse(200, []);
  for (let i = 0; i < 100; i++) {
    attempt.sink.onData(Buffer.alloc(10));
    handle.consume(10);
    clock.advance(50);
  }
  expect(clock.pendingTimers).toBe(1);
  attempt.sink.onEnd();
});

test('everything passes through, both ways, and the time to the first byte is noted', () => {
  const { sink, attempt, handle, exchange } = start({ body: 'stream' });
  handle.write(Buffer.from('body'));
  handle.end(['x-sum', '1']);
  handle.consume(7);
  expect(attempt.calls).toEqual(['write body', 'end x-sum 1', 'consume 7']);
  reachSession(attempt);
  clock.advance(30);
  attempt.sink.onRequestConsumed(4);
  attempt.sink.onInformational(103, []);
  clock.advance(30);
  attempt.sink.onResponse(200, []);
  clock.advance(30);
  attempt.sink.onData(Buffer.from('answer'));
  attempt.sink.onTrailers(['x-sum', '2']);
  attempt.sink.onEnd();
  expect(sink.calls).toEqual(['consumed 4', 'informational 103', 'response 200', 'data 6', 'trailers x-sum 2', 'end']);
  expect(exchange.facts).toMatchObject({ firstByteMs: 60, totalMs: 90 });
});

function start(script: ExchangeScript) {
  const { send, attempts } = scriptSend();
  const exchange = scriptExchange({ startedAt: startMs, ...script });
  const sink = new RecordingSink();
  const handle = withDeadline(send, clock)(exchange, sink);
  return { exchange, sink, handle, attempt: attempts[0] as ScriptedAttempt };
}

/** As check out notes it. */
function reachSession({ exchange }: ScriptedAttempt): void {
  exchange.facts.protocol = 'h2';
  exchange.facts.sentAt = clock.now();
  exchange.facts.mayBeProcessed = true;
}

function failure(): UpstreamError {
  return new UpstreamError('origin_reset', 'reset', { source: 'origin', processed: 'maybe' });
}
