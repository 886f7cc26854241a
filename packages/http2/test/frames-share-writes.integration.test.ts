// What leaves in one write: a request on an idle session at once, those beside others with the turn of the event loop.

import type { Socket } from 'node:net';
import { ScriptedHttp2Peer } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { openSession, tcp } from './stand.ts';

test('a request on an idle session does not wait for the turn to end, those beside it share a write', async () => {
  const peer = await ScriptedHttp2Peer.start(async () => {});
  const socket = await tcp(peer.port);
  const stand = await openSession(socket, 'native');
  const writes = countWrites(socket);
  try {
    stand.start();
    await endOfTick();
    expect(writes.count).toBe(1);
    for (let i = 0; i < 3; i++) {
      stand.start();
      await endOfTick();
    }
    expect(writes.count).toBe(1);
    await endOfTurn();
    expect(writes.count).toBe(2);
  } finally {
    await stand[Symbol.asyncDispose]();
    await peer.close();
  }
});

function countWrites(socket: Socket): { count: number } {
  const writes = { count: 0 };
  const write = socket.write.bind(socket);
  socket.write = (...args: unknown[]) => {
    writes.count++;
    return write(...(args as Parameters<typeof write>));
  };
  return writes;
}

const endOfTick = () => new Promise<void>((resolve) => process.nextTick(resolve));
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
