import { SessionError } from '@hawser/http2';
import { FakeClock } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UpstreamError, type UpstreamErrorCode } from './errors.ts';
import type { Send } from './exchange.ts';
import { maxKeptBytes } from './kept-body.ts';
import { withRetry } from './retry.ts';
import {
  type ExchangeScript,
  RecordingSink,
  type ScriptedAttempt,
  scriptExchange,
  scriptSend,
} from './scripted-send.test.fixture.ts';

/** Longer than the longest pause before a repeat. */
const longMs = 1_100;

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock(0);
});

afterEach(() => {
  expect(clock.pendingTimers, 'timers left').toBe(0);
});

describe('what a session gave back unprocessed is sent again at once', () => {
  test.each(['GET', 'POST', 'PATCH', 'DELETE', 'X-OWN'])('whatever its method: %s', async (method) => {
    const { sink, attempts } = start({ method, body: Buffer.from('x') });
    await fail(attempts[0], 'origin_unprocessed', 'no');
    expect(attempts).toHaveLength(2);
    attempts[1]?.sink.onResponse(200, []);
    attempts[1]?.sink.onEnd();
    expect(sink.calls).toEqual(['response 200', 'end']);
  });

  test('when the kept connection it was to go on had closed', async () => {
    const { attempts } = start({ method: 'POST' });
    await fail(attempts[0], 'origin_closed', 'no');
    expect(attempts).toHaveLength(2);
  });

  test('even where repeats are turned off, and more often than they are allowed', async () => {
    const { attempts } = start({ method: 'POST', retry: { attempts: 1, budget: 0 } });
    for (let i = 0; i < 10; i++) {
      await fail(attempts[i], 'origin_unprocessed', 'no');
      clock.advance(longMs);
    }
    expect(attempts).toHaveLength(11);
  });

  test('but not for ever', async () => {
    const { sink, attempts } = start({});
    for (let i = 0; i < 100 && sink.error === null; i++) {
      await fail(attempts[i], 'origin_unprocessed', 'no');
      clock.advance(longMs);
    }
    expect(attempts).toHaveLength(50);
    expect(sink.error).toMatchObject({ code: 'origin_unprocessed', processed: 'no' });
  });

  test('but ever more rarely where the origin refuses the stream again and again, and within the deadline', async () => {
    const { sink, attempts } = start({ totalMs: 60_000 });
    const refuse = (attempt: ScriptedAttempt | undefined): Promise<void> => {
      const cause = new SessionError('stream_refused', 'REFUSED_STREAM', { processed: 'no' });
      return fail(attempt, 'origin_unprocessed', 'no', cause);
    };
    await refuse(attempts[0]);
    expect(attempts, 'the first repeat is at once').toHaveLength(2);
    for (let i = 1; i < 49; i++) {
      await refuse(attempts[i]);
      expect(attempts, 'not before a pause').toHaveLength(i + 1);
      clock.advance(longMs);
      expect(attempts).toHaveLength(i + 2);
    }
    await refuse(attempts[49]);
    expect(sink.error).toMatchObject({ code: 'origin_unprocessed', processed: 'no' });
  });

  test('which uses up no attempt of what comes after', async () => {
    const { attempts } = start({ retry: { attempts: 2, budget: 1 } });
    for (let i = 0; i < 4; i++) await fail(attempts[i], 'origin_unprocessed', 'no');
    await fail(attempts[4], 'origin_reset', 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(6);
  });

  test('and not from inside onError', async () => {
    const { attempts } = start({});
    const failed = fail(attempts[0], 'origin_unprocessed', 'no');
    expect(attempts).toHaveLength(1);
    await failed;
    expect(attempts).toHaveLength(2);
  });
});

describe('an idempotent exchange is sent again after a pause', () => {
  test.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])('%s', async (method) => {
    const { sink, attempts } = start({ method });
    await fail(attempts[0], 'origin_closed', 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(2);
    expect(sink.calls).toEqual([]);
  });

  test.each(['POST', 'PATCH', 'get', 'X-OWN'])('but not %s, which may have been processed', async (method) => {
    const { sink, attempts } = start({ method });
    await fail(attempts[0], 'origin_closed', 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.error).toMatchObject({ code: 'origin_closed', processed: 'maybe' });
  });

  test.each([
    ['a session that broke off', 'GET', 'origin_closed', 'maybe'],
    ['a connection that was ended while it was set up', 'POST', 'connect_failed', 'no'],
  ] as const)('five times in all after %s', async (_name, method, code, processed) => {
    const { sink, attempts } = start({ method });
    for (let i = 0; i < 5; i++) {
      expect(attempts).toHaveLength(i + 1);
      await fail(attempts[i], code, processed);
      clock.advance(longMs);
    }
    expect(attempts).toHaveLength(5);
    expect(sink.calls).toEqual([`error ${code}`]);
  });

  test('as often as retry.attempts says after a session that broke off, if that is more, or one', async () => {
    for (const [allowed, made] of [
      [7, 7],
      [1, 1],
    ] as const) {
      const { attempts } = start({ retry: { attempts: allowed, budget: 1 } });
      for (let i = 0; i < 10; i++) {
        await fail(attempts[i], 'origin_closed', 'maybe');
        clock.advance(longMs);
      }
      expect(attempts).toHaveLength(made);
    }
  });

  test.each(['connect_refused', 'connect_timeout', 'connect_failed'] as const)(
    'whatever its method where the origin was never reached: %s',
    async (code) => {
      const { attempts } = start({ method: 'POST' });
      await fail(attempts[0], code, 'no');
      clock.advance(longMs);
      expect(attempts).toHaveLength(2);
    },
  );

  test('as often as retry.attempts says, the first included; then the last error is told', async () => {
    const { sink, attempts } = start({ retry: { attempts: 3, budget: 1 } });
    for (let i = 0; i < 3; i++) {
      await fail(attempts[i], 'origin_reset', 'maybe');
      clock.advance(longMs);
    }
    expect(attempts).toHaveLength(3);
    expect(sink.calls).toEqual(['error origin_reset']);
  });

  test('only where the pause leaves time for it', async () => {
    const { sink, attempts } = start({ totalMs: 10 });
    await fail(attempts[0], 'origin_reset', 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.calls).toEqual(['error origin_reset']);
  });

  test('within a budget that the exchanges of an origin share', async () => {
    const { send, attempts } = scriptSend();
    const layer = withRetry(send, clock);
    const sinks: RecordingSink[] = [];
    for (let i = 0; i < 100; i++) sinks.push(startOn(layer, {}));
    await Promise.all(attempts.slice().map((attempt) => fail(attempt, 'origin_reset', 'maybe')));
    clock.advance(longMs);
    expect(attempts).toHaveLength(120);
    expect(sinks.filter((sink) => sink.error !== null)).toHaveLength(80);
  });
});

describe('the end of a session that had served before', () => {
  test('costs no budget', async () => {
    const { send, attempts } = scriptSend();
    const layer = withRetry(send, clock);
    for (let i = 0; i < 100; i++) startOn(layer, { retry: { attempts: 2, budget: 0 } });
    await Promise.all(attempts.slice().map((attempt) => endSession(attempt)));
    clock.advance(longMs);
    expect(attempts).toHaveLength(200);
  });

  test('but once for each exchange', async () => {
    const { sink, attempts } = start({ retry: { attempts: 2, budget: 0 } });
    await endSession(attempts[0]);
    clock.advance(longMs);
    await endSession(attempts[1]);
    clock.advance(longMs);
    expect(attempts).toHaveLength(2);
    expect(sink.calls).toEqual(['error origin_closed']);
  });

  test('is not repeated where repeats are turned off, or the method is not idempotent', async () => {
    for (const script of [{ retry: { attempts: 1, budget: 1 } }, { method: 'POST' }]) {
      const { attempts } = start(script);
      await endSession(attempts[0]);
      clock.advance(longMs);
      expect(attempts).toHaveLength(1);
    }
  });

  function endSession(attempt: ScriptedAttempt | undefined): Promise<void> {
    if (attempt !== undefined) attempt.exchange.facts.isOnProvenSession = true;
    return fail(attempt, 'origin_closed', 'maybe');
  }
});

describe('what would fail again, or is not about the origin, is told at once', () => {
  test.each<[UpstreamErrorCode, 'no' | 'maybe']>([
    ['request_invalid', 'no'],
    ['request_unsupported', 'no'],
    ['origin_forbidden', 'no'],
    ['queue_full', 'no'],
    ['queue_timeout', 'no'],
    ['breaker_open', 'no'],
    ['dns_failed', 'no'],
    ['tls_untrusted', 'no'],
    ['tls_expired', 'no'],
    ['tls_name_mismatch', 'no'],
    ['tls_failed', 'no'],
    ['alpn_mismatch', 'no'],
    ['first_byte_timeout', 'maybe'],
    ['origin_protocol_error', 'maybe'],
    ['response_too_large', 'maybe'],
    ['broker_draining', 'no'],
    ['broker_internal', 'maybe'],
  ])('%s, processed %s', async (code, processed) => {
    const { sink, attempts } = start({});
    await fail(attempts[0], code, processed);
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.error).toMatchObject({ code, processed });
  });

  test('a response that had begun and was shown', async () => {
    const { sink, attempts } = start({});
    attempts[0]?.sink.onResponse(200, []);
    await fail(attempts[0], 'origin_closed', 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.calls).toEqual(['response 200', 'error origin_closed']);
  });
});

describe('a response that breaks off while nobody has seen it', () => {
  test('is asked for again', async () => {
    const { sink, attempts } = start({});
    sink.mayRestart = true;
    attempts[0]?.sink.onResponse(200, []);
    await fail(attempts[0], 'origin_closed', 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(2);
    attempts[1]?.sink.onResponse(200, []);
    attempts[1]?.sink.onEnd();
    expect(sink.calls).toEqual(['response 200', 'restart', 'response 200', 'end']);
  });

  test.each<[string, ExchangeScript, UpstreamErrorCode]>([
    ['a method that is not idempotent', { method: 'POST' }, 'origin_closed'],
    ['a streamed body, which is not kept any more', { method: 'PUT', body: 'stream' }, 'origin_closed'],
    ['what would fail again', {}, 'response_too_large'],
  ])('is told at once: %s', async (_name, script, code) => {
    const { sink, attempts } = start(script);
    sink.mayRestart = true;
    attempts[0]?.sink.onResponse(200, []);
    await fail(attempts[0], code, 'maybe');
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.calls).toEqual(['response 200', `error ${code}`]);
  });

  test('is told where no attempt is left, without its beginning', async () => {
    const { sink, attempts } = start({ retry: { attempts: 1, budget: 1 } });
    sink.mayRestart = true;
    attempts[0]?.sink.onResponse(200, []);
    await fail(attempts[0], 'origin_closed', 'maybe');
    expect(sink.calls).toEqual(['response 200', 'restart', 'error origin_closed']);
  });
});

describe('Retry-After', () => {
  test.each([503, 429])('of a %d is waited for, and the answer is not shown', (status) => {
    const { sink, attempts } = start({});
    attempts[0]?.sink.onResponse(status, ['retry-after', '2']);
    expect(attempts[0]?.calls).toEqual(['cancel']);
    clock.advance(1_999);
    expect(attempts).toHaveLength(1);
    // A little later, at random.
    clock.advance(1 + 25);
    expect(attempts).toHaveLength(2);
    attempts[1]?.sink.onResponse(200, []);
    expect(sink.calls).toEqual(['response 200']);
  });

  test.each([
    ['IMF-fixdate', (at: Date) => at.toUTCString()],
    ['asctime', (at: Date) => asctime(at)],
    ['RFC 850', (at: Date) => rfc850(at)],
  ])('may be a date: %s', (_name, format) => {
    const { attempts } = start({ totalMs: 3_600_000 });
    attempts[0]?.sink.onResponse(503, ['retry-after', format(new Date(Date.now() + 100_000))]);
    clock.advance(90_000);
    expect(attempts).toHaveLength(1);
    clock.advance(11_000);
    expect(attempts).toHaveLength(2);
  });

  test.each(['0', new Date(0).toUTCString()])('of no time at all means a short pause: %s', (value) => {
    const { attempts } = start({});
    attempts[0]?.sink.onResponse(503, ['retry-after', value]);
    clock.advance(25);
    expect(attempts).toHaveLength(2);
  });

  test.each<[string, ExchangeScript, number, string[]]>([
    ['a method that is not idempotent', { method: 'POST' }, 503, ['retry-after', '1']],
    ['another status', {}, 500, ['retry-after', '1']],
    ['no such field', {}, 503, []],
    ['a value that is none', {}, 503, ['retry-after', 'soon']],
    ['a negative number', {}, 503, ['retry-after', '-5']],
    ['a fraction', {}, 503, ['retry-after', '1.5']],
    ['nothing', {}, 503, ['retry-after', '']],
    ['a date that is none', {}, 503, ['retry-after', 'Sun, 99 Nov 1994 08:49:37 GMT']],
    ['a date in another form', {}, 503, ['retry-after', '2000-01-01']],
    ['more than any clock has', {}, 503, ['retry-after', '9'.repeat(400)]],
    ['longer than the deadline allows', { totalMs: 2_000 }, 503, ['retry-after', '2']],
    ['no attempt left', { retry: { attempts: 1, budget: 1 } }, 503, ['retry-after', '1']],
  ])('is left to the caller: %s', (_name, script, status, fields) => {
    const { sink, attempts } = start(script);
    attempts[0]?.sink.onResponse(status, fields);
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.calls).toEqual([`response ${status}`]);
  });
});

describe('cancelling', () => {
  test('between two attempts leaves no timer and no attempt', async () => {
    const { handle, sink, attempts } = start({});
    await fail(attempts[0], 'origin_reset', 'maybe');
    handle.cancel();
    clock.advance(longMs);
    expect(attempts).toHaveLength(1);
    expect(sink.calls).toEqual([]);
  });

  test('just before a repeat that comes at once', async () => {
    const { handle, attempts } = start({});
    const failed = fail(attempts[0], 'origin_unprocessed', 'no');
    handle.cancel();
    await failed;
    expect(attempts).toHaveLength(1);
  });

  test('goes to the last attempt, as does what the client takes', async () => {
    const { handle, attempts } = start({});
    await fail(attempts[0], 'origin_unprocessed', 'no');
    handle.consume(5);
    handle.cancel();
    expect(attempts.map((attempt) => attempt.calls)).toEqual([[], ['consume 5', 'cancel']]);
  });
});

test('what one attempt may have done, a later one that never began does not undo', async () => {
  const { sink, attempts } = start({ retry: { attempts: 2, budget: 1 } });
  await fail(attempts[0], 'origin_reset', 'maybe');
  clock.advance(longMs);
  await fail(attempts[1], 'connect_refused', 'no');
  expect(sink.error).toMatchObject({ code: 'connect_refused', processed: 'maybe' });
});

test('everything else passes through', () => {
  const { handle, sink, attempts } = start({});
  const [attempt] = attempts as [ScriptedAttempt];
  handle.consume(3);
  expect(attempt.calls).toEqual(['consume 3']);
  attempt.sink.onRequestConsumed(4);
  attempt.sink.onInformational(103, []);
  attempt.sink.onResponse(200, []);
  attempt.sink.onData(Buffer.from('abc'));
  attempt.sink.onTrailers(['a', 'b']);
  attempt.sink.onEnd();
  expect(sink.calls).toEqual(['consumed 4', 'informational 103', 'response 200', 'data 3', 'trailers a b', 'end']);
});

describe('a body that comes in pieces', () => {
  const stream = { method: 'POST', body: 'stream' } as const;

  test('passes through', () => {
    const { handle, attempts } = start(stream);
    handle.write(Buffer.from('body'));
    handle.end(['x-sum', '1']);
    expect(attempts[0]?.calls).toEqual(['write body', 'end x-sum 1']);
  });

  test('is sent again from its beginning, and goes on from there', async () => {
    const { handle, attempts } = start(stream);
    handle.write(Buffer.from('one'));
    const failed = fail(attempts[0], 'origin_unprocessed', 'no');
    handle.write(Buffer.from('two'));
    await failed;
    handle.write(Buffer.from('three'));
    handle.end();
    expect(attempts.map(({ calls }) => calls)).toEqual([
      ['write one'],
      ['write one', 'write two', 'write three', 'end'],
    ]);
  });

  test('is sent again after a pause where the method is idempotent', async () => {
    const { handle, attempts } = start({ ...stream, method: 'PUT' });
    handle.write(Buffer.from('one'));
    handle.end();
    await fail(attempts[0], 'origin_closed', 'maybe');
    clock.advance(longMs);
    expect(attempts[1]?.calls).toEqual(['write one', 'end']);
  });

  test('reaches the next attempt whole, however much comes between the two', async () => {
    const { handle, attempts } = start({ ...stream, method: 'PUT' });
    handle.write(Buffer.alloc(maxKeptBytes, 'a'));
    await fail(attempts[0], 'origin_closed', 'maybe');
    handle.write(Buffer.from('b'));
    clock.advance(longMs);
    expect(attempts[1]?.calls.map(({ length }) => length)).toEqual(['write '.length + maxKeptBytes, 'write b'.length]);
  });

  test('is not sent again once more of it was sent than is kept', async () => {
    const { sink, handle, attempts } = start(stream);
    handle.write(Buffer.alloc(maxKeptBytes + 1));
    await fail(attempts[0], 'origin_unprocessed', 'no');
    expect(attempts).toHaveLength(1);
    expect(sink.error).toMatchObject({ code: 'origin_unprocessed', processed: 'no' });
  });

  test('makes no room twice: what an attempt before had taken is not told again', async () => {
    const { sink, handle, attempts } = start(stream);
    handle.write(Buffer.from('0123456789'));
    attempts[0]?.sink.onRequestConsumed(6);
    await fail(attempts[0], 'origin_unprocessed', 'no');
    attempts[1]?.sink.onRequestConsumed(4);
    attempts[1]?.sink.onRequestConsumed(4);
    attempts[1]?.sink.onRequestConsumed(2);
    expect(sink.calls).toEqual(['consumed 6', 'consumed 2', 'consumed 2']);
  });
});

test('the facts say what is out: nothing while none is, and what cannot be taken back', async () => {
  const { attempts } = start({});
  const { facts } = (attempts[0] as ScriptedAttempt).exchange;
  Object.assign(facts, { sentAt: 5, mayBeProcessed: true });
  await fail(attempts[0], 'origin_unprocessed', 'no');
  expect(facts).toMatchObject({ sentAt: -1, mayBeProcessed: false });
  Object.assign(facts, { sentAt: 6, mayBeProcessed: true });
  await fail(attempts[1], 'origin_closed', 'maybe');
  clock.advance(longMs);
  await fail(attempts[2], 'origin_unprocessed', 'no');
  expect(facts).toMatchObject({ sentAt: -1, mayBeProcessed: true });
});

function start(script: ExchangeScript) {
  const { send, attempts } = scriptSend();
  const sink = new RecordingSink();
  const handle = withRetry(send, clock)(scriptExchange(script), sink);
  return { sink, handle, attempts };
}

function startOn(layer: Send, script: ExchangeScript): RecordingSink {
  const sink = new RecordingSink();
  layer(scriptExchange(script), sink);
  return sink;
}

/** The attempt fails; resolves when a repeat has had its turn. */
function fail(
  attempt: ScriptedAttempt | undefined,
  code: UpstreamErrorCode,
  processed: 'no' | 'maybe',
  cause?: SessionError,
): Promise<void> {
  const source = code.startsWith('connect') ? 'connect' : 'origin';
  attempt?.sink.onError(new UpstreamError(code, 'it failed', { source, processed, cause }));
  return new Promise((resolve) => setImmediate(resolve));
}

function asctime(at: Date): string {
  const [weekday, day, month, year, time] = at.toUTCString().replace(',', '').split(' ') as string[];
  return `${weekday} ${month} ${day?.replace(/^0/, ' ')} ${time} ${year}`;
}

function rfc850(at: Date): string {
  const [, day, month, year, time] = at.toUTCString().split(' ') as string[];
  const weekday = at.toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' });
  return `${weekday}, ${day}-${month}-${year?.slice(2)} ${time} GMT`;
}
