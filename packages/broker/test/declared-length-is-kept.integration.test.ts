import { FrameType, type RequestFrame } from '@hawser/protocol';
import { eventually, get, hello, RawClient } from '@hawser/testkit';
import { describe, expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

const declared = 6;

describe.each(['h2', 'h1'])('a streamed body whose content-length is wrong: %s', (protocol) => {
  test.each<[string, string | null, string[], number]>([
    ['too short', null, ['abc'], 3],
    ['empty', null, [], 0],
    ['too long', null, ['abc', 'defg'], 7],
    ['too long at once', 'abcdefg', [], 7],
  ])('%s: that exchange is refused and taken back, the next one is right', async (_name, inline, chunks, bytes) => {
    await using stand = await TestStand.start({ originConfig: [`protocol: ${protocol}`] });
    using client = await RawClient.connect(stand.socket);
    const request = postOf(stand, inline);
    client.send(hello(), request);
    for (const chunk of chunks) client.send({ type: FrameType.data, exchangeId: 1, payload: Buffer.from(chunk) });
    client.send({ type: FrameType.end, exchangeId: 1, trailers: [], facts: null });
    const error = await client.next((frame) => frame.type === FrameType.error);
    expect(error).toMatchObject({ exchangeId: 1, name: 'request_invalid', source: 'client' });
    expect(error).toMatchObject({ message: `'content-length' is ${declared}, the body has ${bytes} bytes` });
    await eventually(() => expect(stand.origin.stats().openRequests).toBe(0));
    client.send(get(2, `${stand.origin.url}/`));
    expect(await client.next((frame) => frame.type === FrameType.response)).toMatchObject({
      exchangeId: 2,
      status: 200,
    });
  });

  test('and one that is right is not held up', async () => {
    await using stand = await TestStand.start({ originConfig: [`protocol: ${protocol}`] });
    using client = await RawClient.connect(stand.socket);
    client.send(hello(), postOf(stand, 'abc'));
    client.send({ type: FrameType.data, exchangeId: 1, payload: Buffer.from('def') });
    client.send({ type: FrameType.end, exchangeId: 1, trailers: [], facts: null });
    const response = await client.next((frame) => frame.type === FrameType.response);
    expect(response).toMatchObject({ exchangeId: 1, status: 200 });
  });
});

/** A POST that declares its length, with the first bytes of its body. */
function postOf(stand: TestStand, inline: string | null): RequestFrame {
  return {
    type: FrameType.request,
    exchangeId: 1,
    end: false,
    timeoutMs: 0,
    method: 'POST',
    url: `${stand.origin.url}/inspect`,
    fields: ['content-length', String(declared)],
    body: inline === null ? null : Buffer.from(inline),
  };
}
