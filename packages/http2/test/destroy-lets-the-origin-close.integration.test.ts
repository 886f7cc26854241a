// A session that is destroyed while responses come: the origin reads why, and closes its end without an error.

import { eventually, FakeClock, http2Code, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { RecordingSink } from './recording-sink.ts';
import { openPlain } from './stand.ts';

/** Responds without end, and closes its end when the client has closed its own. */
function keepSending(connection: PeerConnection, streamId: number): void {
  connection.headers(streamId, [':status', '200']);
  const chunk = Buffer.alloc(1000);
  const pump = setInterval(() => {
    if (connection.hasEnded) {
      clearInterval(pump);
      connection.end();
    } else for (let i = 0; i < 20; i++) connection.data(streamId, chunk);
  }, 0);
}

test('what was said last arrives, in order, and no reset of the connection', async () => {
  const peer = await ScriptedHttp2Peer.start(async (connection) => {
    keepSending(connection, (await connection.request()).streamId);
  });
  // Time stands still: the bound on the wait is not what closes the socket.
  const stand = await openPlain(peer.port, 'native', { clock: new FakeClock(), sessionWindowBytes: 2 ** 31 - 1 });
  const sink = stand.start({}, null, new RecordingSink());
  sink.keepsBody = false;
  await eventually(() => sink.receivedBytes > 10_000);
  stand.session.destroy();
  expect((await sink.done).error).toMatchObject({ code: 'session_destroyed' });
  const connection = peer.connections[0] as PeerConnection;
  await stand.events.closed;
  await eventually(() => connection.socket.closed);
  expect(connection.socket.errored).toBeNull();
  const [reset, goaway] = connection.frames.slice(-2);
  expect([reset?.type, reset?.errorCode]).toEqual(['RST_STREAM', http2Code.CANCEL]);
  expect([goaway?.type, goaway?.errorCode]).toEqual(['GOAWAY', http2Code.NO_ERROR]);
  await stand[Symbol.asyncDispose]();
  await peer.close();
});

test('an origin that does not close its end is left all the same', async () => {
  const peer = await ScriptedHttp2Peer.start(async (connection) => {
    connection.headers((await connection.request()).streamId, [':status', '200']);
  });
  const stand = await openPlain(peer.port, 'native');
  const sink = stand.start();
  await eventually(() => sink.status === 200);
  stand.session.destroy();
  await stand.events.closed;
  expect(stand.socket.destroyed).toBe(true);
  expect(peer.connections[0]?.socket.destroyed).toBe(false);
  await peer.close();
});
