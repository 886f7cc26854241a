// RST_STREAM from the origin, with every code and at every point of a response (RFC 9113 sections 5.4.2 and 8.7).

import { engines, type SessionError } from '@hawser/http2';
import { eventually, type Http2CodeName, http2Code, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingSink } from './recording-sink.ts';
import { openPlain, type Stand, watchLeaks } from './stand.ts';

describe.each(engines)('RST_STREAM, %s engine', (engine) => {
  let noLeaks: () => Promise<void>;
  let peer: ScriptedHttp2Peer;
  let stand: Stand;

  beforeEach(() => {
    noLeaks = watchLeaks();
  });

  afterEach(async () => {
    // One stream's reset is not the session's.
    expect(stand.session.state).toBe('open');
    await eventually(() => stand.session.activeStreams === 0);
    await stand[Symbol.asyncDispose]();
    await peer.close();
    await noLeaks();
  });

  async function open(script: (connection: PeerConnection, streamId: number) => Promise<void> | void): Promise<void> {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      for (;;) await script(connection, (await connection.request()).streamId);
    });
    stand = await openPlain(peer.port, engine);
  }

  test.each(Object.keys(http2Code) as Http2CodeName[])('%s before the head', async (code) => {
    await open((connection, streamId) => connection.reset(streamId, code));
    const sink = stand.start();
    const { error } = await sink.done;
    expect(error).toMatchObject(
      code === 'REFUSED_STREAM'
        ? { code: 'stream_refused', processed: 'no', http2Code: code }
        : { code: 'stream_reset', processed: 'maybe', http2Code: code },
    );
    expect(sink.calls).toEqual(['onError']);
    await eventually(() => stand.events.calls.includes('room'));
  });

  test.each(Object.keys(http2Code) as Http2CodeName[])('%s in the body is never a short success', async (code) => {
    await open((connection, streamId) => {
      connection.headers(streamId, [':status', '200']);
      connection.data(streamId, 'half of it');
      connection.reset(streamId, code);
    });
    const sink = stand.start();
    const { error, status } = await sink.done;
    expect(status).toBe(200);
    expect(error?.http2Code).toBe(code);
    expect(sink.calls).toEqual(['onResponse', 'onData', 'onError']);
    expect(sink.violations).toEqual([]);
  });

  test('the session does not count the stream any more when its sink hears of it', async () => {
    let requests = 0;
    await open((connection, streamId) => {
      if (++requests === 2) connection.reset(streamId, 'REFUSED_STREAM');
    });
    class CountingSink extends RecordingSink {
      active = -1;
      override onError(error: SessionError): void {
        this.active = stand.session.activeStreams;
        super.onError(error);
      }
    }
    const neighbour = stand.start();
    const refused = stand.start({}, null, new CountingSink()) as CountingSink;
    await refused.done;
    expect(refused.active).toBe(1);
    neighbour.handle?.cancel();
  });

  test('a code that RFC 9113 does not define', async () => {
    await open((connection, streamId) => connection.reset(streamId, 0x99));
    expect((await stand.start().done).error).toMatchObject({ code: 'stream_reset', http2Code: 'UNKNOWN_0x99' });
  });

  test('NO_ERROR after a whole response is a success, though the request body was not', async () => {
    await open((connection, streamId) => {
      connection.respond(streamId, 'enough');
      connection.reset(streamId, 'NO_ERROR');
    });
    const sink = stand.start({}, 'stream');
    sink.handle?.write(Buffer.from('some'));
    const { error, body } = await sink.done;
    expect([error, body.toString()]).toEqual([null, 'enough']);
  });

  test('leaves the other exchanges alone', async () => {
    await open((connection, streamId) => {
      if (streamId === 3) connection.reset(streamId, 'INTERNAL_ERROR');
      else connection.respond(streamId);
    });
    const sinks = [stand.start(), stand.start(), stand.start()];
    const errors = (await Promise.all(sinks.map((sink) => sink.done))).map(({ error }) => error?.code ?? null);
    expect(errors).toEqual([null, 'stream_reset', null]);
  });
});
