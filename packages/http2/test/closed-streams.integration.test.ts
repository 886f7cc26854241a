// Frames of streams that the origin has ended (RFC 9113 sections 5.1 and 6.1); node:http2 ignores them.

import { eventually, http2Code, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlain, type Stand, watchLeaks } from './stand.ts';

type Send = (connection: PeerConnection, streamId: number) => void;

const frames: readonly (readonly [string, Send])[] = [
  ['DATA', (c, id) => c.data(id, 'late')],
  ['the end of DATA', (c, id) => c.data(id, '', { endStream: true })],
  ['HEADERS', (c, id) => c.headers(id, [':status', '200'], { endStream: true })],
];

describe('the native engine', () => {
  let noLeaks: () => Promise<void>;
  let peer: ScriptedHttp2Peer;
  let stand: Stand;

  beforeEach(() => {
    noLeaks = watchLeaks();
  });

  afterEach(async () => {
    await stand[Symbol.asyncDispose]();
    await peer.close();
    await noLeaks();
  });

  /** The first request is answered by `script`, each after it as usual. */
  async function open(script: Send): Promise<PeerConnection> {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      script(connection, (await connection.request()).streamId);
      for (;;) connection.respond((await connection.request()).streamId);
    });
    stand = await openPlain(peer.port, 'native');
    return peer.connections[0] as PeerConnection;
  }

  const told = (connection: PeerConnection, type: 'RST_STREAM' | 'GOAWAY') =>
    connection.frames.filter((frame) => frame.type === type).map(({ streamId, errorCode }) => [streamId, errorCode]);

  test.each(frames)('ends the session at %s behind END_STREAM', async (_name, send) => {
    const connection = await open((c, id) => {
      c.respond(id);
      send(c, id);
    });
    expect((await stand.start().done).error).toBeNull();
    expect(await stand.events.closed).toMatchObject({ code: 'protocol_error', http2Code: 'STREAM_CLOSED' });
    await eventually(() => connection.hasEnded);
    expect(told(connection, 'GOAWAY')).toEqual([[0, http2Code.STREAM_CLOSED]]);
  });

  test.each(frames)('answers %s behind RST_STREAM with one of its own, once, and goes on', async (_name, send) => {
    const connection = await open((c, id) => {
      c.reset(id, 'CANCEL');
      send(c, id);
      send(c, id);
    });
    expect((await stand.start().done).error).toMatchObject({ code: 'stream_reset', http2Code: 'CANCEL' });
    expect((await stand.start().done).error).toBeNull();
    expect(stand.session.state).toBe('open');
    await eventually(() => expect(told(connection, 'RST_STREAM')).toEqual([[1, http2Code.STREAM_CLOSED]]));
  });

  test('bears frames of the oldest of many streams that it has left', async () => {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      for (let left = 0; left < 1200; left++) {
        const { streamId } = await connection.request();
        connection.headers(streamId, ['no', 'status']);
      }
      connection.data(1, 'late');
      for (;;) connection.respond((await connection.request()).streamId);
    });
    stand = await openPlain(peer.port, 'native');
    for (let left = 0; left < 1200; left++) expect((await stand.start().done).error?.code).toBe('stream_reset');
    expect((await stand.start().done).error).toBeNull();
  });
});
