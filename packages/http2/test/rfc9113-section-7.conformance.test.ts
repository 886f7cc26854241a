// RFC 9113 section 7: every error code, and those that nobody knows, in RST_STREAM and in GOAWAY.

import { engines } from '@hawser/http2';
import { http2Code, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openPlain, type Stand } from './stand.ts';

const codes: readonly (readonly [string, number])[] = [
  ...Object.entries(http2Code),
  ['UNKNOWN_0xe', 0xe],
  ['UNKNOWN_0xffffffff', 0xffff_ffff],
];

describe.each(engines)('RFC 9113 section 7, %s engine', (engine) => {
  let peer: ScriptedHttp2Peer;
  let stand: Stand;

  afterEach(async () => {
    await stand[Symbol.asyncDispose]();
    await peer.close();
  });

  test('each code in RST_STREAM is told by name, and ends one stream', async () => {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      for (const [, code] of codes) connection.reset((await connection.request()).streamId, code);
      connection.respond((await connection.request()).streamId);
    });
    stand = await openPlain(peer.port, engine);
    for (const [name, number] of codes) {
      const { error, status } = await stand.get('/');
      const isRefused = number === http2Code.REFUSED_STREAM;
      expect(error, name).toMatchObject({
        code: isRefused ? 'stream_refused' : 'stream_reset',
        processed: isRefused ? 'no' : 'maybe',
        http2Code: name,
      });
      expect(status).toBe(0);
    }
    expect((await stand.get('/')).body.toString()).toBe('hello');
  });

  // NO_ERROR lets the session finish: see goaway.integration.test.ts.
  test.each(codes.slice(1))('GOAWAY with %s ends the session', async (name, number) => {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      await connection.request();
      await connection.request();
      connection.goaway(1, number);
    });
    stand = await openPlain(peer.port, engine);
    const [processed, unprocessed] = [stand.start(), stand.start()];
    expect((await processed.done).error).toMatchObject({ code: 'session_closed', processed: 'maybe', http2Code: name });
    expect((await unprocessed.done).error).toMatchObject({ code: 'goaway', processed: 'no', http2Code: name });
    expect(await stand.events.closed).toMatchObject({ code: 'session_closed', http2Code: name });
  });
});
