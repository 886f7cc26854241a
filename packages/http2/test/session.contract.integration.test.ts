// What every engine does with an origin that keeps the rules.

import { createHash } from 'node:crypto';
import { engines } from '@hawser/http2';
import { contentBytes, eventually, TestOrigin } from '@hawser/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RecordingSink } from './recording-sink.ts';
import { openPlain, openTls, type Stand, settled, watchLeaks } from './stand.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe.each(engines)('a session of the %s engine', (engine) => {
  let origin: TestOrigin;
  let stand: Stand;
  let noLeaks: () => Promise<void>;

  beforeAll(async () => {
    origin = await TestOrigin.start();
  });

  afterAll(async () => {
    await origin.close();
  });

  beforeEach(async () => {
    noLeaks = watchLeaks();
    origin.resetStats();
    stand = await openTls(origin, engine);
  });

  afterEach(async () => {
    await stand[Symbol.asyncDispose]();
    await eventually(() => origin.stats().openConnections === 0);
    await noLeaks();
  });

  test('tells a small response in order, and only after request() returned', async () => {
    const sink = stand.start({ path: '/' });
    const { status, body, error } = await sink.done;
    expect([status, body.toString(), error]).toEqual([200, 'hello', null]);
    expect(sink.calls).toEqual(['onResponse', 'onData', 'onEnd']);
    expect(sink.violations).toEqual([]);
  });

  test('keeps order, repeats and octets of fields, both ways', async () => {
    const fields = [
      'x-b',
      '2',
      'x-a',
      '1',
      'x-b',
      '\u00e4\u00ff',
      'cookie',
      'a=1',
      'cookie',
      'b=2',
      'age',
      '1',
      'age',
      '2',
      'x-empty',
      '',
    ];
    const { body } = await stand.start({ path: '/inspect', fields }).done;
    expect(JSON.parse(body.toString()).fields).toEqual(fields);
    const { fields: answered } = await stand.get('/headers?count=3&bytes=2');
    const own = answered.slice(answered.indexOf('x-field-0'), answered.indexOf('x-field-2') + 2);
    expect(own).toEqual(['x-field-0', 'ee', 'x-field-1', 'ee', 'x-field-2', 'ee']);
  });

  test('sends method, path and authority as given', async () => {
    const head = { method: 'PATCH', path: '/inspect?a=%20b&c', authority: 'api.test:8443' };
    const { body } = await stand.start(head).done;
    expect(JSON.parse(body.toString())).toMatchObject({
      method: head.method,
      target: head.path,
      authority: head.authority,
    });
  });

  test.each(['GET', 'HEAD'])('takes %s responses without a body', async (method) => {
    for (const path of ['/status/204', '/status/304', ...(method === 'HEAD' ? ['/', '/bytes/100000'] : [])]) {
      const sink = stand.start({ method, path });
      const { error, body } = await sink.done;
      expect([error, body.length], path).toEqual([null, 0]);
      expect(sink.calls, path).toEqual(['onResponse', 'onEnd']);
    }
  });

  test('tells 1xx responses before the final one', async () => {
    const sink = stand.start({ path: '/early-hints' });
    const { informational, status } = await sink.done;
    expect(informational).toEqual([
      { status: 103, fields: ['link', '</style.css>; rel=preload; as=style', 'x-hint', 'early'] },
    ]);
    expect(status).toBe(200);
    expect(sink.calls).toEqual(['onInformational', 'onResponse', 'onData', 'onEnd']);
  });

  test('tells trailers between body and end', async () => {
    const sink = stand.start({ path: '/trailers' });
    const { trailers, body } = await sink.done;
    expect(body.toString()).toBe('with trailers');
    expect(trailers).toEqual(['x-checksum', 'abc', 'x-part', '1', 'x-part', '2']);
    expect(sink.calls).toEqual(['onResponse', 'onData', 'onTrailers', 'onEnd']);
  });

  test('sends a whole body', async () => {
    const content = contentBytes(MiB);
    const { body, error } = await stand.start({ path: '/inspect' }, content).done;
    expect(error).toBeNull();
    expect(JSON.parse(body.toString())).toMatchObject({ bodyBytes: MiB, sha256: sha256(content), trailers: [] });
    const empty = await stand.start({ path: '/inspect' }, Buffer.alloc(0)).done;
    expect(JSON.parse(empty.body.toString())).toMatchObject({ bodyBytes: 0 });
  });

  test('sends a streamed body with trailers, and gives back what it let go of', async () => {
    const sink = stand.start({ path: '/inspect' }, 'stream');
    sink.handle?.write(Buffer.from('one '));
    await eventually(() => sink.consumedBytes === 4);
    sink.handle?.write(Buffer.from('two'));
    sink.handle?.end(['x-a', '1', 'x-b', '2', 'x-b', '3']);
    const { body } = await sink.done;
    expect(JSON.parse(body.toString())).toMatchObject({
      bodyBytes: 7,
      sha256: sha256(Buffer.from('one two')),
      trailers: ['x-a', '1', 'x-b', '2', 'x-b', '3'],
    });
    expect(sink.consumedBytes).toBe(7);
    expect(sink.violations).toEqual([]);
  });

  test('ends a streamed body that turns out empty', async () => {
    const sink = stand.start({ path: '/inspect' }, 'stream');
    sink.handle?.end();
    const { body } = await sink.done;
    expect(JSON.parse(body.toString())).toMatchObject({ bodyBytes: 0, trailers: [] });
  });

  test('cancels an upload', async () => {
    const sink = stand.start({ path: '/slow?ms=60000' }, 'stream');
    sink.handle?.write(Buffer.alloc(MiB));
    await eventually(() => sink.consumedBytes === MiB);
    sink.handle?.cancel();
    sink.isCancelled = true;
    await eventually(() => origin.stats().resets.CANCEL === 1);
    expect(sink.violations).toEqual([]);
  });

  test('uploads 20 MiB with at most 256 KiB given and not let go of', async () => {
    const sink = stand.start({ path: '/inspect' }, 'stream');
    const content = contentBytes(64 * KiB);
    const hash = createHash('sha256');
    const total = 20 * MiB;
    for (let sent = 0; sent < total; sent += content.length) {
      await eventually(() => sent - sink.consumedBytes < 256 * KiB, { everyMs: 0 });
      sink.handle?.write(content);
      hash.update(content);
    }
    sink.handle?.end();
    const { body } = await sink.done;
    expect(JSON.parse(body.toString())).toMatchObject({ bodyBytes: total, sha256: hash.digest('hex') });
  });

  test('downloads 10 MiB', async () => {
    const { body } = await stand.get(`/bytes/${10 * MiB}`);
    expect(body.equals(contentBytes(10 * MiB))).toBe(true);
  });

  test('gives a sink that consumes nothing no more than its window, and all of it once it consumes', async () => {
    const sink = new RecordingSink({ consumes: false });
    stand.start({ path: `/bytes/${5 * MiB}` }, null, sink);
    await settled(() => sink.receivedBytes);
    expect(sink.receivedBytes).toBeGreaterThan(128 * KiB);
    expect(sink.receivedBytes).toBeLessThanOrEqual(256 * KiB);
    sink.consumes = true;
    sink.handle?.consume(sink.receivedBytes);
    const { body } = await sink.done;
    expect(body.equals(contentBytes(5 * MiB))).toBe(true);
  });

  test('holds back a slow sink alone: a hundred of them do not use up the window of the session', async () => {
    // A hundred stream windows are more than the session window of 16 MiB.
    const slow = Array.from({ length: 100 }, () => {
      const sink = new RecordingSink({ consumes: false });
      sink.keepsBody = false;
      return stand.start({ path: `/bytes/${50 * MiB}` }, null, sink);
    });
    await settled(() => slow.reduce((sum, sink) => sum + sink.receivedBytes, 0));
    for (const sink of slow) expect(sink.receivedBytes).toBeLessThanOrEqual(256 * KiB);
    const { body } = await stand.get(`/bytes/${MiB}`);
    expect(body.length).toBe(MiB);
    for (const sink of slow) sink.handle?.cancel();
    await eventually(() => stand.session.activeStreams === 0);
  });

  test('runs a hundred exchanges at once on one connection', async () => {
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => stand.get(`/bytes/${i * 1000}`)));
    expect(outcomes.map(({ body }) => body.length)).toEqual(Array.from({ length: 100 }, (_, i) => i * 1000));
    expect(origin.stats()).toMatchObject({ connections: 1, sessions: 1, requests: 100 });
    expect(stand.session.startedStreams).toBe(100);
    await eventually(() => stand.session.activeStreams === 0);
  });

  test('cancels one exchange and keeps the others', async () => {
    const sink = stand.start({ path: '/drip?chunks=1000&ms=5&bytes=10' });
    const other = stand.start({ path: '/drip?chunks=5&ms=5&bytes=10' });
    await eventually(() => sink.receivedBytes > 0);
    sink.handle?.cancel();
    sink.isCancelled = true;
    await eventually(() => origin.stats().resets.CANCEL === 1);
    expect((await other.done).body.length).toBe(50);
    expect(sink.violations).toEqual([]);
    expect(stand.session.state).toBe('open');
  });

  test('ignores calls on an exchange that is over', async () => {
    const sink = stand.start({ path: '/' });
    await sink.done;
    sink.handle?.write(Buffer.from('late'));
    sink.handle?.end();
    sink.handle?.consume(10);
    sink.handle?.cancel();
    expect((await stand.get('/')).status).toBe(200);
    expect(sink.violations).toEqual([]);
    expect(origin.stats().resets).toEqual({});
  });

  test('answers PING with a round-trip time', async () => {
    const ms = await stand.session.ping(5000);
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThan(5000);
  });

  test('knows the address of the origin', () => {
    expect(stand.session.remoteAddress).toBe(`127.0.0.1:${origin.port}`);
  });

  test('drain closes an idle session at once, in order', async () => {
    stand.session.drain();
    expect(stand.session.state).toBe('draining');
    expect(await stand.events.closed).toBeNull();
    expect(stand.events.life).toEqual(['draining: local', 'closed: null']);
    expect(stand.session.state).toBe('closed');
    await eventually(() => origin.stats().openConnections === 0);
  });

  test('drain lets what runs finish and takes nothing new', async () => {
    const sink = stand.start({ path: '/drip?chunks=5&ms=5&bytes=10' });
    await eventually(() => sink.receivedBytes > 0);
    stand.session.drain();
    expect(stand.session.freeStreams).toBe(0);
    expect(() => stand.start({ path: '/' })).toThrow(expect.objectContaining({ code: 'no_room', processed: 'no' }));
    const { error, body } = await sink.done;
    expect([error, body.length]).toEqual([null, 50]);
    expect(await stand.events.closed).toBeNull();
    expect(stand.events.life).toEqual(['draining: local', 'closed: null']);
  });

  test('destroy ends every exchange with one error, then the session', async () => {
    const sinks = Array.from({ length: 5 }, () => stand.start({ path: '/drip?chunks=1000&ms=5&bytes=10' }));
    const uploading = stand.start({ path: '/inspect' }, 'stream');
    uploading.handle?.write(Buffer.alloc(100 * KiB));
    await eventually(() => sinks.every((sink) => sink.receivedBytes > 0));
    stand.session.destroy();
    expect(stand.session.state).toBe('closed');
    await stand.events.closed;
    for (const sink of [...sinks, uploading]) {
      expect(sink.calls.filter((call) => call === 'onError')).toHaveLength(1);
      expect(sink.error).toMatchObject({ code: 'session_destroyed', processed: 'maybe' });
      expect(sink.violations).toEqual([]);
    }
    expect(stand.events.life).toEqual(['draining: closed', 'closed: session_destroyed']);
    await expect(stand.session.ping(1000)).rejects.toMatchObject({ code: 'session_closed' });
  });

  test('passes a final response that comes while the body is still being sent, and drops the rest', async () => {
    const sink = stand.start({ path: '/refuse-body' }, contentBytes(5 * MiB));
    const { status, error, body } = await sink.done;
    expect([status, error, body.toString()]).toEqual([413, null, 'too much\n']);
    expect(sink.violations).toEqual([]);
    await eventually(() => stand.session.activeStreams === 0);
  });

  test('refuses field sections beyond the limits, up to them takes all', async () => {
    // Six lines of the origin's own come with them.
    const most = 1000 - 6;
    expect((await stand.get(`/headers?count=${most}`)).fields.length).toBe(2000);
    expect((await stand.get(`/headers?count=${most + 1}`)).error).toMatchObject({ code: 'fields_too_large' });
    expect((await stand.get(`/headers?count=10&bytes=${19 * KiB}`)).error).toBeNull();
    expect((await stand.get(`/headers?count=10&bytes=${20 * KiB}`)).error).toMatchObject({ code: 'fields_too_large' });
    expect((await stand.get('/headers?count=4000')).error?.http2Code ?? 'fields_too_large').toMatch(
      /^(fields_too_large|ENHANCE_YOUR_CALM)$/,
    );
    expect((await stand.get('/')).status).toBe(200);
  });

  test('refuses what HTTP/2 cannot carry before anything is sent', () => {
    const unsupported = expect.objectContaining({ code: 'unsupported', processed: 'no' });
    expect(() => stand.start({ method: 'CONNECT' })).toThrow(unsupported);
    expect(() => stand.start({ fields: ['connection', 'close'] })).toThrow(unsupported);
    expect(() => stand.start({ fields: ['bad name', '1'] })).toThrow(unsupported);
    expect(stand.session.activeStreams).toBe(0);
  });
});

describe.each(engines)('the stream limit, %s engine', (engine) => {
  test('is the origin`s, follows its changes, 0 included, and says when there is room', async () => {
    const noLeaks = watchLeaks();
    const origin = await TestOrigin.start({ plain: true, settings: { maxConcurrentStreams: 2 } });
    const stand = await openPlain(origin.port, engine);
    const { session, events } = stand;
    expect(session.freeStreams).toBe(2);
    const first = stand.start({ path: '/slow?ms=30' });
    const second = stand.start({ path: '/never' });
    expect([session.freeStreams, session.activeStreams]).toEqual([0, 2]);
    expect(() => stand.start({ path: '/' })).toThrow(expect.objectContaining({ code: 'no_room', processed: 'no' }));
    await first.done;
    await eventually(() => events.calls.includes('room'));
    expect(session.freeStreams).toBe(1);

    origin.changeSettings({ maxConcurrentStreams: 0 });
    await eventually(() => session.freeStreams === 0);
    expect(session.state).toBe('open');
    events.calls.length = 0;
    origin.changeSettings({ maxConcurrentStreams: 5 });
    await eventually(() => events.calls.includes('room'));
    expect(session.freeStreams).toBe(4);

    second.handle?.cancel();
    await eventually(() => session.freeStreams === 5);
    await stand[Symbol.asyncDispose]();
    await origin.close();
    await noLeaks();
  });

  test('is our own where the origin has none', async () => {
    const origin = await TestOrigin.start({ plain: true });
    const stand = await openPlain(origin.port, engine, { maxStreams: 7 });
    expect(stand.session.freeStreams).toBe(7);
    await stand[Symbol.asyncDispose]();
    await origin.close();
  });
});

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
