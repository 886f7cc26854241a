// Frames that are all processed in one turn of JavaScript, with no tick between them, keep their meaning.
// A socket without a handle of its own makes node:http2 receive in such a way.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { engines } from '@hawser/http2';
import { eventually, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSession, type Stand, tcp, watchLeaks } from './stand.ts';

describe.each(engines)('frames of one turn, %s engine', (engine) => {
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

  /** Two exchanges, streams 1 and 3; what the script writes goes out as one segment, `before` in one of its own. */
  async function open(
    script: (connection: PeerConnection) => void,
    before: (connection: PeerConnection) => Promise<unknown> = async () => {},
  ) {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      await connection.request();
      await connection.request();
      await before(connection);
      connection.socket.cork();
      script(connection);
      connection.socket.uncork();
    });
    stand = await openSession(withoutHandle(await tcp(peer.port)), engine);
    return [stand.start(), stand.start()] as const;
  }

  test('a response and then a GOAWAY that ends the session: the response is whole', async () => {
    const [first, second] = await open((connection) => {
      connection.headers(1, [':status', '103', 'x-hint', '1']);
      connection.respond(1, 'whole');
      connection.headers(3, [':status', '200']);
      connection.data(3, 'half');
      connection.goaway(3, 'INTERNAL_ERROR');
    });
    const { error, body } = await first.done;
    expect([error, body.toString()]).toEqual([null, 'whole']);
    expect(first.calls).toEqual(['onInformational', 'onResponse', 'onData', 'onEnd']);
    expect((await second.done).error).toMatchObject({ code: 'session_closed', http2Code: 'INTERNAL_ERROR' });
    expect([...first.violations, ...second.violations]).toEqual([]);
  });

  test('head, body, trailers and a reset of another stream', async () => {
    const [first, second] = await open((connection) => {
      connection.headers(3, [':status', '200']);
      connection.data(3, 'half');
      connection.headers(1, [':status', '200']);
      connection.data(1, 'one ');
      connection.data(1, 'two');
      connection.headers(1, ['x-trailer', '1'], { endStream: true });
      connection.reset(3, 'NO_ERROR');
    });
    const { error, body, trailers } = await first.done;
    expect([error, body.toString(), trailers]).toEqual([null, 'one two', ['x-trailer', '1']]);
    expect(first.calls).toEqual(['onResponse', 'onData', 'onTrailers', 'onEnd']);
    expect((await second.done).error).toMatchObject({ code: 'stream_reset', http2Code: 'NO_ERROR' });
    expect([...first.violations, ...second.violations]).toEqual([]);
  });

  test('a response, and then what makes a sink destroy the session: the response is whole', async () => {
    const [first, second] = await open(
      (connection) => {
        connection.respond(1, 'whole');
        connection.data(3, 'enough');
      },
      async (connection) => {
        connection.headers(3, [':status', '200']);
        await eventually(() => second.status === 200);
      },
    );
    second.onData = () => stand.session.destroy();
    const { error, body } = await first.done;
    expect([error, body.toString()]).toEqual([null, 'whole']);
    expect((await second.done).error).toMatchObject({ code: 'session_destroyed' });
    expect([...first.violations, ...second.violations]).toEqual([]);
  });
});

/** The same connection as a stream that is all JavaScript. */
function withoutHandle(socket: Socket): Socket {
  const duplex = new Duplex({
    read: () => {},
    write: (chunk, encoding, done) => void socket.write(chunk, encoding, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => duplex.push(chunk));
  socket.on('end', () => duplex.push(null));
  socket.on('close', () => duplex.destroy());
  return duplex as unknown as Socket;
}
