// An exchange that times out makes its session suspect, unless that answered another exchange meanwhile.

import { eventually, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { UpstreamError } from '../src/errors.ts';
import { Upstream } from './upstream-stand.ts';

const timeOut = new UpstreamError('first_byte_timeout', 'no response', { source: 'origin', processed: 'maybe' });

test.each([
  ['answers others', true, 0],
  ['answers nobody', false, 1],
] as const)('a session that %s meanwhile', async (_name, isAnswering, pings) => {
  // Every other request is answered; the first one keeps the session from falling idle.
  const peer = await ScriptedHttp2Peer.start(async (connection) => {
    for (let ordinal = 0; ; ordinal++) {
      const { streamId } = await connection.request();
      if (ordinal > 1) connection.headers(streamId, [':status', '200'], { endStream: true });
    }
  });
  using upstream = new Upstream();
  const url = `http://127.0.0.1:${peer.port}`;
  const options = { protocol: 'h2' } as const;
  const running = upstream.send(url, options);
  const late = upstream.send(url, options);
  await eventually(() => expect(upstream.registry.snapshot()).toMatchObject([{ startedStreams: 2 }]));
  if (isAnswering) expect((await upstream.send(url, options).ended).status).toBe(200);
  late.call('cancel', timeOut);
  expect(upstream.registry.snapshot()).toMatchObject([{ lastError: 'no response' }]);
  // Its answer comes after whatever was sent before it.
  expect((await upstream.send(url, options).ended).status).toBe(200);
  const [connection] = peer.connections as [PeerConnection];
  expect(connection.frames.filter(({ type }) => type === 'PING')).toHaveLength(pings);
  expect(upstream.registry.snapshot()).toMatchObject([{ state: 'open' }]);
  running.call('cancel');
  upstream.registry.destroy();
  await peer.close();
});
